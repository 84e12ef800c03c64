// SPDX-License-Identifier: Apache-2.0
// The intent ingest_file: a file's content becomes an artifact, a reference of type "file", and an event. The content
// goes by in pieces, so any size takes the same memory, and a file that changed meanwhile leaves nothing behind.
#pragma once

#include <string_view>

#include "symphainy/domain_service.h"

#include "domains/content/confined_path.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::domains::content {

inline constexpr std::string_view kIngestFile = "ingest_file";

[[nodiscard]] IntentSupport ingest_file_support();

/// `parameters` have met the schema. The artifact has the file's name where that is a name by
/// the grammar, else "content". Reasons: those of confined_path.h, file_changed, invalid_base64.
[[nodiscard]] Result<HandlerResult> ingest_file(public_works::FileSystem& files, const ReadableDirectories& readable,
                                                const Json& parameters, ExecutionContext& context);

}  // namespace symphainy::domains::content
