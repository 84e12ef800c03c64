// SPDX-License-Identifier: Apache-2.0
#include "runtime/lifecycle_payloads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/bytes.h"
#include "base/json_writer.h"

namespace symphainy {

std::string_view to_string(ExecutionStatus status) noexcept {
  switch (status) {
    case ExecutionStatus::running:
      return "running";
    case ExecutionStatus::completed:
      return "completed";
    case ExecutionStatus::failed:
      return "failed";
    case ExecutionStatus::rejected:
      return "rejected";
    case ExecutionStatus::cancelled:
      return "cancelled";
    case ExecutionStatus::terminated:
      return "terminated";
    case ExecutionStatus::parked:
      return "parked";
    case ExecutionStatus::pending:
      return "pending";
    case ExecutionStatus::waiting:
      return "waiting";
    case ExecutionStatus::compensating:
      return "compensating";
    case ExecutionStatus::compensated:
      return "compensated";
    case ExecutionStatus::compensation_stuck:
      return "compensation_stuck";
  }
  return "unknown";
}

Json ExecutionResult::to_json() const {
  Json artifact_list = Json::array();
  for (const Artifact& artifact : artifacts) artifact_list.push_back(artifact.to_json());
  Json event_list = Json::array();
  for (const PublishedEvent& event : events) {
    event_list.push_back(Json::object({{"event_id", event.event_id}, {"topic", event.topic}, {"type", event.type}}));
  }
  Json reference_list = Json::array();
  for (const Reference& reference : references) reference_list.push_back(reference.to_json());
  Json json = Json::object({{"artifacts", std::move(artifact_list)},
                            {"duration_us", duration_us},
                            {"events", std::move(event_list)},
                            {"execution_id", execution_id},
                            {"intent_id", intent_id},
                            {"intent_type", intent_type},
                            {"references", std::move(reference_list)},
                            {"status", to_string(status)},
                            {"tenant_id", tenant_id}});
  if (!value.is_null()) json["result"] = value;
  if (error) json["error"] = error->to_json();
  if (!rerun_of.empty()) json["rerun_of"] = rerun_of;
  if (!successor.empty()) json["successor"] = successor;
  return json;
}

}  // namespace symphainy

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxMessageBytes = 4 * 1024;
constexpr std::size_t kMaxDetailsBytes = 16 * 1024;
constexpr std::size_t kMaxDetailsDepth = 64;

// Cuts at a character's start, so that valid UTF-8 stays valid.
void shorten(std::string& text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0U) == 0x80U) --max_bytes;
  text.resize(max_bytes);
  text += "…";
}

void write_actor(base::JsonWriter& json, const Actor& actor) {
  json.key("actor").begin_object().member("id", actor.id).member("type", actor.type).end_object();
}

Error ended_by(std::string_view how, const char* code, const Actor& actor, const std::string& reason) {
  const std::string who = fmt::format("{}:{}", actor.type, actor.id);
  return {ErrorCode::cancelled, fmt::format("{} by {}{}{}", how, who, reason.empty() ? "" : ": ", reason), code,
          Json::object({{"actor", who}, {"reason", reason}})};
}

}  // namespace

void write_error(base::JsonWriter& json, const Error& error) {
  json.begin_object().member("code", error.name());
  if (!error.details.is_null()) json.member("details", error.details);
  json.member("kind", to_string(error.code)).member("message", error.message).end_object();
}

std::string accepted_payload(const Intent& intent, const std::string& fingerprint) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("fingerprint", fingerprint).key("intent").raw(intent.canonical()).end_object();
  return payload;
}

std::string created_payload(const RegisteredIntent& handler, const std::string& seed) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("domain_service", handler.domain_service).member("handler", handler.handler_name);
  json.member("handler_version", handler.version).member("schema_digest", handler.schema_digest);
  json.member("seed", seed).end_object();
  return payload;
}

std::string started_payload(std::uint32_t attempt, std::uint64_t epoch) {
  std::string payload;
  base::JsonWriter(payload).begin_object().member("attempt", attempt).member("epoch", epoch).end_object();
  return payload;
}

std::string completed_payload(std::int64_t duration_us, const Json& value) {
  std::string payload;
  base::JsonWriter(payload).begin_object().member("duration_us", duration_us).member("result", value).end_object();
  return payload;
}

std::string failed_payload(std::int64_t duration_us, const Error& error) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("duration_us", duration_us).key("error");
  write_error(json, error);
  json.end_object();
  return payload;
}

std::string attempt_failed_payload(std::int64_t duration_us, const Error& error, std::int64_t delay_us) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("duration_us", duration_us).key("error");
  write_error(json, error);
  json.member("retry_after_us", delay_us).end_object();
  return payload;
}

std::string compensation_begun_payload(const Error& why) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().key("error");
  write_error(json, why);
  json.end_object();
  return payload;
}

std::string signal_payload(const ExecutionCommand& command, std::int64_t received_us) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object();
  write_actor(json, command.actor);
  json.member("name", command.signal->name).member("reason", command.reason).member("received_us", received_us);
  json.member("signal_id", command.signal->signal_id).member("value", command.signal->value).end_object();
  return payload;
}

std::string command_payload(const ExecutionCommand& command) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object();
  write_actor(json, command.actor);
  json.member("reason", command.reason).end_object();
  return payload;
}

std::string rerun_payload(const ExecutionCommand& command, const std::string& successor) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("action", to_string(command.action));
  write_actor(json, command.actor);
  if (command.from_step) json.member("from_step", *command.from_step);
  json.member("reason", command.reason).member("successor", successor).end_object();
  return payload;
}

