// SPDX-License-Identifier: Apache-2.0
// The intent analyze_content: the profile of a stored file becomes a JSON artifact and a reference of type "analysis"
// that is derived from the file's. A profile is only given for content that is, byte for byte, what the reference
// names.
#pragma once

#include <string_view>

#include "symphainy/domain_service.h"

namespace symphainy::domains::content {

inline constexpr std::string_view kAnalyzeContent = "analyze_content";

[[nodiscard]] IntentSupport analyze_content_support();

/// `parameters` have met the schema. Reasons: unknown_reference (also when it is another tenant's), content_damaged,
/// not_tabular, and those of the profilers' limits.
[[nodiscard]] Result<HandlerResult> analyze_content(const Json& parameters, ExecutionContext& context);

}  // namespace symphainy::domains::content
