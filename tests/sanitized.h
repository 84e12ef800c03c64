// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace symphainy::tests {

/// A sanitizer's own memory and slowness make some measurements mean nothing.
#if defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace symphainy::tests
