// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline.h"

#include <charconv>
#include <fmt/format.h>

#include "base/time.h"
#include "base/try.h"
#include "cli/rows.h"
#include "runtime/wal_record.h"

namespace symphainy::cli {
namespace {

using runtime::RecordType;

constexpr std::size_t kNamesShown = 3;

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr ? std::string() : plain(*value);
}

/// "2 artifacts: profile, rows"
std::string list_of(const Json& payload, std::string_view list, std::string_view one, std::string_view name) {
  const Json* items = payload.find(list);
  const std::size_t count = items == nullptr ? 0 : items->size();
  std::string text = fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
  for (std::size_t i = 0; i < count && i < kNamesShown; ++i)
    text += (i == 0 ? ": " : ", ") + text_of(items->at(i), name);
  return count > kNamesShown ? text + ", …" : text;
}

std::string error_summary(const Json& payload) {
  const Json* error = payload.find("error");
  if (error == nullptr) return {};
  return text_of(*error, "code") + ": " + text_of(*error, "message");
}

std::string who(const Json& payload) {
  const Json* actor = payload.find("actor");
  return actor == nullptr ? std::string("?") : text_of(*actor, "type") + ":" + text_of(*actor, "id");
}

std::string acceptance_summary(const Json& payload) {
  const Json* intent = payload.find("intent");
  if (intent == nullptr) return {};
  return fmt::format("{} from {}", text_of(*intent, "intent_type"), who(*intent));
}

std::string command_summary(const Json& payload) {
  const std::string reason = text_of(payload, "reason");
  return fmt::format("by {}{}{}", who(payload), reason.empty() ? "" : ": ", reason);
}

std::string waiting_summary(const Json& payload) {
  const Json* due = payload.find("due_us");
  if (due == nullptr) return text_of(payload, "key");
  return fmt::format("{}, until {}", text_of(payload, "key"), base::format_time(due->as_int64().value_or(0)));
}

std::string creation_summary(const Json& payload) {
  return fmt::format("handler {} of {}, version {}", text_of(payload, "handler"), text_of(payload, "domain_service"),
                     text_of(payload, "handler_version"));
}

std::string completion_summary(const Json& payload) {
  const Json* duration = payload.find("duration_us");
  return "completed in " + format_duration(duration == nullptr ? 0 : duration->as_int64().value_or(0));
}

Error not_accepted_yet(const public_works::ExecutionRow& row, const public_works::TenantScope& scope) {
  return Error{ErrorCode::not_found,
               fmt::format("execution {} had not been accepted then: that was at {}, as {} {} and those after it",
                           row.execution_id, base::format_time(row.accepted_us),
                           scope.tenant() ? "the tenant's record" : "position",
                           scope.tenant() ? row.tenant_seq : row.accepted_position),
               "not_accepted_yet",
               {}};
}

}  // namespace

Result<ExecutionStory> load_story(const ScopedReader& reader, const std::string& execution_id,
                                  const std::optional<runtime::LogMoment>& moment) {
  TRY(auto row, reader.store->state().execution(reader.scope, execution_id));
  if (!row) return std::unexpected(unknown_id("execution", execution_id, "execution list"));
  ExecutionStory story;
  if (moment) {
    TRY(auto past, runtime::read_history_until(reader.store->log(), *row, *moment));
    if (!past) return std::unexpected(not_accepted_yet(*row, reader.scope));
    story.row = std::move(past->row);
    story.records = std::move(past->records);
  } else {
    story.row = *std::move(row);
    TRY(story.records, runtime::read_history(reader.store->log(), story.row));
  }
  TRY(story.result, runtime::result_from_history(story.records));
  return story;
}

Result<runtime::LogMoment> parse_log_moment(const std::string& text, const public_works::TenantScope& scope) {
  runtime::LogMoment moment;
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    TRY(moment.time_us, parse_moment(text));
    return moment;
  }
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc())
    return fail(ErrorCode::invalid_argument, fmt::format("{} is beyond what a record's number can be", text));
  (scope.tenant() ? moment.tenant_seq : moment.position) = number;
  return moment;
}

