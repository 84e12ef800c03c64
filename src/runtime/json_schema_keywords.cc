// SPDX-License-Identifier: Apache-2.0
// What each keyword compiles to, and the form that its value must have. A keyword that the table
// does not list, or not for the dialect at hand, is an annotation.
#include <boost/json/string.hpp>
#include <fmt/format.h>
#include <unordered_map>

#include "runtime/json_schema_compile.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

enum class Vocabulary { core, applicator, validation, unevaluated };
enum class Drafts { both, only_7, only_2020_12 };

std::string_view view(const json::string& text) noexcept {
  return {text.data(), text.size()};
}

bool is_in(const Dialect& dialect, Vocabulary vocabulary) noexcept {
  switch (vocabulary) {
    case Vocabulary::core:
      return true;
    case Vocabulary::applicator:
      return dialect.has_applicators;
    case Vocabulary::validation:
      return dialect.has_validation;
    case Vocabulary::unevaluated:
      return dialect.has_unevaluated;
  }
  return true;
}

bool is_in(const Dialect& dialect, Drafts drafts) noexcept {
  return drafts == Drafts::both || (dialect.draft == Draft::draft_7) == (drafts == Drafts::only_7);
}

TypeMask type_named(std::string_view name) noexcept {
  if (name == "null") return kNullType;
  if (name == "boolean") return kBooleanType;
  if (name == "integer") return kIntegralType;
  if (name == "number") return kIntegralType | kFractionalType;
  if (name == "string") return kStringType;
  if (name == "array") return kArrayType;
  if (name == "object") return kObjectType;
  return 0;
}

}  // namespace

struct Compiler::KeywordRule {
  Handler handler;
  Vocabulary vocabulary = Vocabulary::validation;
  Drafts drafts = Drafts::both;
};

const std::unordered_map<std::string_view, Compiler::KeywordRule>& Compiler::keyword_rules() {
  using enum Vocabulary;
  using enum Drafts;
  static const std::unordered_map<std::string_view, KeywordRule> kRules{
      {"$ref", {&Compiler::compile_reference, core}},
      {"$dynamicRef", {&Compiler::compile_dynamic_reference, core, only_2020_12}},
      {"$defs", {&Compiler::compile_definitions, core, only_2020_12}},
      {"definitions", {&Compiler::compile_definitions, core}},
      {"$comment", {&Compiler::check_text, core}},
      {"title", {&Compiler::check_text, core}},
      {"description", {&Compiler::check_text, core}},
      {"format", {&Compiler::check_text, core}},
      {"contentEncoding", {&Compiler::check_text, core}},
      {"contentMediaType", {&Compiler::check_text, core}},
      {"contentSchema", {&Compiler::compile_subschema, core, only_2020_12}},
      {"readOnly", {&Compiler::check_flag, core}},
      {"writeOnly", {&Compiler::check_flag, core}},
      {"deprecated", {&Compiler::check_flag, core, only_2020_12}},
      {"x-sensitive", {&Compiler::compile_sensitive, core}},
      {"type", {&Compiler::compile_type}},
      {"enum", {&Compiler::compile_enum}},
      {"const", {&Compiler::compile_const}},
      {"multipleOf", {&Compiler::compile_multiple_of}},
      {"minimum", {&Compiler::compile_bound}},
      {"maximum", {&Compiler::compile_bound}},
      {"exclusiveMinimum", {&Compiler::compile_bound}},
      {"exclusiveMaximum", {&Compiler::compile_bound}},
      {"minLength", {&Compiler::compile_size}},
      {"maxLength", {&Compiler::compile_size}},
      {"minItems", {&Compiler::compile_size}},
      {"maxItems", {&Compiler::compile_size}},
      {"minProperties", {&Compiler::compile_size}},
      {"maxProperties", {&Compiler::compile_size}},
      {"minContains", {&Compiler::compile_size, validation, only_2020_12}},
      {"maxContains", {&Compiler::compile_size, validation, only_2020_12}},
      {"pattern", {&Compiler::compile_pattern}},
      {"uniqueItems", {&Compiler::compile_unique_items}},
      {"required", {&Compiler::compile_required}},
      {"dependentRequired", {&Compiler::compile_dependent_required, validation, only_2020_12}},
      {"dependentSchemas", {&Compiler::compile_dependent_schemas, applicator, only_2020_12}},
      {"dependencies", {&Compiler::compile_dependencies, applicator, only_7}},
      {"properties", {&Compiler::compile_properties, applicator}},
      {"patternProperties", {&Compiler::compile_pattern_properties, applicator}},
      {"additionalProperties", {&Compiler::compile_subschema, applicator}},
      {"propertyNames", {&Compiler::compile_subschema, applicator}},
      {"items", {&Compiler::compile_items, applicator}},
      {"prefixItems", {&Compiler::compile_prefix_items, applicator, only_2020_12}},
      {"additionalItems", {&Compiler::compile_additional_items, applicator, only_7}},
      {"contains", {&Compiler::compile_subschema, applicator}},
      {"unevaluatedItems", {&Compiler::compile_subschema, unevaluated, only_2020_12}},
      {"unevaluatedProperties", {&Compiler::compile_subschema, unevaluated, only_2020_12}},
      {"allOf", {&Compiler::compile_alternatives, applicator}},
      {"anyOf", {&Compiler::compile_alternatives, applicator}},
      {"oneOf", {&Compiler::compile_alternatives, applicator}},
      {"not", {&Compiler::compile_subschema, applicator}},
      {"if", {&Compiler::compile_subschema, applicator}},
      {"then", {&Compiler::compile_subschema, applicator}},
      {"else", {&Compiler::compile_subschema, applicator}},
  };
  return kRules;
}

