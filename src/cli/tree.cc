// SPDX-License-Identifier: Apache-2.0
#include "cli/tree.h"

#include <fmt/format.h>
#include <map>
#include <set>
#include <vector>

#include "cli/rows.h"
#include "cli/text_width.h"

namespace symphainy::cli {
namespace {

struct Child {
  std::string id;
  std::string relation;
};

class TreeDrawing {
 public:
  TreeDrawing(const runtime::Lineage& lineage, runtime::Direction direction, const Output& output) : output_(output) {
    for (const auto& node : lineage.nodes) names_.emplace(node.reference.reference_id, &node.reference);
    for (const auto& edge : lineage.edges) {
      const bool up = direction == runtime::Direction::up;
      children_[up ? edge.derived : edge.source].push_back({up ? edge.source : edge.derived, edge.relation});
    }
  }

  std::string draw(const std::string& root) {
    text_ = label(root) + "\n";
    drawn_.insert(root);
    // An explicit stack: a chain may be longer than the machine's.
    std::vector<Pending> stack;
    push_children(stack, root, "");
    while (!stack.empty()) {
      const Pending next = std::move(stack.back());
      stack.pop_back();
      const bool repeated = !drawn_.insert(next.child.id).second;
      text_ += next.prefix + (next.last ? "└── " : "├── ") + label(next.child.id) +
               output_.paint(Colour::faint, "  " + next.child.relation);
      const bool has_children = children_.contains(next.child.id);
      text_ += repeated && has_children ? output_.paint(Colour::faint, "  (drawn above)") + "\n" : "\n";
      if (!repeated) push_children(stack, next.child.id, next.prefix + (next.last ? "    " : "│   "));
    }
    return text_;
  }

 private:
  struct Pending {
    Child child;
    std::string prefix;
    bool last;
  };

  std::string label(const std::string& id) const {
    const auto found = names_.find(id);
    if (found == names_.end()) return id;
    const Reference& reference = *found->second;
    const std::string name = reference.name.empty() ? std::string() : " " + printable(reference.name);
    return output_.paint(Colour::bold, printable(reference.type)) + name + " " +
           output_.paint(Colour::faint, fmt::format("({}, {})", id, format_bytes(reference.size)));
  }

  void push_children(std::vector<Pending>& stack, const std::string& id, const std::string& prefix) const {
    const auto found = children_.find(id);
    if (found == children_.end()) return;
    const auto& children = found->second;
    for (std::size_t i = children.size(); i-- > 0;) stack.push_back({children[i], prefix, i + 1 == children.size()});
  }

  const Output& output_;
  std::map<std::string, const Reference*> names_;
  std::map<std::string, std::vector<Child>> children_;
  std::set<std::string> drawn_;
  std::string text_;
};

}  // namespace

std::string render_lineage(const runtime::Lineage& lineage, runtime::Direction direction, const Output& output) {
  if (lineage.nodes.empty()) return {};
  return TreeDrawing(lineage, direction, output).draw(lineage.nodes.front().reference.reference_id);
}

Json lineage_json(const runtime::Lineage& lineage) {
  Json nodes = Json::array();
  for (const auto& node : lineage.nodes) {
    Json json = node.reference.to_json();
    json["depth"] = node.depth;
    nodes.push_back(std::move(json));
  }
  Json edges = Json::array();
  for (const auto& edge : lineage.edges) edges.push_back(edge_json(edge));
  return Json::object({{"nodes", std::move(nodes)}, {"edges", std::move(edges)}, {"truncated", lineage.truncated}});
}

}  // namespace symphainy::cli
