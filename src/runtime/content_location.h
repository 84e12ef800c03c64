// SPDX-License-Identifier: Apache-2.0
// Where content is that this runtime keeps: in the artifact store under its digest, or in the log with its execution.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "symphainy/execution_context.h"

#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::runtime {

/// "artifact:<digest>"
[[nodiscard]] std::string artifact_location(std::string_view digest);
/// "execution:<execution_id>/<artifact name>"
[[nodiscard]] std::string execution_location(std::string_view execution_id, std::string_view artifact_name);

struct ContentStores {
  public_works::StateStore& state;
  public_works::EventLog& log;
  public_works::ArtifactStore& artifacts;
};

/// invalid_argument (reason "content_elsewhere") when the location is not one of these two kinds.
[[nodiscard]] Result<std::unique_ptr<ContentSource>> open_content(const ContentStores& stores,
                                                                  const std::string& tenant,
                                                                  const Reference& reference);

}  // namespace symphainy::runtime
