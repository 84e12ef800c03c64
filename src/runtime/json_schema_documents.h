// SPDX-License-Identifier: Apache-2.0
// The documents that a compile sees, and the names in them: which value a URI means, what base and
// which dialect apply to a subschema. Identifiers count only where a schema can stand, not inside
// enum, const or unknown keywords.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/json_schema.h"
#include "runtime/json_schema_program.h"

namespace symphainy::runtime::json_schema {

using Draft = SchemaOptions::Draft;

struct Dialect {
  Draft draft = Draft::draft_2020_12;
  bool has_applicators = true;
  bool has_validation = true;
  bool has_unevaluated = true;
};

/// A schema document, or a part of one with an identifier of its own.
struct SchemaResource {
  std::string uri;
  const boost::json::value* root = nullptr;
  Dialect dialect;
  StringMap<const boost::json::value*> anchors;  ///< dynamic ones included
  StringMap<const boost::json::value*> dynamic_anchors;
};

/// Where a subschema stands.
struct Place {
  std::size_t resource = 0;
  std::string location;  ///< as SchemaViolation::schema_pointer
};

struct ReferenceTarget {
  const boost::json::value* value = nullptr;
  std::string dynamic_anchor;  ///< when the fragment names one
};

/// An error of a schema, as JsonSchema::compile reports it.
[[nodiscard]] Error schema_error(std::string_view location, std::string_view keyword, std::string_view message,
                                 std::string reason = "invalid_schema");

class SchemaDocuments {
 public:
  explicit SchemaDocuments(const SchemaOptions& options) : options_(options) {}

  [[nodiscard]] Result<void> add_root(const boost::json::value& schema);
  /// What a reference in that place means; loads the document that it names when it is not known
  /// yet.
  [[nodiscard]] Result<ReferenceTarget> resolve(const Place& from, std::string_view keyword,
                                                std::string_view reference);

  /// Null when no schema can stand there.
  [[nodiscard]] const Place* find_place(const boost::json::value& subschema) const noexcept;
  [[nodiscard]] const std::vector<SchemaResource>& resources() const noexcept { return resources_; }
  [[nodiscard]] const Dialect& dialect_of(const Place& place) const noexcept {
    return resources_[place.resource].dialect;
  }

 private:
  struct Unscanned {
    const boost::json::value* value;
    Place place;
    bool is_document = false;
  };

  Result<void> add_document(const boost::json::value& document, std::string uri, std::string location);
  Result<void> scan(Unscanned first);
  Result<void> scan_one(Unscanned& item, std::vector<Unscanned>& rest);
  Result<void> name_resource(Unscanned& item, const boost::json::object& schema);
  Result<void> begin_resource(Unscanned& item, std::string uri, const Dialect& dialect);
  Result<void> name_anchors(const Unscanned& item, const boost::json::object& schema);
  Result<void> add_anchor(const Unscanned& item, std::string_view keyword, std::string_view name);
  Result<Dialect> find_dialect(std::string_view uri, const Place& from, int hops);
  Result<const boost::json::value*> follow_pointer(const SchemaResource& resource, std::string_view pointer,
                                                   const Place& from, std::string_view keyword);

  const SchemaOptions& options_;
  std::vector<SchemaResource> resources_;
  StringMap<std::size_t> resources_by_uri_;
  std::unordered_map<const boost::json::value*, Place> places_;
};

}  // namespace symphainy::runtime::json_schema
