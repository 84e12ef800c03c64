// SPDX-License-Identifier: Apache-2.0
// The assertions on values, numbers, strings, arrays and objects. Messages state what the schema
// asks for and never quote the instance's values.
#include <algorithm>
#include <boost/json/string.hpp>
#include <fmt/format.h>
#include <utility>

#include "base/json_native.h"
#include "runtime/json_schema_validate.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

// Up to here comparing all pairs is cheaper than writing the items out; the work stays proportional
// to their size.
constexpr std::size_t kFewItems = 12;

std::string text_of(const json::value& value) {
  std::string text;
  base::append_canonical(text, value);
  return text;
}

std::size_t count_code_points(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

struct EqualItems {
  std::size_t first;
  std::size_t second;
};

std::optional<EqualItems> find_equal_few(const json::array& array) {
  for (std::size_t second = 1; second < array.size(); ++second)
    for (std::size_t first = 0; first < second; ++first)
      if (base::as_json(array[first]) == base::as_json(array[second])) return EqualItems{first, second};
  return {};
}

// Equal items have equal canonical bytes, so sorting those puts them side by side.
std::optional<EqualItems> find_equal(const json::array& array) {
  if (array.size() <= kFewItems) return find_equal_few(array);
  std::vector<std::pair<std::string, std::size_t>> items;
  items.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) items.emplace_back(text_of(array[i]), i);
  std::sort(items.begin(), items.end());
  const auto equal =
      std::adjacent_find(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (equal == items.end()) return {};
  return EqualItems{equal->second, std::next(equal)->second};
}

}  // namespace

bool SchemaRun::check_values(const Node& node, const json::value& value, const InstancePath& path) {
  bool is_valid = true;
  if (node.types != kAnyType && (node.types & type_of(value)) == 0)
    is_valid = violate(node, "type", path, [&] {
      return fmt::format("must be {}, is {}", type_names(node.types), type_names(type_of(value)));
    });
  if (node.enumeration && !node.enumeration->contains(value))
    is_valid = violate(node, "enum", path,
                       [&] { return fmt::format("is none of the {} allowed values", node.enumeration->size()); });
  if (node.constant && !node.constant->contains(value))
    is_valid = violate(node, "const", path, [] { return "is not the one allowed value"; });
  return is_valid;
}

bool SchemaRun::check_number(const Node& node, const json::value& value, const InstancePath& path) {
  const NumberRules& rules = *node.number;
  bool is_valid = true;
  const auto check = [&](const std::optional<json::value>& bound, std::string_view keyword, std::string_view words,
                         auto is_within) {
    if (bound && !is_within(compare_numbers(value, *bound)))
      is_valid = violate(node, keyword, path, [&] { return fmt::format("must be {} {}", words, text_of(*bound)); });
  };
  check(rules.minimum, "minimum", "at least", [](auto order) { return order >= 0; });
  check(rules.maximum, "maximum", "at most", [](auto order) { return order <= 0; });
  check(rules.exclusive_minimum, "exclusiveMinimum", "above", [](auto order) { return order > 0; });
  check(rules.exclusive_maximum, "exclusiveMaximum", "below", [](auto order) { return order < 0; });
  if (rules.multiple_of && !is_multiple(Decimal::magnitude_of(value), *rules.multiple_of))
    is_valid = violate(node, "multipleOf", path, [&] {
      return fmt::format("must be a multiple of {}e{}", rules.multiple_of->digits, rules.multiple_of->exponent);
    });
  return is_valid;
}

bool SchemaRun::check_string(const Node& node, std::string_view text, const InstancePath& path) {
  const StringRules& rules = *node.string;
  bool is_valid = true;
  if (rules.min_length || rules.max_length) {
    const std::size_t length = count_code_points(text);
    if (rules.min_length && length < *rules.min_length)
      is_valid = violate(node, "minLength", path, [&] {
        return fmt::format("must have at least {} characters, has {}", *rules.min_length, length);
      });
    if (rules.max_length && length > *rules.max_length)
      is_valid = violate(node, "maxLength", path, [&] {
        return fmt::format("must have at most {} characters, has {}", *rules.max_length, length);
      });
  }
  if (!is_valid && !is_exhaustive()) return false;
  if (rules.pattern && !rules.pattern->is_found_in(text))
    is_valid = violate(node, "pattern", path,
                       [&] { return fmt::format("must match the pattern {}", rules.pattern->source()); });
  return is_valid;
}

bool SchemaRun::check_array(const Node& node, const json::array& array, const InstancePath& path,
                            EvaluatedParts* seen) {
  const ArrayRules& rules = *node.array;
  bool is_valid = true;
  if (rules.min_items && array.size() < *rules.min_items)
    is_valid = violate(node, "minItems", path, [&] {
      return fmt::format("must have at least {} items, has {}", *rules.min_items, array.size());
    });
  if (rules.max_items && array.size() > *rules.max_items)
    is_valid = violate(node, "maxItems", path, [&] {
      return fmt::format("must have at most {} items, has {}", *rules.max_items, array.size());
    });
  if (!is_valid && !is_exhaustive()) return false;
  is_valid &= check_items(node, array, path, seen);
  if (!is_valid && !is_exhaustive()) return false;
  if (rules.contains) is_valid &= check_contains(node, array, path, seen);
  if (!is_valid && !is_exhaustive()) return false;
  if (rules.unique_items) is_valid &= check_unique(node, array, path);
  return is_valid;
}

