// SPDX-License-Identifier: Apache-2.0
// Members of JSON whose schema has been checked: that they are there, and of which kind, is known.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <symphainy/json.h>

namespace policy_migration {

[[nodiscard]] inline std::string text_of(const symphainy::Json& object, std::string_view member) {
  return std::string(object.find(member)->as_string().value());
}

[[nodiscard]] inline std::uint64_t number_of(const symphainy::Json& object, std::string_view member) {
  return object.find(member)->as_uint64().value();
}

[[nodiscard]] inline std::uint64_t number_of(const symphainy::Json& object, std::string_view member,
                                             std::uint64_t absent) {
  return object.find(member) == nullptr ? absent : number_of(object, member);
}

}  // namespace policy_migration
