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

[[nodiscard]] bool is_artifact_location(std::string_view location) noexcept;
/// Whether the digest is the one that the location "artifact:<digest>" names; true when either is not there.
[[nodiscard]] bool digest_matches(std::string_view location, std::string_view digest);

/// Content in the artifact store has no tenant: whoever knows the digest could read it. So a reference may name such
/// content only when its execution stored it or its tenant has a reference to it already; this is what else it gets.
/// Never looks at what the artifact store holds: the answer is the same whether another tenant has the content or not.
[[nodiscard]] std::unexpected<Error> foreign_content(const Reference& reference);

struct ContentStores {
  public_works::StateStore& state;
  const public_works::EventLog& log;
  public_works::ArtifactStore& artifacts;
};

/// invalid_argument (reason "content_elsewhere") when the location is not one of these two kinds.
[[nodiscard]] Result<std::unique_ptr<ContentSource>> open_content(const ContentStores& stores,
                                                                  const std::string& tenant,
                                                                  const Reference& reference);

}  // namespace symphainy::runtime
