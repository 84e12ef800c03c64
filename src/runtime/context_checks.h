// SPDX-License-Identifier: Apache-2.0
// What the context refuses of what a handler gives it: invalid_argument, reason "invalid_<what>".
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy::runtime {

[[nodiscard]] std::unexpected<Error> refused(std::string_view what, std::string message);
[[nodiscard]] Result<void> check_name(std::string_view what, std::string_view member, std::string_view value);
[[nodiscard]] Result<void> check_text(std::string_view what, std::string_view member, std::string_view value);
/// Length of the value's canonical JSON. What goes into the log must be readable back from it, and a value built in a
/// program may hold any bytes and nest at will.
[[nodiscard]] Result<std::size_t> recordable(std::string_view what, const Json& value, std::size_t max_bytes);
/// What texts take in a record at most: a character that JSON escapes takes up to six bytes.
[[nodiscard]] std::size_t text_bytes(std::initializer_list<std::string_view> texts);

}  // namespace symphainy::runtime
