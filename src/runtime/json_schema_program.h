// SPDX-License-Identifier: Apache-2.0
// What a schema is compiled to: one node per subschema, with every reference resolved to the node
// it means. A program owns all that it needs, never changes after compile, and may contain cycles,
// but only through parts of the instance.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/json_schema_numbers.h"
#include "runtime/json_schema_regex.h"

namespace symphainy::runtime::json_schema {

struct Node;

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <typename T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;
using StringSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

/// A set of the types of JSON Schema. A number is integral or fractional; "number" is both.
using TypeMask = std::uint8_t;
inline constexpr TypeMask kNullType = 1;
inline constexpr TypeMask kBooleanType = 2;
inline constexpr TypeMask kIntegralType = 4;
inline constexpr TypeMask kFractionalType = 8;
inline constexpr TypeMask kStringType = 16;
inline constexpr TypeMask kArrayType = 32;
inline constexpr TypeMask kObjectType = 64;
inline constexpr TypeMask kAnyType = 127;

[[nodiscard]] TypeMask type_of(const boost::json::value& value) noexcept;
/// "integer or null"
[[nodiscard]] std::string type_names(TypeMask types);

/// The values of enum or const. Look-ups do not depend on how many there are: equal values have
/// equal canonical bytes.
class ValueSet {
 public:
  void insert(const boost::json::value& value);
  [[nodiscard]] bool contains(const boost::json::value& value) const;
  [[nodiscard]] std::size_t size() const noexcept { return strings_.size() + others_.size(); }

 private:
  TypeMask types_ = 0;
  StringSet strings_;
  StringSet others_;  ///< canonical bytes
};

struct NumberRules {
  std::optional<boost::json::value> minimum;
  std::optional<boost::json::value> maximum;
  std::optional<boost::json::value> exclusive_minimum;
  std::optional<boost::json::value> exclusive_maximum;
  std::optional<Decimal> multiple_of;
};

struct StringRules {
  std::optional<std::uint64_t> min_length;
  std::optional<std::uint64_t> max_length;
  std::optional<Pattern> pattern;
};

struct ArrayRules {
  std::optional<std::uint64_t> min_items;
  std::optional<std::uint64_t> max_items;
  bool unique_items = false;
  std::vector<const Node*> prefix;
  const Node* rest = nullptr;  ///< of the items after the prefix
  const Node* contains = nullptr;
  std::uint64_t min_contains = 1;
  std::optional<std::uint64_t> max_contains;
  const Node* unevaluated = nullptr;
};

struct Property {
  std::string name;
  const Node* node = nullptr;
};

/// Members by name. Instances tend to list members in the schema's order, so the place after the
/// last hit is tried first.
class Properties {
 public:
  void insert(std::string_view name, const Node* node);
  [[nodiscard]] const Node* find(std::string_view name, std::size_t& hint) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return list_.empty(); }

 private:
  std::vector<Property> list_;
  StringMap<std::size_t> positions_;
};

struct ObjectRules {
  std::optional<std::uint64_t> min_properties;
  std::optional<std::uint64_t> max_properties;
  std::vector<std::string> required;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  std::vector<Property> dependent_schemas;
  Properties properties;
  std::vector<std::pair<Pattern, const Node*>> pattern_properties;
  const Node* additional = nullptr;
  const Node* names = nullptr;
  const Node* unevaluated = nullptr;
};

struct Combinations {
  std::vector<const Node*> all_of;
  std::vector<const Node*> any_of;
  std::vector<const Node*> one_of;
  const Node* negated = nullptr;
  const Node* condition = nullptr;
  const Node* consequence = nullptr;
  const Node* alternative = nullptr;
};

struct Node {
  std::string location;  ///< as SchemaViolation::schema_pointer
  std::string keyword;   ///< of the parent, that holds this subschema
  std::size_t index = 0;
  std::size_t resource = 0;
  bool is_true = false;   ///< accepts everything and says nothing about it
  bool is_false = false;  ///< accepts nothing
  bool is_sensitive = false;
  bool tracks_evaluation = false;  ///< has unevaluatedProperties or unevaluatedItems
  TypeMask types = kAnyType;
  std::unique_ptr<ValueSet> enumeration;
  std::unique_ptr<ValueSet> constant;
  std::unique_ptr<NumberRules> number;
  std::unique_ptr<StringRules> string;
  std::unique_ptr<ArrayRules> array;
  std::unique_ptr<ObjectRules> object;
  std::unique_ptr<Combinations> combinations;
  const Node* reference = nullptr;
  const Node* dynamic_reference = nullptr;  ///< where it leads when no scope overrides its anchor
  std::string dynamic_anchor;               ///< empty when the reference is not dynamic after all
};

struct Resource {
  StringMap<const Node*> dynamic_anchors;
};

struct Program {
  std::deque<Node> nodes;  ///< a deque keeps addresses
  std::vector<Resource> resources;
  const Node* root = nullptr;
  bool has_dynamic_references = false;
  bool has_sensitive_nodes = false;
};

/// The rules of that kind, created when absent.
template <typename Rules>
Rules& rules_of(std::unique_ptr<Rules>& rules) {
  if (!rules) rules = std::make_unique<Rules>();
  return *rules;
}

}  // namespace symphainy::runtime::json_schema
