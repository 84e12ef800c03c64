// SPDX-License-Identifier: Apache-2.0
// From a schema document to a program. Works off a list of subschemas rather than recursing, so
// that neither nesting nor chains of references can overflow the stack; the first error ends it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/json_schema.h"
#include "runtime/json_schema_documents.h"
#include "runtime/json_schema_program.h"

namespace symphainy::runtime::json_schema {

class Compiler {
 public:
  explicit Compiler(const SchemaOptions& options) : documents_(options), program_(std::make_unique<Program>()) {}

  [[nodiscard]] Result<std::unique_ptr<const Program>> compile(const boost::json::value& schema);

 private:
  using Handler = void (Compiler::*)(Node& node, const boost::json::value& value);
  struct KeywordRule;
  static const std::unordered_map<std::string_view, KeywordRule>& keyword_rules();
  void compile_keyword(Node& node, const boost::json::value& value, const Dialect& dialect);

  // The worklist.
  void compile_all();
  void compile_node(Node& node, const boost::json::value& schema);
  void add_dynamic_anchors();
  void refuse_reference_loops();
  /// The node of a subschema at `keyword` or below it, put on the list when it is new; null after
  /// an error.
  const Node* node_for(const boost::json::value& schema);

  // Keywords, in json_schema_keywords.cc. Each checks the form of its value.
  void compile_reference(Node& node, const boost::json::value& value);
  void compile_dynamic_reference(Node& node, const boost::json::value& value);
  void compile_type(Node& node, const boost::json::value& value);
  void compile_enum(Node& node, const boost::json::value& value);
  void compile_const(Node& node, const boost::json::value& value);
  void compile_multiple_of(Node& node, const boost::json::value& value);
  void compile_bound(Node& node, const boost::json::value& value);
  void compile_size(Node& node, const boost::json::value& value);
  void compile_pattern(Node& node, const boost::json::value& value);
  void compile_items(Node& node, const boost::json::value& value);
  void compile_prefix_items(Node& node, const boost::json::value& value);
  void compile_additional_items(Node& node, const boost::json::value& value);
  void compile_unique_items(Node& node, const boost::json::value& value);
  void compile_required(Node& node, const boost::json::value& value);
  void compile_dependent_required(Node& node, const boost::json::value& value);
  void compile_dependent_schemas(Node& node, const boost::json::value& value);
  void compile_dependencies(Node& node, const boost::json::value& value);
  void compile_properties(Node& node, const boost::json::value& value);
  void compile_pattern_properties(Node& node, const boost::json::value& value);
  void compile_subschema(Node& node, const boost::json::value& value);
  void compile_alternatives(Node& node, const boost::json::value& value);
  void compile_definitions(Node& node, const boost::json::value& value);
  void compile_sensitive(Node& node, const boost::json::value& value);
  void check_text(Node& node, const boost::json::value& value);
  void check_flag(Node& node, const boost::json::value& value);

  // Checked readings of a keyword's value; after an error they return something harmless.
  std::optional<std::uint64_t> size_of(const boost::json::value& value);
  std::vector<std::string> names_of(const boost::json::value& value);
  const boost::json::object* object_of(const boost::json::value& value);
  std::optional<Pattern> pattern_of(std::string_view text);

  /// Notes an error of the keyword being compiled, unless there is one already.
  void refuse(std::string_view message, std::string reason = "invalid_schema");

  SchemaDocuments documents_;
  std::unique_ptr<Program> program_;
  std::unordered_map<const boost::json::value*, Node*> nodes_;
  std::vector<std::pair<Node*, const boost::json::value*>> list_;
  std::optional<Error> error_;
  // Of what is being compiled: the subschema, its place, and the keyword.
  const boost::json::object* schema_ = nullptr;
  Place place_;
  std::string_view keyword_;
};

}  // namespace symphainy::runtime::json_schema