std::string terminated_payload(std::int64_t duration_us, const ExecutionCommand& command) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object();
  write_actor(json, command.actor);
  json.member("duration_us", duration_us).key("error");
  write_error(json, terminated_by(command));
  json.member("reason", command.reason).end_object();
  return payload;
}

std::string rejected_payload(const Intent& known, const Error& error) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().key("error");
  write_error(json, error);
  json.key("intent").begin_object();
  write_actor(json, known.actor);
  json.member("intent_id", known.intent_id).member("intent_type", known.intent_type);
  json.member("session_id", known.session_id).member("solution_id", known.solution_id).end_object();
  json.end_object();
  return payload;
}

std::optional<Error> duplicate_refused(const Intent& intent, const std::string& fingerprint, const Binding& first) {
  const auto conflict = [&first](std::string message, Json details) {
    details["bound_by"] = first.bound_by;
    details["execution_id"] = first.row.execution_id;
    return Error{ErrorCode::conflict, std::move(message), "idempotency_conflict", std::move(details)};
  };
  const bool by_key = first.bound_by == "idempotency_key";
  if (first.row.fingerprint != fingerprint) {
    return conflict(
        fmt::format("{} '{}' stands for execution {} with another body (intent_type, solution_id, parameters or "
                    "metadata differ); use a new one for new work",
                    first.bound_by, by_key ? *intent.idempotency_key : intent.intent_id, first.row.execution_id),
        Json::object());
  }
  if (first.other_by_intent_id) {
    const std::string& other = first.other_by_intent_id->execution_id;
    return conflict(fmt::format("idempotency_key '{}' stands for execution {}, but intent_id '{}' for execution {}; "
                                "submit each as it was submitted first",
                                *intent.idempotency_key, first.row.execution_id, intent.intent_id, other),
                    Json::object({{"other_execution_id", other}}));
  }
  // Answering would not bind the key: sent again with another intent id, it would be executed once more.
  if (intent.idempotency_key && !by_key) {
    const std::string with = first.row.idempotency_key
                                 ? fmt::format("with idempotency_key '{}'", *first.row.idempotency_key)
                                 : "without an idempotency_key";
    return conflict(fmt::format("intent_id '{}' stands for execution {}, which was submitted {}, not with '{}'; submit "
                                "it as it was, or use a new intent_id for new work",
                                intent.intent_id, first.row.execution_id, with, *intent.idempotency_key),
                    Json::object());
  }
  return std::nullopt;
}

Error unknown_intent_type(const std::string& intent_type, const std::vector<std::string>& supported) {
  Json list = Json::array();
  for (const std::string& type : supported) list.push_back(type);
  return Error{ErrorCode::not_found,
               fmt::format("no domain service supports intent type '{}'; supported: {}", intent_type,
                           supported.empty() ? "none" : fmt::format("{}", fmt::join(supported, ", "))),
               "unknown_intent_type", Json::object({{"supported", std::move(list)}})};
}

namespace {
Error refused_at(const std::string& member, const std::vector<SchemaViolation>& violations) {
  std::vector<Violation> out;
  out.reserve(violations.size());
  for (const SchemaViolation& violation : violations) {
    out.push_back({member + violation.instance_pointer, violation.keyword, violation.message});
  }
  return violations_error(out);
}
}  // namespace

Error parameters_refused(const std::vector<SchemaViolation>& violations) {
  return refused_at("/parameters", violations);
}
Error signal_value_refused(const std::vector<SchemaViolation>& violations) {
  return refused_at("/value", violations);
}

Error superseded() {
  return Error{ErrorCode::cancelled,
               "the runtime has given up on this attempt (its deadline passed, or somebody ended the execution): "
               "nothing more of it is recorded",
               "superseded",
               {}};
}

Error cancelled_by(const Actor& actor, const std::string& reason) {
  return ended_by("cancelled", "cancellation_requested", actor, reason);
}

Error terminated_by(const ExecutionCommand& command) {
  return ended_by("terminated", "terminated", command.actor, command.reason);
}

Error recordable(Error error) {
  if (!base::is_utf8(error.message)) error.message = "(an error message that is not UTF-8)";
  if (!base::is_utf8(error.reason)) error.reason.clear();
  shorten(error.message, kMaxMessageBytes);
  shorten(error.reason, 128);
  const std::string details = error.details.dump();
  if (details.size() > kMaxDetailsBytes || !Json::parse(details, {.max_depth = kMaxDetailsDepth})) {
    error.details = Json::object({{"omitted", "the details cannot be recorded: over 16 KiB, too deep, or not UTF-8"}});
  }
  return error;
}

ExecutionResult result_so_far(const public_works::ExecutionRow& row) {
  ExecutionResult result;
  result.execution_id = row.execution_id;
  result.intent_id = row.intent_id;
  result.intent_type = row.intent_type;
  result.tenant_id = row.tenant;
  result.status = ExecutionStatus::running;
  result.rerun_of = row.rerun_of;
  result.successor = row.successor;
  return result;
}

void add_outcome(PendingCommit commit, Json value, std::int64_t committed_us, ExecutionResult& result) {
  result.value = std::move(value);
  result.artifacts.reserve(commit.artifacts.size());
  for (PendingArtifact& pending : commit.artifacts) result.artifacts.push_back(std::move(pending.artifact));
  result.events.reserve(commit.events.size());
  for (PendingEvent& event : commit.events) {
    result.events.push_back({std::move(event.event_id), std::move(event.draft.type), std::move(event.draft.topic)});
  }
  result.references = std::move(commit.references);
  for (Reference& reference : result.references) reference.created_at_us = committed_us;
}

}  // namespace symphainy::runtime