Json first_payload(const ExecutionStory& story, std::uint16_t type) {
  for (const auto& record : story.records)
    if (record.type == type) return stored_json(record.payload);
  return {};
}

Json last_payload(const ExecutionStory& story, std::uint16_t type) {
  for (auto record = story.records.rbegin(); record != story.records.rend(); ++record)
    if (record->type == type) return stored_json(record->payload);
  return {};
}

std::string record_summary(const base::LogRecord& record) {
  const Json payload = stored_json(record.payload);
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::intent_accepted:
      return acceptance_summary(payload);
    case RecordType::execution_created:
      return creation_summary(payload);
    case RecordType::execution_started:
      return "attempt " + text_of(payload, "attempt");
    case RecordType::context_observed:
      return list_of(payload, "observations", "answer", "kind");
    case RecordType::artifacts_handled:
      return list_of(payload, "artifacts", "artifact", "name");
    case RecordType::references_registered:
      return list_of(payload, "references", "reference", "type");
    case RecordType::provenance_tracked:
      return list_of(payload, "edges", "edge", "relation");
    case RecordType::state_changed:
      return list_of(payload, "changes", "key", "key");
    case RecordType::events_queued:
      return list_of(payload, "events", "event", "type");
    case RecordType::execution_completed:
      return completion_summary(payload);
    case RecordType::step_started:
    case RecordType::step_compensated:
    case RecordType::step_completed:
      return text_of(payload, "key");
    case RecordType::step_failed:
      return text_of(payload, "key") + ": " + error_summary(payload);
    case RecordType::cancellation_requested:
    case RecordType::execution_resumed:
      return command_summary(payload);
    case RecordType::wait_begun:
      return waiting_summary(payload);
    case RecordType::wait_ended:
      return text_of(payload, "key") +
             (payload.find("signal_id") == nullptr ? "" : " by signal " + text_of(payload, "signal_id"));
    case RecordType::child_ended:
      return fmt::format("{} {}", text_of(payload, "child"), text_of(payload, "status"));
    case RecordType::execution_rerun:
      return fmt::format("{} {}", text_of(payload, "successor"), command_summary(payload));
    case RecordType::history_copied:
      return "of " + text_of(payload, "source");
    case RecordType::signal_received:
      return text_of(payload, "name") + ": " + command_summary(payload);
    case RecordType::attempt_failed:
    case RecordType::intent_rejected:
    case RecordType::execution_failed:
    case RecordType::execution_cancelled:
    case RecordType::execution_terminated:
    case RecordType::compensation_begun:
    case RecordType::compensation_stuck:
    case RecordType::execution_compensated:
    case RecordType::execution_parked:
      return error_summary(payload);
    default:
      return {};
  }
}

Table timeline_table(const ExecutionStory& story) {
  Table table{{{"stage"}, {"after", Align::right}, {"record"}, {"what"}}, {}};
  std::string_view shown;
  for (const auto& record : story.records) {
    const std::string_view stage = runtime::lifecycle_stage(record.type);
    const bool again = stage == shown;
    shown = stage;
    table.rows.push_back({Cell(again ? std::string() : std::string(stage), Colour::bold),
                          fmt::format("+{} µs", group_digits(static_cast<std::uint64_t>(
                                                    record.time_us - story.records.front().time_us))),
                          runtime::record_name(record.type), record_summary(record)});
  }
  return table;
}

Json timeline_json(const ExecutionStory& story, const public_works::TenantScope& scope) {
  Json list = Json::array();
  for (const auto& record : story.records) {
    Json entry = Json::object({{"stage", runtime::lifecycle_stage(record.type)},
                               {"record", runtime::record_name(record.type)},
                               {"time", base::format_time(record.time_us)},
                               {"offset_us", record.time_us - story.records.front().time_us},
                               {"tenant_seq", record.tenant_seq},
                               {"attempt", record.attempt},
                               {"summary", record_summary(record)}});
    if (!scope.tenant()) entry["position"] = record.position;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace symphainy::cli
