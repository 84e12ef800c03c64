// SPDX-License-Identifier: Apache-2.0
// One iterative walk over the places where schemas can stand collects identifiers and anchors,
// before anything is compiled: a reference may point forward, or into a part that nothing else
// reaches.
#include "runtime/json_schema_documents.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/string.hpp>
#include <charconv>
#include <fmt/format.h>
#include <utility>

#include "base/json_native.h"
#include "base/try.h"
#include "runtime/json_schema_uri.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

constexpr int kMaxMetaschemaHops = 8;
constexpr std::string_view kVocabularies = "https://json-schema.org/draft/2020-12/vocab/";

// How a keyword holds subschemas.
enum class Shape { one, list, map };

struct ApplicatorKeyword {
  std::string_view name;
  Shape shape;
  bool in_draft_7;
  bool in_2020_12;
};

constexpr auto kApplicators = std::to_array<ApplicatorKeyword>({
    {"$defs", Shape::map, false, true},
    {"definitions", Shape::map, true, true},
    {"properties", Shape::map, true, true},
    {"patternProperties", Shape::map, true, true},
    {"additionalProperties", Shape::one, true, true},
    {"propertyNames", Shape::one, true, true},
    {"dependencies", Shape::map, true, false},
    {"dependentSchemas", Shape::map, false, true},
    {"items", Shape::one, true, true},
    {"items", Shape::list, true, false},
    {"prefixItems", Shape::list, false, true},
    {"additionalItems", Shape::one, true, false},
    {"contains", Shape::one, true, true},
    {"unevaluatedItems", Shape::one, false, true},
    {"unevaluatedProperties", Shape::one, false, true},
    {"allOf", Shape::list, true, true},
    {"anyOf", Shape::list, true, true},
    {"oneOf", Shape::list, true, true},
    {"not", Shape::one, true, true},
    {"if", Shape::one, true, true},
    {"then", Shape::one, true, true},
    {"else", Shape::one, true, true},
    {"contentSchema", Shape::one, false, true},
});

std::string_view view(const json::string& text) noexcept {
  return {text.data(), text.size()};
}

bool can_be_schema(const json::value& value) noexcept {
  return value.is_object() || value.is_bool();
}

const json::string* string_member(const json::object& object, std::string_view key) noexcept {
  const json::value* value = object.if_contains(key);
  return value ? value->if_string() : nullptr;
}

std::string extended(std::string_view location, std::string_view token) {
  std::string result(location);
  append_pointer_token(result, token);
  return result;
}

// The item or member that a token of a pointer names, or null.
const json::value* step(const json::value& value, std::string_view token) noexcept {
  if (const json::object* object = value.if_object()) return object->if_contains(token);
  const json::array* array = value.if_array();
  std::size_t index = 0;
  const auto [stop, status] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (array == nullptr || status != std::errc{} || stop != token.data() + token.size()) return {};
  if (token.size() > 1 && token[0] == '0') return nullptr;
  return array->if_contains(index);
}

}  // namespace

Error schema_error(std::string_view location, std::string_view keyword, std::string_view message, std::string reason) {
  const std::string where = location.empty() ? "its root" : std::string(location);
  return Error{ErrorCode::invalid_argument,
               keyword.empty() ? fmt::format("the schema at {} {}", where, message)
                               : fmt::format("the schema's {} at {} {}", keyword, where, message),
               std::move(reason), Json::object({{"schema_pointer", location}, {"keyword", keyword}})};
}

Result<void> SchemaDocuments::add_root(const json::value& schema) {
  return add_document(schema, "", "");
}

Result<void> SchemaDocuments::add_document(const json::value& document, std::string uri, std::string location) {
  Dialect dialect;
  dialect.draft = options_.default_draft;
  Unscanned item{&document, Place{0, std::move(location)}, true};
  TRY(begin_resource(item, std::move(uri), dialect));
  return scan(std::move(item));
}

Result<void> SchemaDocuments::scan(Unscanned first) {
  std::vector<Unscanned> rest;
  rest.push_back(std::move(first));
  while (!rest.empty()) {
    Unscanned item = std::move(rest.back());
    rest.pop_back();
    if (places_.contains(item.value)) continue;
    TRY(scan_one(item, rest));
  }
  return {};
}

