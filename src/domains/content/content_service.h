// SPDX-License-Identifier: Apache-2.0
// The content domain: real files become references with their profiles. It reads files only where it may, and
// everything else it does goes through the execution's context.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "symphainy/domain_service.h"
#include "symphainy/runtime.h"

#include "domains/content/confined_path.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::domains::content {

/// Stateless, so its handlers may run at the same time.
class ContentService final : public DomainService {
 public:
  /// `files` outlives the service.
  ContentService(public_works::FileSystem& files, ReadableDirectories readable);

  [[nodiscard]] std::string_view name() const override { return "content"; }
  [[nodiscard]] std::vector<IntentSupport> supported_intents() const override;
  [[nodiscard]] Task<Result<HandlerResult>> handle_intent(const Intent& intent, ExecutionContext& context) override;

 private:
  public_works::FileSystem& files_;
  const ReadableDirectories readable_;
};

/// Registers ingest_file and analyze_content. `files` outlives the runtime. Files are read from `roots` and below
/// (none: the working directory, as it is now), and never from `reserved`: the runtime's data directory belongs there,
/// because it holds every tenant's content. An error with reason "invalid_root" when one of them is no directory.
[[nodiscard]] Result<void> register_content(Runtime& runtime, public_works::FileSystem& files,
                                            const std::vector<std::string>& roots,
                                            const std::vector<std::string>& reserved = {});

}  // namespace symphainy::domains::content
