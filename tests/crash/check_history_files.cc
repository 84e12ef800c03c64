// SPDX-License-Identifier: Apache-2.0
// Holds what runs left (case_files.h) against the invariants: one line of JSON for each case, {"case", "violations":
// [{"invariant", "what"}...], "history", "acknowledged", "unknown", "ledger", "executions", "again", "retried",
// "events", "position", "retired_segments", "snapshot", "outcome"?, and what course_counts.h counts}. Copies of the
// store are judged with it; their names stand before what is wrong with them, and their outcomes are "NAME" in its
// own. Exit 0: no violation; 1: some; 2: unreadable.
//
//   check_history_files [--quiescent] [--outcome] CASE...
//
// --quiescent: the last process resumed everything, drained and closed without an error. --outcome: what the work led
// to, by name, without ids and times, so that two runs of the same work can be compared.
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <string>
#include <vector>

#include "crash/case_files.h"
#include "crash/course_counts.h"

namespace symphainy::tests {
namespace {

// Ids differ from run to run, names do not.
std::string name_of(const std::map<std::string, std::string>& names, const std::string& reference_id) {
  const auto found = names.find(reference_id);
  return found == names.end() ? reference_id : found->second;
}

Json executions_by_key(const LogFacts& facts) {
  Json out = Json::object();
  for (const auto& [name, ids] : facts.by_key) {
    Json executions = Json::array();
    for (const std::string& id : ids) {
      const ExecutionFact& execution = facts.executions.at(id);
      executions.push_back(Json::object({{"artifacts", execution.row.artifacts},
                                         {"error", execution.row.error_code},
                                         {"events", execution.row.events},
                                         {"status", execution.row.status},
                                         {"type", execution.row.intent_type},
                                         {"value_sha256", execution.value_sha256}}));
    }
    out[name.first + "/" + name.second] = std::move(executions);
  }
  return out;
}

Json events_by_stream(const LogFacts& facts) {
  Json out = Json::object();
  for (const auto& [stream, events] : facts.streams) {
    Json list = Json::array();
    for (const EventFact& event : events) {
      list.push_back(Json::array({event.row.type, event.row.subject, event.data, event.row.sequence}));
    }
    out[stream.tenant + "/" + stream.topic] = std::move(list);
  }
  return out;
}

Json state_by_key(const LogFacts& facts, const std::map<std::string, std::string>& names) {
  Json out = Json::object();
  for (const auto& [name, row] : facts.state) {
    const auto value = row.value ? Json::parse(*row.value) : Json();
    const auto text = value->as_string();
    const Json shown = text ? Json(name_of(names, std::string(*text))) : *value;
    out[name.first + "/" + name.second] = Json::object({{"value", shown}, {"version", row.version}});
  }
  return out;
}

Json sorted(std::vector<std::string> lines) {
  std::ranges::sort(lines);
  Json out = Json::array();
  for (const std::string& line : lines) out.push_back(line);
  return out;
}

Json outcome_of(const LogFacts& facts) {
  std::map<std::string, std::string> names;
  std::vector<std::string> references;
  for (const auto& row : facts.references) {
    names[row.reference_id] = row.name;
    references.push_back(
        fmt::format("{}/{} {} {} {} {}", row.tenant, row.name, row.type, row.digest, row.size, row.media_type));
  }
  std::vector<std::string> edges;
  for (const auto& edge : facts.edges) {
    edges.push_back(fmt::format("{}: {} {} {}", edge.tenant, name_of(names, edge.derived), edge.relation,
                                name_of(names, edge.source)));
  }
  return Json::object({{"edges", sorted(std::move(edges))},
                       {"events", events_by_stream(facts)},
                       {"executions", executions_by_key(facts)},
                       {"references", sorted(std::move(references))},
                       {"state", state_by_key(facts, names)}});
}

void count_history(const Evidence& evidence, Json& report) {
  const auto with = [&evidence](ClientOperation::Outcome outcome) {
    return std::ranges::count(evidence.history, outcome, &ClientOperation::outcome);
  };
  report["history"] = evidence.history.size();
  report["ledger"] = evidence.ledger.size();
  report["acknowledged"] = with(ClientOperation::Outcome::acknowledged);
  report["unknown"] = with(ClientOperation::Outcome::unknown);
}

void count_log(const LogFacts& facts, Json& report) {
  std::size_t events = 0;
  for (const auto& [stream, queued] : facts.streams) events += queued.size();
  report["events"] = events;
  report["executions"] = facts.executions.size();
  const auto with = [&facts](const auto& is_so) {
    return std::ranges::count_if(facts.executions, [&](const auto& entry) { return is_so(entry.second); });
  };
  report["again"] = with([](const ExecutionFact& execution) { return execution.row.attempt > 1; });
  for (const auto& [course, count] : count_courses(facts)) report[course] = count;
  report["position"] = facts.last_position;
}

struct Options {
  bool quiescent = false;
  bool outcome = false;
};

LogFacts facts_of(const Evidence& evidence) {
  std::vector<Violation> told_already;
  return read_log(*evidence.log, std::numeric_limits<std::uint64_t>::max(), told_already);
}

void check_copy(const CaseFiles::Copy& copy, const Options& options, std::vector<Violation>& violations, Json& report) {
  std::vector<Violation> found = copy.not_opened;
  Evidence evidence = copy.evidence;
  evidence.faults_stopped = options.quiescent;
  if (evidence.log != nullptr) {
    std::ranges::copy(check_history(evidence), std::back_inserter(found));
    if (options.outcome) report["outcome"][copy.name] = outcome_of(facts_of(evidence));
  }
  for (Violation& violation : found) violations.push_back({violation.invariant, copy.name + ": " + violation.what});
}

Result<Json> check_case(const std::string& directory, const Options& options) {
  const auto files = CaseFiles::open(directory);
  Evidence evidence = files->evidence();
  evidence.faults_stopped = options.quiescent;
  std::vector<Violation> violations = files->not_opened();
  Json report = Json::object({{"case", directory}, {"cut_lines", files->cut_lines()}});
  count_history(evidence, report);
  if (evidence.log != nullptr) {
    std::ranges::copy(check_history(evidence), std::back_inserter(violations));
    const LogFacts facts = facts_of(evidence);
    count_log(facts, report);
    report["retired_segments"] = files->retired_segments();
    report["snapshot"] = files->newest_snapshot();
    if (options.outcome) report["outcome"] = outcome_of(facts);
    for (const CaseFiles::Copy& copy : files->copies()) check_copy(copy, options, violations, report);
    if (facts.last_position > 0) {
      const LogEnd end{facts.last_position, facts.batch_ends.at(facts.last_position)};
      if (const auto noted = note_log_end(directory, end); !noted) return std::unexpected(noted.error());
    }
  }
  Json list = Json::array();
  for (const Violation& violation : violations) {
    list.push_back(Json::object({{"invariant", violation.invariant}, {"what", violation.what}}));
  }
  report["violations"] = std::move(list);
  return report;
}

int check_cases(const std::vector<std::string>& cases, const Options& options) {
  int exit_code = 0;
  for (const std::string& directory : cases) {
    const auto report = check_case(directory, options);
    if (!report) {
      fmt::print(stderr, "check_history_files: {}: {}\n", directory, report.error().message);
      return 2;
    }
    if (!report->find("violations")->empty()) exit_code = 1;
    fmt::print("{}\n", report->dump());
  }
  return exit_code;
}

}  // namespace
}  // namespace symphainy::tests

int main(int argc, char** argv) {
  symphainy::tests::Options options;
  std::vector<std::string> cases;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--quiescent") {
      options.quiescent = true;
    } else if (argument == "--outcome") {
      options.outcome = true;
    } else {
      cases.push_back(argument);
    }
  }
  if (cases.empty()) {
    fmt::print(stderr, "usage: check_history_files [--quiescent] [--outcome] CASE...\n");
    return 2;
  }
  return symphainy::tests::check_cases(cases, options);
}