Result<void> SchemaDocuments::scan_one(Unscanned& item, std::vector<Unscanned>& rest) {
  const json::object* schema = item.value->if_object();
  if (schema != nullptr) {
    TRY(name_resource(item, *schema));
    TRY(name_anchors(item, *schema));
  }
  places_.emplace(item.value, item.place);
  if (schema == nullptr) return {};
  const bool is_draft_7 = dialect_of(item.place).draft == Draft::draft_7;
  const auto add = [&](const json::value& value, std::string location) {
    if (can_be_schema(value)) rest.push_back({&value, Place{item.place.resource, std::move(location)}, false});
  };
  for (const ApplicatorKeyword& keyword : kApplicators) {
    if (is_draft_7 ? !keyword.in_draft_7 : !keyword.in_2020_12) continue;
    const json::value* value = schema->if_contains(keyword.name);
    if (value == nullptr) continue;
    const std::string location = extended(item.place.location, keyword.name);
    if (keyword.shape == Shape::one) add(*value, location);
    if (keyword.shape == Shape::list && value->is_array())
      for (std::size_t i = 0; i < value->get_array().size(); ++i)
        add(value->get_array()[i], extended(location, std::to_string(i)));
    if (keyword.shape == Shape::map && value->is_object())
      for (const auto& member : value->get_object()) add(member.value(), extended(location, member.key()));
  }
  return {};
}

// Reads $schema and $id; a new identifier makes the item the root of a resource of its own.
Result<void> SchemaDocuments::name_resource(Unscanned& item, const json::object& schema) {
  Dialect dialect = dialect_of(item.place);
  const json::value* id_value = schema.if_contains("$id");
  const json::value* dialect_value = schema.if_contains("$schema");
  if (dialect_value != nullptr && (item.is_document || id_value != nullptr)) {
    if (!dialect_value->is_string())
      return std::unexpected(schema_error(item.place.location, "$schema", "must be a string that holds a URI"));
    TRY(dialect, find_dialect(view(dialect_value->get_string()), item.place, 0));
    if (item.is_document) resources_[item.place.resource].dialect = dialect;
  }
  const bool is_draft_7 = dialect.draft == Draft::draft_7;
  // In draft 7 a reference hides all its siblings, an identifier too.
  if (id_value == nullptr || (is_draft_7 && schema.contains("$ref"))) return {};
  if (!id_value->is_string()) return std::unexpected(schema_error(item.place.location, "$id", "must be a string"));
  const std::string uri = resolve_uri(resources_[item.place.resource].uri, view(id_value->get_string()));
  const auto [document, fragment] = split_fragment(uri);
  if (!is_draft_7 && !fragment.empty())
    return std::unexpected(schema_error(item.place.location, "$id", "must not have a fragment"));
  const bool is_only_anchor = view(id_value->get_string()).starts_with('#');
  if (!is_only_anchor) {
    if (item.is_document && !resources_by_uri_.contains(document)) {
      resources_[item.place.resource].uri = document;
      resources_by_uri_.emplace(document, item.place.resource);
    } else if (!item.is_document) {
      TRY(begin_resource(item, std::string(document), dialect));
    } else if (resources_by_uri_.find(document)->second != item.place.resource) {
      return std::unexpected(schema_error(item.place.location, "$id", "is the identifier of another schema too"));
    }
  }
  return fragment.empty() ? Result<void>{} : add_anchor(item, "$id", fragment);
}

Result<void> SchemaDocuments::begin_resource(Unscanned& item, std::string uri, const Dialect& dialect) {
  const auto [entry, is_new] = resources_by_uri_.emplace(uri, resources_.size());
  if (!is_new)
    return std::unexpected(schema_error(item.place.location, "$id", "is the identifier of another schema too"));
  item.place.resource = resources_.size();
  resources_.push_back(SchemaResource{std::move(uri), item.value, dialect, {}, {}});
  return {};
}

Result<void> SchemaDocuments::name_anchors(const Unscanned& item, const json::object& schema) {
  if (dialect_of(item.place).draft == Draft::draft_7) return {};
  for (const std::string_view keyword : {"$anchor", "$dynamicAnchor"}) {
    const json::value* value = schema.if_contains(keyword);
    if (value == nullptr) continue;
    if (!value->is_string() || value->get_string().empty() ||
        view(value->get_string()).find_first_of("#/%") != std::string_view::npos)
      return std::unexpected(schema_error(item.place.location, keyword, "must be a plain name without # / %"));
    TRY(add_anchor(item, keyword, view(value->get_string())));
  }
  return {};
}

Result<void> SchemaDocuments::add_anchor(const Unscanned& item, std::string_view keyword, std::string_view name) {
  SchemaResource& resource = resources_[item.place.resource];
  const auto [entry, is_new] = resource.anchors.emplace(name, item.value);
  if (!is_new && entry->second != item.value)
    return std::unexpected(
        schema_error(item.place.location, keyword, "names an anchor that the same schema has already"));
  if (keyword == "$dynamicAnchor") resource.dynamic_anchors.emplace(name, item.value);
  return {};
}