bool SchemaRun::check_items(const Node& node, const json::array& array, const InstancePath& path,
                            EvaluatedParts* seen) {
  const ArrayRules& rules = *node.array;
  const std::size_t end = rules.rest ? array.size() : std::min(array.size(), rules.prefix.size());
  bool is_valid = true;
  for (std::size_t i = 0; i < end; ++i) {
    const Node& item_node = i < rules.prefix.size() ? *rules.prefix[i] : *rules.rest;
    is_valid &= evaluate(item_node, array[i], InstancePath{&path, {}, i, true}, nullptr);
    if (!is_valid && !is_exhaustive()) return false;
    if (seen) seen->add(i);
  }
  return is_valid;
}

bool SchemaRun::check_contains(const Node& node, const json::array& array, const InstancePath& path,
                               EvaluatedParts* seen) {
  const ArrayRules& rules = *node.array;
  const bool can_stop = seen == nullptr && sensitive_ == nullptr && !rules.max_contains;
  std::uint64_t matches = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (can_stop && matches >= rules.min_contains) break;
    if (!accepts(*rules.contains, array[i], InstancePath{&path, {}, i, true}, nullptr)) continue;
    ++matches;
    if (seen) seen->add(i);
  }
  if (matches < rules.min_contains)
    return violate(node, rules.min_contains == 1 ? "contains" : "minContains", path, [&] {
      return fmt::format("must have at least {} matching items, has {}", rules.min_contains, matches);
    });
  if (rules.max_contains && matches > *rules.max_contains)
    return violate(node, "maxContains", path, [&] {
      return fmt::format("must have at most {} matching items, has {}", *rules.max_contains, matches);
    });
  return true;
}

bool SchemaRun::check_unique(const Node& node, const json::array& array, const InstancePath& path) {
  const auto equal = find_equal(array);
  if (!equal) return true;
  return violate(node, "uniqueItems", path,
                 [&] { return fmt::format("items {} and {} are equal", equal->first, equal->second); });
}

bool SchemaRun::check_object(const Node& node, const json::value& value, const InstancePath& path,
                             EvaluatedParts* seen) {
  const json::object& object = value.get_object();
  bool is_valid = check_presence(node, object, path);
  if (!is_valid && !is_exhaustive()) return false;
  if (node.object->names) is_valid &= check_names(node, object, path);
  if (!is_valid && !is_exhaustive()) return false;
  is_valid &= check_members(node, object, path, seen);
  for (const Property& dependency : node.object->dependent_schemas) {
    if (!is_valid && !is_exhaustive()) return false;
    if (object.contains(dependency.name)) is_valid &= evaluate(*dependency.node, value, path, seen);
  }
  return is_valid;
}

bool SchemaRun::check_presence(const Node& node, const json::object& object, const InstancePath& path) {
  const ObjectRules& rules = *node.object;
  bool is_valid = true;
  if (rules.min_properties && object.size() < *rules.min_properties)
    is_valid = violate(node, "minProperties", path, [&] {
      return fmt::format("must have at least {} members, has {}", *rules.min_properties, object.size());
    });
  if (rules.max_properties && object.size() > *rules.max_properties)
    is_valid = violate(node, "maxProperties", path, [&] {
      return fmt::format("must have at most {} members, has {}", *rules.max_properties, object.size());
    });
  for (const std::string& name : rules.required) {
    if (object.contains(name)) continue;
    is_valid = violate(node, "required", path, [&] { return fmt::format("member \"{}\" is missing", name); });
    if (!is_exhaustive()) return false;
  }
  for (const auto& [present, names] : rules.dependent_required) {
    if (!object.contains(present)) continue;
    for (const std::string& name : names)
      if (!object.contains(name))
        is_valid = violate(node, "dependentRequired", path,
                           [&] { return fmt::format("member \"{}\" is missing, which \"{}\" needs", name, present); });
  }
  return is_valid;
}

bool SchemaRun::check_names(const Node& node, const json::object& object, const InstancePath& path) {
  bool is_valid = true;
  for (const auto& member : object) {
    const json::value name(member.key());
    is_valid &= evaluate(*node.object->names, name, InstancePath{&path, member.key(), 0, false}, nullptr);
    if (!is_valid && !is_exhaustive()) return false;
  }
  return is_valid;
}

bool SchemaRun::check_members(const Node& node, const json::object& object, const InstancePath& path,
                              EvaluatedParts* seen) {
  const ObjectRules& rules = *node.object;
  if (rules.properties.empty() && rules.pattern_properties.empty() && !rules.additional) return true;
  bool is_valid = true;
  std::size_t hint = 0;
  std::size_t index = 0;
  for (const auto& member : object) {
    const InstancePath inner{&path, member.key(), 0, false};
    bool is_known = false;
    const auto apply_to_member = [&](const Node& member_node) {
      is_known = true;
      is_valid &= evaluate(member_node, member.value(), inner, nullptr);
    };
    if (const Node* property = rules.properties.find(member.key(), hint)) apply_to_member(*property);
    for (const auto& [pattern, pattern_node] : rules.pattern_properties)
      if (pattern.is_found_in(member.key())) apply_to_member(*pattern_node);
    if (!is_known && rules.additional) apply_to_member(*rules.additional);
    if (!is_valid && !is_exhaustive()) return false;
    if (is_known && seen) seen->add(index);
    ++index;
  }
  return is_valid;
}

}  // namespace symphainy::runtime::json_schema
