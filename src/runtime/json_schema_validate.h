// SPDX-License-Identifier: Apache-2.0
// One run of a compiled schema over one instance. It keeps, beside the verdict, only what was asked
// for: violations or sensitive parts. Bounded in depth and in steps; a run that was cut off never
// counts as valid.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/json_schema.h"
#include "runtime/json_schema_program.h"

namespace symphainy::runtime::json_schema {

/// Where a run is in the instance: a list from the inside out, on the stack of the run.
struct InstancePath {
  const InstancePath* parent = nullptr;
  std::string_view member;
  std::size_t item = 0;
  bool is_item = false;

  [[nodiscard]] std::string pointer() const;
};

/// Which members or items of one object or array some keyword has looked at.
class EvaluatedParts {
 public:
  void add(std::size_t index);
  void add_all(std::size_t count) { marks_.assign(count, true); }
  void add(const EvaluatedParts& other);
  [[nodiscard]] bool contains(std::size_t index) const noexcept { return index < marks_.size() && marks_[index]; }

 private:
  std::vector<bool> marks_;
};

class SchemaRun {
 public:
  explicit SchemaRun(const Program& program) : program_(program) {}

  [[nodiscard]] std::vector<SchemaViolation> find_violations(const boost::json::value& instance,
                                                             std::size_t max_violations);
  [[nodiscard]] std::vector<std::string> find_sensitive(const boost::json::value& instance);

 private:
  // Every function answers whether the instance is valid so far. `seen` is null where nothing asks
  // for it.
  bool evaluate(const Node& node, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool apply(const Node& node, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool apply_tracking(const Node& node, const boost::json::value& value, const InstancePath& path,
                      EvaluatedParts* seen);
  bool check_values(const Node& node, const boost::json::value& value, const InstancePath& path);
  bool check_number(const Node& node, const boost::json::value& value, const InstancePath& path);
  bool check_string(const Node& node, std::string_view text, const InstancePath& path);
  bool check_array(const Node& node, const boost::json::array& array, const InstancePath& path, EvaluatedParts* seen);
  bool check_items(const Node& node, const boost::json::array& array, const InstancePath& path, EvaluatedParts* seen);
  bool check_contains(const Node& node, const boost::json::array& array, const InstancePath& path,
                      EvaluatedParts* seen);
  bool check_unique(const Node& node, const boost::json::array& array, const InstancePath& path);
  bool check_object(const Node& node, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool check_presence(const Node& node, const boost::json::object& object, const InstancePath& path);
  bool check_names(const Node& node, const boost::json::object& object, const InstancePath& path);
  bool check_members(const Node& node, const boost::json::object& object, const InstancePath& path,
                     EvaluatedParts* seen);
  bool check_combinations(const Node& node, const boost::json::value& value, const InstancePath& path,
                          EvaluatedParts* seen);
  bool check_any_of(const Node& node, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool check_one_of(const Node& node, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool check_condition(const Node& node, const boost::json::value& value, const InstancePath& path,
                       EvaluatedParts* seen);
  std::size_t count_matches(const std::vector<const Node*>& branches, std::size_t enough,
                            const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  bool check_unevaluated(const Node& node, const boost::json::value& value, const InstancePath& path,
                         EvaluatedParts& seen);

  /// Whether a branch accepts the value: its violations are nobody's, what it has seen counts only
  /// if it does.
  bool accepts(const Node& branch, const boost::json::value& value, const InstancePath& path, EvaluatedParts* seen);
  const Node& dynamic_target(const Node& node) const;
  /// Whether to go on after a first violation.
  [[nodiscard]] bool is_exhaustive() const noexcept {
    return !is_cut_off_ && (sensitive_ != nullptr || wants_violations());
  }
  [[nodiscard]] bool wants_violations() const noexcept {
    return violations_ != nullptr && violations_->size() < max_violations_;
  }
  /// Notes a violation whose message is made only if it is wanted; returns false.
  template <typename MakeMessage>
  bool violate(const Node& node, std::string_view keyword, const InstancePath& path, MakeMessage make_message);
  bool violate_false(const Node& node, const InstancePath& path);

  const Program& program_;
  std::vector<SchemaViolation>* violations_ = nullptr;  ///< null while a branch is being tried
  std::size_t max_violations_ = 1;
  std::vector<std::string>* sensitive_ = nullptr;
  std::vector<std::size_t> scope_;  ///< resources entered, outermost first
  std::size_t depth_ = 0;
  std::uint64_t steps_ = 0;
  bool is_cut_off_ = false;
};

template <typename MakeMessage>
bool SchemaRun::violate(const Node& node, std::string_view keyword, const InstancePath& path,
                        MakeMessage make_message) {
  if (wants_violations())
    violations_->push_back(
        {path.pointer(), std::string(keyword), node.location + "/" + std::string(keyword), make_message()});
  return false;
}

}  // namespace symphainy::runtime::json_schema
