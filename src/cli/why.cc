// SPDX-License-Identifier: Apache-2.0
#include "cli/why.h"

#include <fmt/format.h>
#include <memory>
#include <vector>

#include "base/time.h"
#include "base/try.h"
#include "cli/rows.h"
#include "cli/text_width.h"
#include "cli/timeline.h"
#include "cli/tree.h"
#include "runtime/data_brain.h"
#include "runtime/wal_record.h"

namespace symphainy::cli {
namespace {

using runtime::RecordType;

struct Explanation {
  Json intent;   ///< as accepted, or what was valid of it
  Json created;  ///< null for an intent that was rejected
  Json attempts = Json::array();
  std::vector<runtime::Lineage> lineage;  ///< of each reference, towards its sources
};

std::string text_of(const Json& object, std::string_view key, std::string_view otherwise = "unknown") {
  const Json* value = object.find(key);
  return value == nullptr || value->is_null() ? std::string(otherwise) : plain(*value);
}

Json number_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr ? Json() : *value;
}

Json payload_of(const ExecutionStory& story, RecordType type) {
  return first_payload(story, static_cast<std::uint16_t>(type));
}

Result<Explanation> gather(const ScopedReader& reader, const ExecutionStory& story) {
  Explanation found;
  Json accepted = payload_of(story, RecordType::intent_accepted);
  if (accepted.is_null()) accepted = payload_of(story, RecordType::intent_rejected);
  if (const Json* intent = accepted.find("intent")) found.intent = *intent;
  found.created = payload_of(story, RecordType::execution_created);
  for (const auto& record : story.records) {
    if (record.type != static_cast<std::uint16_t>(RecordType::execution_started)) continue;
    found.attempts.push_back(Json::object({{"attempt", record.attempt},
                                           {"partition_epoch", record.partition_epoch},
                                           {"started_at", base::format_time(record.time_us)}}));
  }
  const runtime::DataBrain brain(reader.store->lineage());
  for (const Reference& reference : story.result.references) {
    TRY(auto lineage, brain.lineage(reader.scope, reference.reference_id, {}));
    found.lineage.push_back(std::move(lineage));
  }
  return found;
}

std::string outcome_line(const ExecutionStory& story) {
  const auto& row = story.row;
  if (row.status == "parked")
    return fmt::format(
        "Execution {} is parked in attempt {}: it goes on with symphainy execution resume {}, once what it is parked "
        "for "
        "is put right.",
        row.execution_id, row.attempt, row.execution_id);
  if (row.ended_us == 0)
    return fmt::format(
        "Execution {} has not ended; it is in attempt {}. If no process works on it, the next symphainy "
        "run in this data directory goes on with it.",
        row.execution_id, row.attempt);
  return fmt::format("Execution {} ended as {} at {}, {} after it was accepted.", row.execution_id, row.status,
                     base::format_time(row.ended_us), format_duration(row.ended_us - row.accepted_us));
}

std::string origin_line(const ExecutionStory& story) {
  const auto& row = story.row;
  return fmt::format("{} asked for it at {}: intent {} of type {}, for tenant {}, in session {} of solution {}.",
                     row.actor.empty() ? "Somebody" : row.actor, base::format_time(row.accepted_us),
                     row.intent_id.empty() ? "without an id" : row.intent_id,
                     row.intent_type.empty() ? "unknown" : row.intent_type, row.tenant,
                     row.session.empty() ? "unknown" : row.session, row.solution.empty() ? "unknown" : row.solution);
}

std::string parent_line(const Json& intent) {
  const Json* parent = intent.find("parent");
  if (parent == nullptr) return {};
  return fmt::format("It was submitted on behalf of execution {}, step {}.", text_of(*parent, "execution_id"),
                     text_of(*parent, "step"));
}

std::string key_line(const ExecutionStory& story) {
  if (!story.row.idempotency_key)
    return "It has no idempotency key; only its intent id keeps it from being executed twice.";
  return fmt::format("Its idempotency key is {}: the same key with the same body answers with this execution.",
                     *story.row.idempotency_key);
}

std::string handler_line(const Json& created) {
  if (created.is_null()) return "No handler ran: the intent was refused before an execution was created.";
  return fmt::format(
      "Handler {} of domain service {}, version {}, ran it; its parameters met the schema with SHA-256 {}.",
      text_of(created, "handler"), text_of(created, "domain_service"), text_of(created, "handler_version"),
      text_of(created, "schema_digest"));
}

std::string attempts_line(const Json& attempts) {
  if (attempts.size() < 2) return {};
  return fmt::format(
      "It took {} attempts: an earlier process ended before the execution did, and another went on with it.",
      attempts.size());
}

void append_error(const ExecutionStory& story, std::vector<std::string>& lines) {
  if (!story.result.error) return;
  const Error& error = *story.result.error;
  lines.push_back(fmt::format("The reason is {}: {}", error.name(), error.message));
  const Json* violations = error.details.find("violations");
  if (violations == nullptr) {
    if (!error.details.is_null()) lines.push_back("Details: " + error.details.dump());
    return;
  }
  for (std::size_t i = 0; i < violations->size(); ++i) {
    const Json& violation = violations->at(i);
    const std::string pointer = text_of(violation, "pointer", "");
    lines.push_back(fmt::format("  {} {} ({})", pointer.empty() ? "(the intent)" : pointer,
                                text_of(violation, "message"), text_of(violation, "rule")));
  }
}

std::string made_line(const ExecutionStory& story) {
  if (story.row.status != "completed") return "Nothing of what it did was committed.";
  return fmt::format("It committed {} artifact(s), {} reference(s) and {} event(s) as one fact.",
                     story.result.artifacts.size(), story.result.references.size(), story.result.events.size());
}

std::vector<std::string> sentences(const ExecutionStory& story, const Explanation& explanation) {
  std::vector<std::string> lines{outcome_line(story)};
  append_error(story, lines);
  lines.push_back(origin_line(story));
  lines.push_back(parent_line(explanation.intent));
  lines.push_back(key_line(story));
  lines.push_back(handler_line(explanation.created));
  lines.push_back(attempts_line(explanation.attempts));
  if (story.row.ended_us != 0) lines.push_back(made_line(story));
  std::erase_if(lines, [](const std::string& line) { return line.empty(); });
  return lines;
}

Json explanation_json(const ExecutionStory& story, const Explanation& explanation,
                      const public_works::TenantScope& scope) {
  Json json = execution_json(story.row, scope);
  json["intent"] = explanation.intent;
  json["handler"] = explanation.created.is_null()
                        ? Json()
                        : Json::object({{"domain_service", text_of(explanation.created, "domain_service")},
                                        {"handler", text_of(explanation.created, "handler")},
                                        {"version", number_of(explanation.created, "handler_version")},
                                        {"schema_digest", text_of(explanation.created, "schema_digest")}});
  json["attempts"] = explanation.attempts;
  if (story.result.error) json["error"] = story.result.error->to_json();
  Json lineage = Json::array();
  for (const auto& graph : explanation.lineage) lineage.push_back(lineage_json(graph));
  json["lineage"] = std::move(lineage);
  Json lines = Json::array();
  for (const std::string& line : sentences(story, explanation)) lines.push_back(line);
  json["explanation"] = std::move(lines);
  return json;
}

}  // namespace

Result<int> explain(Invocation& invocation, const std::string& execution_id) {
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(const ExecutionStory story, load_story(reader, execution_id));
  TRY(const Explanation explanation, gather(reader, story));
  const Output& out = invocation.out();
  if (out.json()) {
    out.json_line(explanation_json(story, explanation, reader.scope));
    return kOk;
  }
  for (const std::string& line : sentences(story, explanation)) out.line(printable(line));
  for (const auto& graph : explanation.lineage) {
    out.line("");
    std::string drawing = render_lineage(graph, runtime::Direction::up, out);
    if (!drawing.empty()) drawing.pop_back();
    out.line(drawing);
  }
  return kOk;
}

void add_why(Command parent, const std::string& prefix) {
  auto id = std::make_shared<std::string>();
  parent.add("why", "where an execution came from, and why it ended as it did")
      .takes_data()
      .takes_tenant()
      .argument("ID", *id, "the execution")
      .examples({"symphainy " + prefix + "why 0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f --tenant acme"})
      .runs([id](Invocation& invocation) { return explain(invocation, *id); });
}

}  // namespace symphainy::cli
