// SPDX-License-Identifier: Apache-2.0
// The look-ups of a compiled program that are more than a member access.
#include "runtime/json_schema_program.h"

#include <array>
#include <boost/json/string.hpp>

#include "base/json_native.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

TypeMask type_of(const json::value& value) noexcept {
  switch (value.kind()) {
    case json::kind::null:
      return kNullType;
    case json::kind::bool_:
      return kBooleanType;
    case json::kind::string:
      return kStringType;
    case json::kind::array:
      return kArrayType;
    case json::kind::object:
      return kObjectType;
    default:
      return is_integral(value) ? kIntegralType : kFractionalType;
  }
}

std::string type_names(TypeMask types) {
  constexpr auto kNames =
      std::to_array<std::pair<TypeMask, std::string_view>>({{kNullType, "null"},
                                                            {kBooleanType, "boolean"},
                                                            {kIntegralType | kFractionalType, "number"},
                                                            {kIntegralType, "integer"},
                                                            {kFractionalType, "number"},
                                                            {kStringType, "string"},
                                                            {kArrayType, "array"},
                                                            {kObjectType, "object"}});
  std::string names;
  for (const auto& [mask, name] : kNames) {
    if ((types & mask) != mask) continue;
    types = static_cast<TypeMask>(types & ~mask);
    names.append(names.empty() ? "" : " or ").append(name);
  }
  return names;
}

void ValueSet::insert(const json::value& value) {
  types_ |= type_of(value);
  if (const json::string* text = value.if_string()) {
    strings_.emplace(text->data(), text->size());
  } else {
    std::string bytes;
    base::append_canonical(bytes, value);
    others_.insert(std::move(bytes));
  }
}

bool ValueSet::contains(const json::value& value) const {
  // Spares writing out large values that cannot be in the set.
  if ((types_ & type_of(value)) == 0) return false;
  if (const json::string* text = value.if_string())
    return strings_.contains(std::string_view(text->data(), text->size()));
  std::string bytes;
  base::append_canonical(bytes, value);
  return others_.contains(bytes);
}

void Properties::insert(std::string_view name, const Node* node) {
  positions_.emplace(name, list_.size());
  list_.push_back({std::string(name), node});
}

const Node* Properties::find(std::string_view name, std::size_t& hint) const noexcept {
  if (hint < list_.size() && list_[hint].name == name) return list_[hint++].node;
  const auto found = positions_.find(name);
  if (found == positions_.end()) return nullptr;
  hint = found->second + 1;
  return list_[found->second].node;
}

}  // namespace symphainy::runtime::json_schema
