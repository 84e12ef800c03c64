// SPDX-License-Identifier: Apache-2.0
// How subschemas combine: scopes of dynamic references, branches, and what has been evaluated. Recursion ends at
// kMaxDepth, which needs less than 2 MiB of stack.
#include "runtime/json_schema_validate.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

#include "runtime/json_schema_uri.h"

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

// Subschemas inside one another, references included: instances of 512 levels under schemas of
// several nodes per level.
constexpr std::size_t kMaxDepth = 4096;
// Seconds of work: far more than any real instance takes, and an end for allOf of allOf
// of allOf ...
constexpr std::uint64_t kMaxSteps = 100'000'000;

// Silences violations while a branch is tried.
class Quiet {
 public:
  explicit Quiet(std::vector<SchemaViolation>*& violations)
      : violations_(violations), before_(std::exchange(violations, nullptr)) {}
  ~Quiet() { violations_ = before_; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  std::vector<SchemaViolation>*& violations_;
  std::vector<SchemaViolation>* before_;
};

}  // namespace

std::string InstancePath::pointer() const {
  std::vector<const InstancePath*> steps;
  for (const InstancePath* step = this; step->parent != nullptr; step = step->parent) steps.push_back(step);
  std::string pointer;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step)
    append_pointer_token(pointer, (*step)->is_item ? std::to_string((*step)->item) : (*step)->member);
  return pointer;
}

void EvaluatedParts::add(std::size_t index) {
  if (index >= marks_.size()) marks_.resize(index + 1);
  marks_[index] = true;
}

void EvaluatedParts::add(const EvaluatedParts& other) {
  if (other.marks_.size() > marks_.size()) marks_.resize(other.marks_.size());
  for (std::size_t i = 0; i < other.marks_.size(); ++i)
    if (other.marks_[i]) marks_[i] = true;
}

std::vector<SchemaViolation> SchemaRun::find_violations(const json::value& instance, std::size_t max_violations) {
  std::vector<SchemaViolation> violations;
  violations_ = &violations;
  max_violations_ = std::max<std::size_t>(max_violations, 1);
  const bool is_valid = evaluate(*program_.root, instance, InstancePath{}, nullptr);
  // A branch may have ended in the limit and left no trace, or have been turned around by "not".
  if (is_cut_off_ || (!is_valid && violations.empty())) {
    if (violations.size() == max_violations_) violations.pop_back();
    violations.push_back({"", "limit", program_.root->location,
                          fmt::format("checking the instance takes more than {} nested or {} total "
                                      "steps",
                                      kMaxDepth, kMaxSteps)});
  }
  return violations;
}

std::vector<std::string> SchemaRun::find_sensitive(const json::value& instance) {
  std::vector<std::string> pointers;
  sensitive_ = &pointers;
  (void)evaluate(*program_.root, instance, InstancePath{}, nullptr);
  if (is_cut_off_) return {""};  // hide all rather than miss one
  std::sort(pointers.begin(), pointers.end());
  pointers.erase(std::unique(pointers.begin(), pointers.end()), pointers.end());
  return pointers;
}

bool SchemaRun::evaluate(const Node& node, const json::value& value, const InstancePath& path, EvaluatedParts* seen) {
  if (node.is_true) return true;
  if (node.is_false) return violate_false(node, path);
  if (depth_ >= kMaxDepth || steps_ >= kMaxSteps) is_cut_off_ = true;
  if (is_cut_off_) return false;
  ++depth_;
  ++steps_;
  const bool enters_scope = program_.has_dynamic_references && (scope_.empty() || scope_.back() != node.resource);
  if (enters_scope) scope_.push_back(node.resource);
  const bool is_valid =
      node.tracks_evaluation ? apply_tracking(node, value, path, seen) : apply(node, value, path, seen);
  if (enters_scope) scope_.pop_back();
  --depth_;
  return is_valid;
}

