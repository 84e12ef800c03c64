// SPDX-License-Identifier: Apache-2.0
// URI references (RFC 3986) and JSON pointers (RFC 6901), as far as schemas use them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace symphainy::runtime::json_schema {

/// Resolves a reference against a base (RFC 3986, section 5.2). An empty base leaves the reference
/// as it is.
[[nodiscard]] std::string resolve_uri(std::string_view base, std::string_view reference);

[[nodiscard]] bool is_absolute_uri(std::string_view uri) noexcept;

struct SplitUri {
  std::string_view document;  ///< all before '#'
  std::string_view fragment;  ///< all after it, still percent-encoded
};
[[nodiscard]] SplitUri split_fragment(std::string_view uri) noexcept;

/// Nothing when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// Appends "/" and the token with '~' and '/' escaped.
void append_pointer_token(std::string& pointer, std::string_view token);

/// The token as a member name: "~1" is '/', "~0" is '~'.
[[nodiscard]] std::string unescaped_pointer_token(std::string_view token);

}  // namespace symphainy::runtime::json_schema