void Compiler::compile_keyword(Node& node, const json::value& value, const Dialect& dialect) {
  const auto found = keyword_rules().find(keyword_);
  if (found == keyword_rules().end()) return;
  const KeywordRule& rule = found->second;
  if (is_in(dialect, rule.vocabulary) && is_in(dialect, rule.drafts)) (this->*rule.handler)(node, value);
}

void Compiler::compile_reference(Node& node, const json::value& value) {
  if (!value.is_string()) return refuse("must be a string that holds a URI reference");
  auto target = documents_.resolve(place_, keyword_, view(value.get_string()));
  if (!target) {
    error_ = std::move(target).error();
    return;
  }
  node.reference = node_for(*target->value);
}

void Compiler::compile_dynamic_reference(Node& node, const json::value& value) {
  if (!value.is_string()) return refuse("must be a string that holds a URI reference");
  auto target = documents_.resolve(place_, keyword_, view(value.get_string()));
  if (!target) {
    error_ = std::move(target).error();
    return;
  }
  node.dynamic_reference = node_for(*target->value);
  node.dynamic_anchor = std::move(target->dynamic_anchor);
  if (!node.dynamic_anchor.empty()) program_->has_dynamic_references = true;
}

void Compiler::compile_type(Node& node, const json::value& value) {
  constexpr std::string_view kForm =
      "must be one of null, boolean, integer, number, string, array, object, or an array of them "
      "without repeats";
  if (const json::string* name = value.if_string()) {
    node.types = type_named(view(*name));
    if (node.types == 0) refuse(kForm);
    return;
  }
  const json::array* names = value.if_array();
  if (names == nullptr || names->empty()) return refuse(kForm);
  std::unordered_set<std::string_view> seen;
  node.types = 0;
  for (const json::value& name : *names) {
    const TypeMask type = name.is_string() ? type_named(view(name.get_string())) : TypeMask{0};
    if (type == 0 || !seen.insert(view(name.get_string())).second) return refuse(kForm);
    node.types |= type;
  }
}

void Compiler::compile_enum(Node& node, const json::value& value) {
  const json::array* values = value.if_array();
  if (values == nullptr) return refuse("must be an array");
  ValueSet& set = rules_of(node.enumeration);
  for (const json::value& item : *values) set.insert(item);
}

void Compiler::compile_const(Node& node, const json::value& value) {
  rules_of(node.constant).insert(value);
}

void Compiler::compile_multiple_of(Node& node, const json::value& value) {
  if (!value.is_number() || compare_numbers(value, json::value(0)) <= 0) return refuse("must be a number above 0");
  rules_of(node.number).multiple_of = Decimal::magnitude_of(value);
}