// What adjacent keywords and those below have seen, not what a neighbour has: hence a set of its
// own.
bool SchemaRun::apply_tracking(const Node& node, const json::value& value, const InstancePath& path,
                               EvaluatedParts* seen) {
  EvaluatedParts own;
  // After a failure the set is incomplete, and its gaps would read as mistakes.
  const bool is_valid = apply(node, value, path, &own);
  if (!is_valid && sensitive_ == nullptr) return false;
  const bool is_rest_valid = check_unevaluated(node, value, path, own);
  if (seen != nullptr) seen->add(own);
  return is_valid && is_rest_valid;
}

bool SchemaRun::apply(const Node& node, const json::value& value, const InstancePath& path, EvaluatedParts* seen) {
  if (node.is_sensitive && sensitive_ != nullptr) sensitive_->push_back(path.pointer());
  bool is_valid = check_values(node, value, path);
  if (!is_valid && !is_exhaustive()) return false;
  if (value.is_object()) {
    if (node.object) is_valid &= check_object(node, value, path, seen);
  } else if (const json::array* array = value.if_array()) {
    if (node.array) is_valid &= check_array(node, *array, path, seen);
  } else if (const json::string* text = value.if_string()) {
    if (node.string) is_valid &= check_string(node, {text->data(), text->size()}, path);
  } else if (node.number && value.is_number()) {
    is_valid &= check_number(node, value, path);
  }
  if (!is_valid && !is_exhaustive()) return false;
  if (node.reference) is_valid &= evaluate(*node.reference, value, path, seen);
  if (node.dynamic_reference) is_valid &= evaluate(dynamic_target(node), value, path, seen);
  if (!is_valid && !is_exhaustive()) return false;
  if (node.combinations) is_valid &= check_combinations(node, value, path, seen);
  return is_valid;
}

const Node& SchemaRun::dynamic_target(const Node& node) const {
  if (node.dynamic_anchor.empty()) return *node.dynamic_reference;
  for (const std::size_t resource : scope_) {
    const auto& anchors = program_.resources[resource].dynamic_anchors;
    const auto found = anchors.find(node.dynamic_anchor);
    if (found != anchors.end()) return *found->second;
  }
  return *node.dynamic_reference;
}

bool SchemaRun::accepts(const Node& branch, const json::value& value, const InstancePath& path, EvaluatedParts* seen) {
  const Quiet quiet(violations_);
  if (seen == nullptr) return evaluate(branch, value, path, nullptr);
  EvaluatedParts own;
  const bool is_accepted = evaluate(branch, value, path, &own);
  if (is_accepted) seen->add(own);
  return is_accepted;
}

bool SchemaRun::check_combinations(const Node& node, const json::value& value, const InstancePath& path,
                                   EvaluatedParts* seen) {
  const Combinations& rules = *node.combinations;
  bool is_valid = true;
  for (const Node* part : rules.all_of) {
    is_valid &= evaluate(*part, value, path, seen);
    if (!is_valid && !is_exhaustive()) return false;
  }
  if (!rules.any_of.empty()) is_valid &= check_any_of(node, value, path, seen);
  if (!is_valid && !is_exhaustive()) return false;
  if (!rules.one_of.empty()) is_valid &= check_one_of(node, value, path, seen);
  if (!is_valid && !is_exhaustive()) return false;
  if (rules.negated && accepts(*rules.negated, value, path, nullptr))
    is_valid = violate(node, "not", path, [] { return "matches what is excluded"; });
  if (rules.condition) is_valid &= check_condition(node, value, path, seen);
  return is_valid;
}

