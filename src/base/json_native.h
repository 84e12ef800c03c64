// SPDX-License-Identifier: Apache-2.0
// The one place where a Json is seen as the Boost.JSON value that it is. Never include this from a public header.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "symphainy/json.h"

namespace symphainy::base {

static_assert(sizeof(Json) == sizeof(boost::json::value) && alignof(Json) == alignof(boost::json::value),
              "Json's storage must fit the value it holds");

// A Json is nothing but a boost::json::value's bytes, so an element inside a native array or object can be seen as a
// Json too.
inline boost::json::value& native(Json& json) noexcept {
  return reinterpret_cast<boost::json::value&>(json);
}
inline const boost::json::value& native(const Json& json) noexcept {
  return reinterpret_cast<const boost::json::value&>(json);
}
inline Json& as_json(boost::json::value& value) noexcept {
  return reinterpret_cast<Json&>(value);
}
inline const Json& as_json(const boost::json::value& value) noexcept {
  return reinterpret_cast<const Json&>(value);
}
Json to_json(boost::json::value value) noexcept;

/// Appends the canonical form (RFC 8785, integers with all their digits).
void append_canonical(std::string& out, const boost::json::value& value);
/// Appends a JSON string literal with the minimal escapes of RFC 8785. `text` must be valid UTF-8.
void append_canonical_string(std::string& out, std::string_view text);

}  // namespace symphainy::base