void Compiler::compile_bound(Node& node, const json::value& value) {
  if (!value.is_number()) return refuse("must be a number");
  NumberRules& rules = rules_of(node.number);
  if (keyword_ == "minimum") rules.minimum = value;
  if (keyword_ == "maximum") rules.maximum = value;
  if (keyword_ == "exclusiveMinimum") rules.exclusive_minimum = value;
  if (keyword_ == "exclusiveMaximum") rules.exclusive_maximum = value;
}

void Compiler::compile_size(Node& node, const json::value& value) {
  const auto size = size_of(value);
  if (!size) return;
  if (keyword_ == "minLength") rules_of(node.string).min_length = size;
  if (keyword_ == "maxLength") rules_of(node.string).max_length = size;
  if (keyword_ == "minItems") rules_of(node.array).min_items = size;
  if (keyword_ == "maxItems") rules_of(node.array).max_items = size;
  if (keyword_ == "minContains") rules_of(node.array).min_contains = *size;
  if (keyword_ == "maxContains") rules_of(node.array).max_contains = size;
  if (keyword_ == "minProperties") rules_of(node.object).min_properties = size;
  if (keyword_ == "maxProperties") rules_of(node.object).max_properties = size;
}

void Compiler::compile_pattern(Node& node, const json::value& value) {
  if (!value.is_string()) return refuse("must be a string that holds a regular expression");
  rules_of(node.string).pattern = pattern_of(view(value.get_string()));
}

void Compiler::compile_items(Node& node, const json::value& value) {
  const bool is_draft_7 = documents_.dialect_of(place_).draft == Draft::draft_7;
  if (is_draft_7 && value.is_array()) return compile_prefix_items(node, value);
  rules_of(node.array).rest = node_for(value);
}

void Compiler::compile_prefix_items(Node& node, const json::value& value) {
  const json::array* schemas = value.if_array();
  if (schemas == nullptr) return refuse("must be an array of schemas");
  for (const json::value& schema : *schemas) rules_of(node.array).prefix.push_back(node_for(schema));
}

void Compiler::compile_additional_items(Node& node, const json::value& value) {
  const Node* rest = node_for(value);
  const json::value* items = schema_->if_contains("items");
  if (items != nullptr && items->is_array()) rules_of(node.array).rest = rest;
}

void Compiler::compile_unique_items(Node& node, const json::value& value) {
  if (!value.is_bool()) return refuse("must be true or false");
  if (value.get_bool()) rules_of(node.array).unique_items = true;
}

void Compiler::compile_required(Node& node, const json::value& value) {
  rules_of(node.object).required = names_of(value);
}

void Compiler::compile_dependent_required(Node& node, const json::value& value) {
  const json::object* dependencies = object_of(value);
  if (dependencies == nullptr) return;
  for (const auto& member : *dependencies)
    rules_of(node.object).dependent_required.emplace_back(member.key(), names_of(member.value()));
}

void Compiler::compile_dependent_schemas(Node& node, const json::value& value) {
  const json::object* dependencies = object_of(value);
  if (dependencies == nullptr) return;
  for (const auto& member : *dependencies)
    rules_of(node.object).dependent_schemas.push_back({member.key(), node_for(member.value())});
}

void Compiler::compile_dependencies(Node& node, const json::value& value) {
  const json::object* dependencies = object_of(value);
  if (dependencies == nullptr) return;
  ObjectRules& rules = rules_of(node.object);
  for (const auto& member : *dependencies) {
    if (member.value().is_array())
      rules.dependent_required.emplace_back(member.key(), names_of(member.value()));
    else
      rules.dependent_schemas.push_back({member.key(), node_for(member.value())});
  }
}

void Compiler::compile_properties(Node& node, const json::value& value) {
  const json::object* properties = object_of(value);
  if (properties == nullptr) return;
  for (const auto& member : *properties)
    rules_of(node.object).properties.insert(member.key(), node_for(member.value()));
}