Result<Dialect> SchemaDocuments::find_dialect(std::string_view uri, const Place& from, int hops) {
  const auto refuse = [&](std::string_view message) {
    return std::unexpected(schema_error(from.location, "$schema", message));
  };
  if (uri.ends_with('#')) uri.remove_suffix(1);
  if (uri == "https://json-schema.org/draft/2020-12/schema") return Dialect{};
  if (uri == "http://json-schema.org/draft-07/schema" || uri == "https://json-schema.org/draft-07/schema")
    return Dialect{Draft::draft_7, true, true, true};
  const Json* metaschema = options_.find_document && is_absolute_uri(uri) && hops < kMaxMetaschemaHops
                               ? options_.find_document(uri)
                               : nullptr;
  if (metaschema == nullptr || !metaschema->is_object())
    return refuse(fmt::format("names the unknown dialect {}", uri));
  const json::object& object = base::native(*metaschema).get_object();
  const json::string* parent = string_member(object, "$schema");
  if (parent == nullptr) return refuse("names a dialect that does not say which draft it is of");
  TRY(Dialect dialect, find_dialect(view(*parent), from, hops + 1));
  const json::value* vocabularies = object.if_contains("$vocabulary");
  if (vocabularies == nullptr || dialect.draft == Draft::draft_7) return dialect;
  if (!vocabularies->is_object()) return refuse("names a dialect whose $vocabulary is no object");
  dialect.has_applicators = dialect.has_validation = dialect.has_unevaluated = false;
  for (const auto& member : vocabularies->get_object()) {
    std::string_view name = member.key();
    if (name.starts_with(kVocabularies)) name.remove_prefix(kVocabularies.size());
    if (name == "applicator") {
      dialect.has_applicators = true;
    } else if (name == "validation") {
      dialect.has_validation = true;
    } else if (name == "unevaluated") {
      dialect.has_unevaluated = true;
    } else if (name != "core" && name != "meta-data" && name != "format-annotation" && name != "content" &&
               !(member.value().is_bool() && !member.value().get_bool())) {
      return refuse(fmt::format("names a dialect that requires the vocabulary {}", name));
    }
  }
  return dialect;
}

Result<ReferenceTarget> SchemaDocuments::resolve(const Place& from, std::string_view keyword,
                                                 std::string_view reference) {
  const std::string uri = resolve_uri(resources_[from.resource].uri, reference);
  const auto [document, encoded_fragment] = split_fragment(uri);
  auto found = resources_by_uri_.find(document);
  if (found == resources_by_uri_.end()) {
    const Json* loaded =
        options_.find_document && is_absolute_uri(document) ? options_.find_document(document) : nullptr;
    if (loaded == nullptr)
      return std::unexpected(
          schema_error(from.location, keyword, fmt::format("refers to {}, which is not a known document", uri)));
    TRY(add_document(base::native(*loaded), std::string(document), fmt::format("{}#", document)));
    found = resources_by_uri_.find(document);
  }
  const SchemaResource& resource = resources_[found->second];
  const auto fragment = percent_decoded(encoded_fragment);
  if (!fragment) return std::unexpected(schema_error(from.location, keyword, "has a malformed % escape"));
  if (fragment->empty()) return ReferenceTarget{resource.root, {}};
  if (fragment->starts_with('/')) {
    TRY(const json::value* value, follow_pointer(resource, *fragment, from, keyword));
    return ReferenceTarget{value, {}};
  }
  const auto anchor = resource.anchors.find(*fragment);
  if (anchor == resource.anchors.end())
    return std::unexpected(
        schema_error(from.location, keyword, fmt::format("refers to {}, which has no such anchor", uri)));
  return ReferenceTarget{anchor->second, resource.dynamic_anchors.contains(*fragment) ? *fragment : std::string()};
}

Result<const json::value*> SchemaDocuments::follow_pointer(const SchemaResource& resource, std::string_view pointer,
                                                           const Place& from, std::string_view keyword) {
  const json::value* value = resource.root;
  Place place = places_.at(value);
  for (std::string_view rest = pointer; !rest.empty();) {
    rest.remove_prefix(1);
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string token = unescaped_pointer_token(rest.substr(0, end));
    rest.remove_prefix(end);
    value = step(*value, token);
    if (value == nullptr)
      return std::unexpected(
          schema_error(from.location, keyword, fmt::format("refers to {}, where there is nothing", pointer)));
    append_pointer_token(place.location, token);
    if (const Place* known = find_place(*value)) place = *known;
  }
  // A target that no keyword reaches is a schema nevertheless, by being referred to.
  if (find_place(*value) == nullptr) TRY(scan({value, std::move(place), false}));
  return value;
}

const Place* SchemaDocuments::find_place(const json::value& subschema) const noexcept {
  const auto found = places_.find(&subschema);
  return found == places_.end() ? nullptr : &found->second;
}

}  // namespace symphainy::runtime::json_schema