// How many branches accept the value, counting no further than needed. Sensitive parts of branches
// that do not match are forgotten when another one does.
std::size_t SchemaRun::count_matches(const std::vector<const Node*>& branches, std::size_t enough,
                                     const json::value& value, const InstancePath& path, EvaluatedParts* seen) {
  std::size_t matches = 0;
  std::vector<std::string> of_others;
  for (const Node* branch : branches) {
    const std::size_t before = sensitive_ ? sensitive_->size() : 0;
    if (accepts(*branch, value, path, seen)) {
      ++matches;
    } else if (sensitive_) {
      const auto first = sensitive_->begin() + static_cast<std::ptrdiff_t>(before);
      of_others.insert(of_others.end(), std::make_move_iterator(first), std::make_move_iterator(sensitive_->end()));
      sensitive_->erase(first, sensitive_->end());
    }
    // What the remaining branches would see is still wanted.
    if (matches >= enough && seen == nullptr && sensitive_ == nullptr) break;
    if (is_cut_off_) break;
  }
  if (matches == 0 && sensitive_)
    sensitive_->insert(sensitive_->end(), std::make_move_iterator(of_others.begin()),
                       std::make_move_iterator(of_others.end()));
  return matches;
}

bool SchemaRun::check_any_of(const Node& node, const json::value& value, const InstancePath& path,
                             EvaluatedParts* seen) {
  const auto& branches = node.combinations->any_of;
  if (count_matches(branches, 1, value, path, seen) > 0) return true;
  return violate(node, "anyOf", path,
                 [&] { return fmt::format("matches none of the {} alternatives", branches.size()); });
}

bool SchemaRun::check_one_of(const Node& node, const json::value& value, const InstancePath& path,
                             EvaluatedParts* seen) {
  const auto& branches = node.combinations->one_of;
  const std::size_t matches = count_matches(branches, 2, value, path, seen);
  if (matches == 1) return true;
  return violate(node, "oneOf", path, [&] {
    return fmt::format("matches {} of the {} alternatives, must match exactly one", matches == 0 ? "none" : "several",
                       branches.size());
  });
}

bool SchemaRun::check_condition(const Node& node, const json::value& value, const InstancePath& path,
                                EvaluatedParts* seen) {
  const Combinations& rules = *node.combinations;
  const std::size_t before = sensitive_ ? sensitive_->size() : 0;
  const bool holds = accepts(*rules.condition, value, path, seen);
  if (!holds && sensitive_) sensitive_->resize(before);
  const Node* next = holds ? rules.consequence : rules.alternative;
  return next == nullptr || evaluate(*next, value, path, seen);
}

bool SchemaRun::check_unevaluated(const Node& node, const json::value& value, const InstancePath& path,
                                  EvaluatedParts& seen) {
  bool is_valid = true;
  if (const json::object* object = value.if_object(); object && node.object) {
    if (node.object->unevaluated == nullptr) return true;
    std::size_t index = 0;
    for (const auto& member : *object) {
      if (seen.contains(index++)) continue;
      const InstancePath inner{&path, member.key(), 0, false};
      is_valid &= evaluate(*node.object->unevaluated, member.value(), inner, nullptr);
      if (!is_valid && !is_exhaustive()) return false;
    }
    seen.add_all(object->size());
  }
  if (const json::array* array = value.if_array(); array && node.array) {
    if (node.array->unevaluated == nullptr) return true;
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (seen.contains(i)) continue;
      const InstancePath inner{&path, {}, i, true};
      is_valid &= evaluate(*node.array->unevaluated, (*array)[i], inner, nullptr);
      if (!is_valid && !is_exhaustive()) return false;
    }
    seen.add_all(array->size());
  }
  return is_valid;
}

// A false schema speaks for the keyword that holds it.
bool SchemaRun::violate_false(const Node& node, const InstancePath& path) {
  if (!wants_violations()) return false;
  const std::string_view what = path.parent == nullptr ? "the value" : path.is_item ? "this item" : "this member";
  violations_->push_back({path.pointer(), node.keyword.empty() ? "false" : node.keyword, node.location,
                          fmt::format("{} is not allowed", what)});
  return false;
}

}  // namespace symphainy::runtime::json_schema