void Compiler::compile_pattern_properties(Node& node, const json::value& value) {
  const json::object* properties = object_of(value);
  if (properties == nullptr) return;
  for (const auto& member : *properties) {
    auto pattern = pattern_of(member.key());
    if (!pattern) return;
    rules_of(node.object).pattern_properties.emplace_back(*std::move(pattern), node_for(member.value()));
  }
}

void Compiler::compile_subschema(Node& node, const json::value& value) {
  const Node* subschema = node_for(value);
  if (keyword_ == "additionalProperties") rules_of(node.object).additional = subschema;
  if (keyword_ == "propertyNames") rules_of(node.object).names = subschema;
  if (keyword_ == "contains") rules_of(node.array).contains = subschema;
  if (keyword_ == "not") rules_of(node.combinations).negated = subschema;
  if (keyword_ == "if") rules_of(node.combinations).condition = subschema;
  if (keyword_ == "then") rules_of(node.combinations).consequence = subschema;
  if (keyword_ == "else") rules_of(node.combinations).alternative = subschema;
  if (keyword_ == "unevaluatedItems") rules_of(node.array).unevaluated = subschema;
  if (keyword_ == "unevaluatedProperties") rules_of(node.object).unevaluated = subschema;
  if (keyword_.starts_with("unevaluated")) node.tracks_evaluation = true;
}

void Compiler::compile_alternatives(Node& node, const json::value& value) {
  const json::array* schemas = value.if_array();
  if (schemas == nullptr || schemas->empty()) return refuse("must be an array of at least one schema");
  Combinations& rules = rules_of(node.combinations);
  auto& list = keyword_ == "allOf" ? rules.all_of : keyword_ == "anyOf" ? rules.any_of : rules.one_of;
  for (const json::value& schema : *schemas) list.push_back(node_for(schema));
}

// What nothing refers to is compiled too, so that its mistakes show.
void Compiler::compile_definitions(Node&, const json::value& value) {
  const json::object* definitions = object_of(value);
  if (definitions == nullptr) return;
  for (const auto& member : *definitions) (void)node_for(member.value());
}

void Compiler::compile_sensitive(Node& node, const json::value& value) {
  if (!value.is_bool()) return refuse("must be true or false");
  node.is_sensitive = value.get_bool();
  if (node.is_sensitive) program_->has_sensitive_nodes = true;
}

void Compiler::check_text(Node&, const json::value& value) {
  if (!value.is_string()) refuse("must be a string");
}

void Compiler::check_flag(Node&, const json::value& value) {
  if (!value.is_bool()) refuse("must be true or false");
}

std::optional<std::uint64_t> Compiler::size_of(const json::value& value) {
  if (!value.is_number() || !is_integral(value) || compare_numbers(value, json::value(0)) < 0) {
    refuse("must be an integer of 0 or more");
    return {};
  }
  if (compare_numbers(value, json::value(UINT64_MAX)) > 0) return UINT64_MAX;
  return value.is_double() ? static_cast<std::uint64_t>(value.get_double()) : value.to_number<std::uint64_t>();
}

std::vector<std::string> Compiler::names_of(const json::value& value) {
  constexpr std::string_view kForm = "must be an array of strings without repeats";
  std::vector<std::string> names;
  const json::array* items = value.if_array();
  if (items == nullptr) refuse(kForm);
  if (items == nullptr) return names;
  std::unordered_set<std::string_view> seen;
  for (const json::value& item : *items) {
    if (!item.is_string() || !seen.insert(view(item.get_string())).second) {
      refuse(kForm);
      return names;
    }
    names.emplace_back(view(item.get_string()));
  }
  return names;
}

const json::object* Compiler::object_of(const json::value& value) {
  if (!value.is_object()) refuse("must be an object");
  return value.if_object();
}

std::optional<Pattern> Compiler::pattern_of(std::string_view text) {
  auto pattern = Pattern::compile(text);
  if (pattern) return *std::move(pattern);
  const PatternProblem& problem = pattern.error();
  refuse(fmt::format("has the pattern '{}': {}", text, problem.message),
         problem.is_unsupported ? "unsupported_pattern" : "invalid_schema");
  return {};
}

}  // namespace symphainy::runtime::json_schema
