// SPDX-License-Identifier: Apache-2.0
// The order of a compile: names first, then nodes until no new one turns up, then the loops that
// would never end.
#include "runtime/json_schema_compile.h"

#include <boost/json/string.hpp>
#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

// Every node that a node applies to the same part of the instance, whatever the instance is.
std::vector<const Node*> in_place_edges(const Node& node) {
  std::vector<const Node*> edges;
  const auto add = [&](const Node* target) {
    if (target != nullptr) edges.push_back(target);
  };
  add(node.reference);
  // A dynamic one may lead elsewhere at run time, where the depth limit ends what goes in circles.
  if (node.dynamic_anchor.empty()) add(node.dynamic_reference);
  if (node.combinations) {
    const Combinations& all = *node.combinations;
    edges.insert(edges.end(), all.all_of.begin(), all.all_of.end());
    edges.insert(edges.end(), all.any_of.begin(), all.any_of.end());
    edges.insert(edges.end(), all.one_of.begin(), all.one_of.end());
    for (const Node* target : {all.negated, all.condition, all.consequence, all.alternative}) add(target);
  }
  if (node.object)
    for (const Property& dependency : node.object->dependent_schemas) add(dependency.node);
  return edges;
}

enum class Visit : std::uint8_t { none, open, done };

struct LoopFrame {
  const Node* node;
  std::vector<const Node*> edges;
};

// A node from which a loop of in-place edges returns to it, or null.
const Node* find_loop(const Node& start, std::vector<Visit>& visits) {
  std::vector<LoopFrame> path;
  const auto open = [&](const Node& node) {
    visits[node.index] = Visit::open;
    path.push_back({&node, in_place_edges(node)});
  };
  if (visits[start.index] == Visit::none) open(start);
  while (!path.empty()) {
    if (path.back().edges.empty()) {
      visits[path.back().node->index] = Visit::done;
      path.pop_back();
      continue;
    }
    const Node* next = path.back().edges.back();
    path.back().edges.pop_back();
    if (visits[next->index] == Visit::open) return next;
    if (visits[next->index] == Visit::none) open(*next);
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<const Program>> Compiler::compile(const json::value& schema) {
  if (!schema.is_object() && !schema.is_bool())
    return std::unexpected(schema_error("", "", "must be an object or a boolean"));
  TRY(documents_.add_root(schema));
  program_->root = node_for(schema);
  compile_all();
  if (!error_) refuse_reference_loops();
  if (error_) return std::unexpected(*std::move(error_));
  return std::move(program_);
}

void Compiler::compile_all() {
  while (!error_ && !list_.empty()) {
    const auto [node, schema] = list_.back();
    list_.pop_back();
    compile_node(*node, *schema);
    if (list_.empty() && program_->has_dynamic_references) add_dynamic_anchors();
  }
}

void Compiler::compile_node(Node& node, const json::value& schema) {
  schema_ = schema.if_object();
  if (schema_ == nullptr) {
    node.is_true = schema.get_bool();
    node.is_false = !node.is_true;
    return;
  }
  place_ = *documents_.find_place(schema);
  // A copy: a reference may load documents, which moves what dialect_of returns.
  const Dialect dialect = documents_.dialect_of(place_);
  // In draft 7 a reference hides its siblings; what is sensitive stays so, because hiding too
  // little cannot be undone.
  const bool is_only_reference = dialect.draft == Draft::draft_7 && schema_->contains("$ref");
  for (const auto& member : *schema_) {
    keyword_ = member.key();
    if (is_only_reference && keyword_ != "$ref" && keyword_ != "x-sensitive") continue;
    compile_keyword(node, member.value(), dialect);
    if (error_) return;
  }
  node.is_true = schema_->empty();
}

// Any resource seen may turn out to be the outermost one with the anchor that a dynamic reference
// looks for.
void Compiler::add_dynamic_anchors() {
  program_->resources.resize(documents_.resources().size());
  for (std::size_t i = 0; i < documents_.resources().size(); ++i)
    for (const auto& [name, schema] : documents_.resources()[i].dynamic_anchors) {
      keyword_ = "$dynamicAnchor";
      program_->resources[i].dynamic_anchors[name] = node_for(*schema);
    }
}

void Compiler::refuse_reference_loops() {
  std::vector<Visit> visits(program_->nodes.size(), Visit::none);
  for (const Node& start : program_->nodes) {
    const Node* looping = find_loop(start, visits);
    if (looping == nullptr) continue;
    error_ =
        schema_error(looping->location, "$ref", "leads back to itself without going into the instance, without end");
    return;
  }
}

const Node* Compiler::node_for(const json::value& schema) {
  const Place* place = documents_.find_place(schema);
  if (place == nullptr || !(schema.is_object() || schema.is_bool())) {
    refuse("must hold schemas, which are objects or booleans");
    return nullptr;
  }
  const auto [entry, is_new] = nodes_.emplace(&schema, nullptr);
  if (is_new) {
    Node& node = program_->nodes.emplace_back();
    node.location = place->location;
    node.keyword = keyword_;
    node.index = program_->nodes.size() - 1;
    node.resource = place->resource;
    entry->second = &node;
    list_.emplace_back(&node, &schema);
  }
  return entry->second;
}

void Compiler::refuse(std::string_view message, std::string reason) {
  if (!error_) error_ = schema_error(place_.location, keyword_, message, std::move(reason));
}

}  // namespace symphainy::runtime::json_schema
