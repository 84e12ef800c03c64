// SPDX-License-Identifier: Apache-2.0
#include "crash/course_counts.h"

#include <algorithm>

namespace symphainy::tests {

std::map<std::string, std::uint64_t> count_courses(const LogFacts& facts) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [id, execution] : facts.executions) {
    const ExecutionCourse& course = execution.course;
    const auto& undone = course.saga().undone();
    counts["retried"] += course.was_retried() ? 1 : 0;
    counts["resumed"] += course.was_resumed() ? 1 : 0;
    counts["parked"] += course.parked_at().empty() ? 0 : 1;
    counts["stuck"] += course.stuck_at().empty() ? 0 : 1;
    counts["undone_of_cancelled"] += execution.row.status == "cancelled" && !undone.empty() ? 1 : 0;
    counts["undone"] += undone.empty() ? 0 : 1;
    counts["undone_of_unknown"] += std::ranges::find(undone, false, &UndoneStep::is_known) == undone.end() ? 0 : 1;
    const WaitCourse& waits = course.waits();
    counts["ended_by_time"] += waits.ended_by_time();
    counts["ended_by_signal"] += waits.ended_by_signal();
    counts["taken_up"] += waits.taken_up();
    counts["cut_short"] += waits.was_cut_short() ? 1 : 0;
    if (execution.row.ended_position != 0) ++counts[execution.row.status];
  }
  return counts;
}

}  // namespace symphainy::tests
