// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_report.h"

#include <fmt/format.h>
#include <vector>

#include "runtime/running_execution.h"

namespace symphainy::cli {
namespace {

using runtime::Divergence;
using runtime::ReplayOutcome;
using runtime::ReplayReport;

std::string what_to_do(const public_works::ExecutionRow& row, const ReplayReport& report) {
  return fmt::format(
      "let '{}' version {} do again what it did here, or leave it registered as it was and register what it does now "
      "as version {}: an execution goes on under the version it began with",
      row.intent_type, report.handler_version, report.handler_version + 1);
}

Json place_json(const ReplayReport& report, const public_works::TenantScope& scope) {
  Json json = Json::object({{"name", report.record}, {"tenant_seq", report.tenant_seq}});
  if (!scope.tenant()) json["position"] = report.position;
  return json;
}

std::string place_text(const ReplayReport& report, const public_works::TenantScope& scope) {
  return scope.tenant() ? fmt::format("{}, the tenant's record {}", report.record, report.tenant_seq)
                        : fmt::format("{} at position {}", report.record, report.position);
}

Json base_json(const public_works::ExecutionRow& row, std::string_view outcome) {
  return Json::object({{"execution_id", row.execution_id},
                       {"intent_type", row.intent_type},
                       {"replay", outcome},
                       {"status", row.status},
                       {"tenant_id", row.tenant}});
}

Cell outcome_cell(ReplayOutcome outcome) {
  const bool bad = outcome == ReplayOutcome::diverged || outcome == ReplayOutcome::timed_out;
  return {std::string(to_string(outcome)), bad ? Colour::bad : Colour::good};
}

std::string value_text(const Json& value) {
  return value.is_null() ? "nothing" : value.dump();
}

}  // namespace

void ReplayCounts::add(ReplayOutcome outcome) {
  switch (outcome) {
    case ReplayOutcome::same:
      ++same;
      break;
    case ReplayOutcome::history_ended:
      ++history_ended;
      break;
    case ReplayOutcome::diverged:
      ++diverged;
      break;
    case ReplayOutcome::timed_out:
      ++timed_out;
      break;
  }
}

Json ReplayCounts::to_json() const {
  Json reasons = Json::object();
  for (const auto& [reason, count] : skipped) reasons[reason] = count;
  return Json::object({{"diverged", diverged},
                       {"history_ended", history_ended},
                       {"replayed", replayed()},
                       {"same", same},
                       {"skipped", std::move(reasons)},
                       {"timed_out", timed_out}});
}

std::string ReplayCounts::sentence() const {
  std::string text = fmt::format("{} of {} replayed execution{} diverged", group_digits(diverged),
                                 group_digits(replayed()), replayed() == 1 ? "" : "s");
  if (timed_out > 0) text += fmt::format(", {} took too long", group_digits(timed_out));
  if (history_ended > 0) text += fmt::format(", {} had not ended", group_digits(history_ended));
  for (const auto& [reason, count] : skipped) text += fmt::format("; {} skipped: {}", group_digits(count), reason);
  return text;
}

bool is_skipped(const Error& error) {
  return error.reason == runtime::kMissingHandler || error.reason == runtime::kNeverRan ||
         error.reason == public_works::kHistoryRetired;
}

Json replay_json(const public_works::ExecutionRow& row, const ReplayReport& report,
                 const public_works::TenantScope& scope) {
  Json json = base_json(row, to_string(report.outcome));
  json["handler_version"] = report.handler_version;
  json["record"] = place_json(report, scope);
  if (report.divergence) {
    const Divergence& found = *report.divergence;
    json["divergence"] = Json::object({{"expected", found.expected},
                                       {"got", found.got},
                                       {"key", found.key},
                                       {"what", found.what},
                                       {"what_to_do", what_to_do(row, report)}});
  }
  if (!report.asked.is_null()) json["asked_for"] = report.asked;
  if (!report.not_compared.empty()) {
    json["not_compared"] = Json::array();
    for (const std::string& what : report.not_compared) json["not_compared"].push_back(what);
  }
  return json;
}

Json skipped_json(const public_works::ExecutionRow& row, const Error& why) {
  Json json = base_json(row, "skipped");
  json["reason"] = why.reason;
  json["message"] = why.message;
  return json;
}

void print_replay(const Output& out, const public_works::ExecutionRow& row, const ReplayReport& report,
                  const public_works::TenantScope& scope) {
  std::vector<std::pair<std::string, Cell>> facts{
      {"execution", row.execution_id},
      {"status", status_cell(row.status)},
      {"handler", fmt::format("{} version {}", row.intent_type, report.handler_version)},
      {"replay", outcome_cell(report.outcome)}};
  if (report.divergence) {
    const Divergence& found = *report.divergence;
    facts.emplace_back("what", fmt::format("{} {}", found.what, found.key));
    facts.emplace_back("expected", value_text(found.expected));
    facts.emplace_back("got", Cell(value_text(found.got), Colour::bad));
    facts.emplace_back("recorded in", place_text(report, scope));
    facts.emplace_back("what to do", what_to_do(row, report));
  } else if (!report.asked.is_null()) {
    facts.emplace_back("its history ends", "behind " + place_text(report, scope));
    facts.emplace_back("asked for then", report.asked.dump());
  }
  for (const std::string& what : report.not_compared) facts.emplace_back("not compared", what);
  out.facts(facts);
}

}  // namespace symphainy::cli
