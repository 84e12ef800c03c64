// SPDX-License-Identifier: Apache-2.0
#include "domains/content/content_service.h"

#include <memory>
#include <utility>

#include "base/try.h"
#include "domains/content/analyze_content.h"
#include "domains/content/confined_path.h"
#include "domains/content/ingest_file.h"

namespace symphainy::domains::content {

ContentService::ContentService(public_works::FileSystem& files, ReadableDirectories readable)
    : files_(files), readable_(std::move(readable)) {}

std::vector<IntentSupport> ContentService::supported_intents() const {
  return {ingest_file_support(), analyze_content_support()};
}

Task<Result<HandlerResult>> ContentService::handle_intent(const Intent& intent, ExecutionContext& context) {
  if (intent.intent_type == kIngestFile) co_return ingest_file(files_, readable_, intent.parameters, context);
  if (intent.intent_type == kAnalyzeContent) co_return analyze_content(intent.parameters, context);
  co_return fail(ErrorCode::internal, "the content domain was given an intent of type " + intent.intent_type);
}

Result<void> register_content(Runtime& runtime, public_works::FileSystem& files, const std::vector<std::string>& roots,
                              const std::vector<std::string>& reserved) {
  TRY(ReadableDirectories readable, readable_directories(files, roots, reserved));
  return runtime.register_service(std::make_shared<ContentService>(files, std::move(readable)));
}

}  // namespace symphainy::domains::content
