// SPDX-License-Identifier: Apache-2.0
#include "runtime/execution_context.h"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/time.h"
#include "base/try.h"
#include "runtime/content_location.h"
#include "runtime/context_checks.h"
#include "runtime/data_brain.h"
#include "runtime/execution_history.h"
#include "runtime/payload.h"

namespace symphainy::runtime {
namespace {

using public_works::TenantScope;

constexpr std::size_t kMaxStateKeyBytes = 512;
constexpr std::size_t kMaxMetadataBytes = 64 * 1024;
constexpr std::size_t kItemBytes = 256;  // what an item costs in the log beside its content

Result<void> check_state_key(std::string_view key) {
  if (!key.empty() && key.size() <= kMaxStateKeyBytes && base::is_utf8(key) && !key.contains('\0')) return {};
  return refused("state", fmt::format("a key must be 1 to {} bytes of UTF-8 without NUL", kMaxStateKeyBytes));
}

Result<void> check_digest(std::string_view value) {
  if (value.empty()) return {};
  const auto raw = base::from_hex(value);
  if (raw && raw->size() == 32) return {};
  return refused("reference", "digest must be 64 hexadecimal digits (SHA-256), or empty");
}

}  // namespace

// Streams content into the artifact store; the execution gets it when finish() is called.
class StoredArtifactSink final : public ArtifactSink {
 public:
  StoredArtifactSink(RuntimeExecutionContext& context, std::unique_ptr<public_works::ArtifactWriter> writer,
                     std::string name, std::string media_type)
      : context_(context), writer_(std::move(writer)), name_(std::move(name)), media_type_(std::move(media_type)) {}

  Result<void> write(std::string_view bytes) override {
    TRY(context_.check_outside_step("artifacts"));
    if (finished_) return already_finished();
    return writer_->write(bytes);
  }

  Result<Artifact> finish() override {
    TRY(context_.check_outside_step("artifacts"));
    if (std::exchange(finished_, true)) return already_finished();
    TRY(const public_works::StoredArtifact stored, writer_->commit());
    Artifact artifact{name_, media_type_, stored.digest.hex(), stored.size, artifact_location(stored.digest.hex())};
    context_.commit_.artifacts.push_back({artifact, std::nullopt});
    return artifact;
  }

 private:
  [[nodiscard]] std::unexpected<Error> already_finished() const {
    return refused("artifact", fmt::format("'{}' is finished; open another one", name_));
  }

  RuntimeExecutionContext& context_;
  bool finished_ = false;
  std::unique_ptr<public_works::ArtifactWriter> writer_;
  std::string name_;
  std::string media_type_;
};

RuntimeExecutionContext::RuntimeExecutionContext(ContextServices& services, std::shared_ptr<const Intent> intent,
                                                 const base::Uuid& execution, std::string seed, std::uint32_t attempt,
                                                 RecordedAnswers answers)
    : services_(services),
      intent_(std::move(intent)),
      execution_(execution),
      execution_id_(execution.text()),
      seed_(std::move(seed)),
      drawn_from_(std::move(answers.drawn_from)),
      attempt_(attempt),
      recorded_(std::move(answers.observations)),
      steps_(std::move(answers.steps), std::move(answers.started), std::move(answers.undone)),
      waits_(std::move(answers.waits)),
      no_way_back_(steps_.has_no_way_back()),
      compensating_(answers.compensation.has_value()) {}

Result<std::unique_ptr<RuntimeExecutionContext>> RuntimeExecutionContext::restore(
    ContextServices& services, const std::vector<base::LogRecord>& history) {
  TRY(Intent intent, intent_from_history(history));
  TRY(std::string seed, seed_from_history(history));
  TRY(RecordedAnswers answers, answers_from_history(history));
  const std::uint32_t attempt = std::ranges::max(history, {}, &base::LogRecord::attempt).attempt;
  return std::make_unique<RuntimeExecutionContext>(services, std::make_shared<const Intent>(std::move(intent)),
                                                   history.front().execution, std::move(seed), attempt,
                                                   std::move(answers));
}

Result<void> RuntimeExecutionContext::check_result(const Json& value) {
  TRY(recordable("result", value, kMaxResultBytes));
  return {};
}

// --- answers
// ----------------------------------------------------------------------------------------------------------

Result<std::optional<Json>> RuntimeExecutionContext::recorded_answer(std::string_view kind, const std::string& key) {
  const auto matches = [&](const Observation& seen) { return seen.kind == kind && seen.key == key; };
  const auto found = std::ranges::find_if(recorded_, matches);
  if (found == recorded_.end()) return std::nullopt;
  Json answer = std::move(found->answer);
  recorded_.erase(found);
  return answer;
}

Result<Json> RuntimeExecutionContext::observe(std::string_view kind, const std::string& key,
                                              const std::function<Result<Json>()>& answer) {
  TRY(check_outside_step("what may vary"));
  TRY(std::optional<Json> known, recorded_answer(kind, key));
  const bool recorded = known.has_value();
  if (!recorded) {
    TRY(Json fresh, answer());
    known = std::move(fresh);
  }
  TRY(admit(commit_.observations.size(), text_bytes({key}) + known->dump().size(), "observations"));
  commit_.observations.push_back({std::string(kind), key, *known, recorded});
  return *known;
}

std::int64_t RuntimeExecutionContext::now_us() {
  const auto answer = observe("time", "", [&] { return Json(base::format_time(services_.clock.wall_us())); });
  if (!answer) throw std::length_error(answer.error().message);
  return base::parse_time(answer->as_string().value_or("")).value_or(0);
}

std::string RuntimeExecutionContext::derived_bytes(std::string_view purpose, std::uint64_t ordinal) const {
  return fmt::format("{}\n{}\n{}\n{}\n{}", seed_, intent_->tenant_id, execution_id_, purpose, ordinal);
}

// What leads to a step that was taken over is drawn as it was when the step was taken.
RuntimeExecutionContext::Draw RuntimeExecutionContext::draw(std::string_view purpose, std::uint64_t ordinal) const {
  const auto origin =
      std::ranges::find_if(drawn_from_, [this](const DrawnFrom& from) { return steps_taken_ < from.calls; });
  if (origin == drawn_from_.end()) return {execution_, derived_bytes(purpose, ordinal)};
  return {base::Uuid::parse(origin->execution).value_or(execution_),
          fmt::format("{}\n{}\n{}\n{}\n{}", origin->seed, intent_->tenant_id, origin->execution, purpose, ordinal)};
}

std::uint64_t RuntimeExecutionContext::random() {
  if (const auto outside = check_outside_step("random numbers"); !outside)
    throw std::logic_error(outside.error().message);
  return base::load_integer<std::uint64_t>(base::sha256(draw("random", randoms_++).bytes).bytes.data());
}

std::string RuntimeExecutionContext::new_id() {
  if (const auto outside = check_outside_step("new ids"); !outside) throw std::logic_error(outside.error().message);
  const Draw drawn = draw("id", ids_++);
  return base::make_uuid_v8(drawn.execution, drawn.bytes).text();
}

Result<std::optional<StateValue>> RuntimeExecutionContext::get_state(const std::string& key) {
  const auto own = std::ranges::find(commit_.state.rbegin(), commit_.state.rend(), key, &PendingStateChange::key);
  if (own != commit_.state.rend()) {
    if (!own->value) return std::nullopt;
    return StateValue{*own->value, 0};
  }
  TRY(check_state_key(key));
  TRY(const Json answer, observe("state", key, [&]() -> Result<Json> {
        TRY(services_.surface.wait_until(services_.log.durable_position()));
        TRY(const auto row, services_.surface.store().state(intent_->tenant_id, key));
        if (!row || !row->value) return Json();
        TRY(Json value, Json::parse(*row->value));
        return Json::object({{"value", std::move(value)}, {"version", row->version}});
      }));
  if (answer.is_null()) return std::nullopt;
  return StateValue{*answer.find("value"), answer.find("version")->as_uint64().value_or(0)};
}

Result<std::optional<Reference>> RuntimeExecutionContext::get_reference(const std::string& reference_id) {
  const auto own = std::ranges::find(commit_.references, reference_id, &Reference::reference_id);
  if (own != commit_.references.end()) return *own;
  // Whatever else it is, it names nothing, and must not reach the log.
  if (!base::Uuid::parse(reference_id)) return std::nullopt;
  TRY(const Json answer, observe("reference", reference_id, [&]() -> Result<Json> {
        TRY(services_.surface.wait_until(services_.log.durable_position()));
        TRY(const auto row, services_.lineage.reference(TenantScope::only(intent_->tenant_id), reference_id));
        return row ? to_reference(*row).to_json() : Json();
      }));
  if (answer.is_null()) return std::nullopt;
  TRY(Reference reference, reference_from_json(answer));
  return reference;
}

Result<std::unique_ptr<ContentSource>> RuntimeExecutionContext::open_reference(const std::string& reference_id) {
  TRY(const auto reference, get_reference(reference_id));
  if (!reference) {
    return fail(ErrorCode::not_found, fmt::format("this tenant has no reference {}", reference_id),
                "unknown_reference");
  }
  if (reference->execution_id == execution_id_) TRY(check_own_content(*reference));
  return open_content({services_.surface.store(), services_.log, services_.artifacts}, intent_->tenant_id, *reference);
}

// What this execution has registered itself was not checked yet, so it is here by the rule of the commit
// (DecisionState): a reference that would be refused must not open anything before.
Result<void> RuntimeExecutionContext::check_own_content(const Reference& reference) {
  const std::string& location = reference.location;
  if (!is_artifact_location(location)) return {};
  const auto stored = [&](const PendingArtifact& pending) { return pending.artifact.location == location; };
  if (std::ranges::any_of(commit_.artifacts, stored)) return {};
  TRY(const Json known, observe("location", location, [&]() -> Result<Json> {
        TRY(services_.surface.wait_until(services_.log.durable_position()));
        TRY(const bool found, services_.lineage.has_location(intent_->tenant_id, location));
        return Json(found);
      }));
  if (known.as_bool().value_or(false)) return {};
  return foreign_content(reference);
}

// --- additions
// --------------------------------------------------------------------------------------------------------

Result<void> RuntimeExecutionContext::admit(std::size_t items, std::size_t bytes, std::string_view what) {
  TRY(check_outside_step(what));
  if (items >= kMaxItemsPerKind) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("an execution can add at most {} {}; split the work", kMaxItemsPerKind, what),
                "limit_exceeded");
  }
  if (added_bytes_ + bytes + kItemBytes > kMaxCommitBytes) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("an execution can add at most {} bytes to the log; put content into artifacts over 16 KiB, "
                            "which are kept beside it",
                            kMaxCommitBytes),
                "limit_exceeded");
  }
  added_bytes_ += bytes + kItemBytes;
  return {};
}

Result<void> RuntimeExecutionContext::put_state(const std::string& key, Json value,
                                                std::optional<std::uint64_t> expected_version) {
  return change_state(key, std::move(value), expected_version);
}

Result<void> RuntimeExecutionContext::delete_state(const std::string& key,
                                                   std::optional<std::uint64_t> expected_version) {
  return change_state(key, std::nullopt, expected_version);
}

Result<void> RuntimeExecutionContext::change_state(const std::string& key, std::optional<Json> value,
                                                   std::optional<std::uint64_t> expected_version) {
  TRY(check_state_key(key));
  TRY(const std::size_t bytes, recordable("state", value ? *value : Json(), kMaxResultBytes));
  const auto own = std::ranges::find(commit_.state, key, &PendingStateChange::key);
  const bool fresh = own == commit_.state.end();
  TRY(admit(fresh ? commit_.state.size() : 0, text_bytes({key}) + bytes, "state changes"));
  if (fresh) {
    commit_.state.push_back({key, std::move(value), expected_version, 0});
    return {};
  }
  // The later change of one execution replaces the earlier one; the version asked for first is what must hold.
  if (expected_version && own->expected_version != expected_version) {
    return refused("state",
                   fmt::format("'{}' was changed by this execution already, under another expected version", key));
  }
  own->value = std::move(value);
  return {};
}

Result<void> RuntimeExecutionContext::take_artifact_name(const std::string& name) {
  TRY(check_outside_step("artifacts"));
  TRY(check_name("artifact", "name", name));
  if (!artifact_names_.insert(name).second) return refused("artifact", fmt::format("'{}' was added already", name));
  return {};
}

Result<Artifact> RuntimeExecutionContext::add_artifact(ArtifactDraft draft) {
  if (draft.content.size() > kMaxInlineArtifactBytes) {
    TRY(const auto sink, open_artifact(std::move(draft.name), std::move(draft.media_type)));
    TRY(sink->write(draft.content));
    return sink->finish();
  }
  TRY(check_text("artifact", "media_type", draft.media_type));
  TRY(take_artifact_name(draft.name));
  TRY(admit(commit_.artifacts.size(),
            draft.content.size() * 4 / 3 + text_bytes({draft.name, draft.name, draft.media_type}), "artifacts"));
  Artifact artifact{draft.name, draft.media_type, base::sha256(draft.content).hex(), draft.content.size(),
                    execution_location(execution_id_, draft.name)};
  commit_.artifacts.push_back({artifact, std::move(draft.content)});
  return artifact;
}

Result<std::unique_ptr<ArtifactSink>> RuntimeExecutionContext::open_artifact(std::string name, std::string media_type) {
  TRY(check_text("artifact", "media_type", media_type));
  TRY(take_artifact_name(name));
  TRY(admit(artifact_names_.size() - 1, text_bytes({name, media_type}), "artifacts"));
  TRY(auto writer, services_.artifacts.create());
  return std::make_unique<StoredArtifactSink>(*this, std::move(writer), std::move(name), std::move(media_type));
}

Result<std::string> RuntimeExecutionContext::add_event(EventDraft draft) {
  TRY(check_name("event", "type", draft.type));
  TRY(check_text("event", "subject", draft.subject));
  if (draft.topic.empty()) draft.topic = draft.type.substr(0, draft.type.find('.'));
  TRY(check_name("event", "topic", draft.topic));
  TRY(const std::size_t bytes, recordable("event", draft.data, kMaxResultBytes));
  TRY(admit(commit_.events.size(), bytes + text_bytes({draft.type, draft.subject, draft.topic}), "events"));
  std::string id = base::make_uuid_v8(execution_, derived_bytes("event", commit_.events.size())).text();
  commit_.events.push_back({id, std::move(draft), 0});
  return id;
}

Result<std::string> RuntimeExecutionContext::register_reference(ReferenceDraft draft) {
  TRY(check_name("reference", "type", draft.type));
  TRY(check_text("reference", "name", draft.name));
  TRY(check_text("reference", "media_type", draft.media_type));
  TRY(check_text("reference", "location", draft.location));
  TRY(check_digest(draft.digest));
  if (!digest_matches(draft.location, draft.digest)) {
    return refused("reference", fmt::format("digest {} is not that of the content at '{}'; give the same, or none",
                                            draft.digest, draft.location));
  }
  if (!draft.metadata.is_object()) return refused("reference", "metadata must be an object");
  TRY(const std::size_t bytes, recordable("reference", draft.metadata, kMaxMetadataBytes));
  const std::size_t texts = text_bytes({draft.type, draft.name, draft.digest, draft.media_type, draft.location});
  TRY(admit(commit_.references.size(), bytes + texts, "references"));
  // Not from the seed: contracts fix the id as a function of (tenant, execution, step, ordinal) alone. There are no
  // steps yet.
  const std::string name = fmt::format("{}\n{}\n\n{}", intent_->tenant_id, execution_id_, commit_.references.size());
  Reference reference{base::make_uuid_v8(execution_, name).text(),
                      intent_->tenant_id,
                      std::move(draft.type),
                      std::move(draft.name),
                      std::move(draft.digest),
                      draft.size,
                      std::move(draft.media_type),
                      std::move(draft.location),
                      std::move(draft.metadata),
                      execution_id_,
                      0};
  commit_.references.push_back(std::move(reference));
  return commit_.references.back().reference_id;
}

Result<void> RuntimeExecutionContext::track_provenance(const std::string& derived, const std::string& source,
                                                       Relation relation) {
  for (const std::string& end : {derived, source}) {
    if (!base::Uuid::parse(end))
      return refused("provenance", fmt::format("'{}' is not a reference id", end.substr(0, 64)));
  }
  if (derived == source) return refused("provenance", fmt::format("{} cannot be derived from itself", derived));
  TRY(admit(commit_.edges.size(), 0, "provenance edges"));
  commit_.edges.push_back({derived, source, relation});
  return {};
}

void RuntimeExecutionContext::log(LogLevel level, std::string_view message) {
  if (services_.log_sink) services_.log_sink(level, execution_id_, message);
}

Json RuntimeExecutionContext::to_json() const {
  Json observations = Json::array();
  for (const Observation& seen : commit_.observations) {
    observations.push_back(Json::object({{"answer", seen.answer}, {"key", seen.key}, {"kind", seen.kind}}));
  }
  Json artifacts = Json::array();
  for (const PendingArtifact& pending : commit_.artifacts) artifacts.push_back(pending.artifact.to_json());
  Json references = Json::array();
  for (const Reference& reference : commit_.references) references.push_back(reference.to_json());
  Json edges = Json::array();
  for (const PendingEdge& edge : commit_.edges) {
    edges.push_back(
        Json::object({{"derived", edge.derived}, {"relation", to_string(edge.relation)}, {"source", edge.source}}));
  }
  Json state = Json::array();
  for (const PendingStateChange& change : commit_.state) {
    Json item = Json::object({{"key", change.key}});
    if (change.value) item["value"] = *change.value;
    state.push_back(std::move(item));
  }
  Json events = Json::array();
  for (const PendingEvent& event : commit_.events) {
    events.push_back(Json::object({{"data", event.draft.data},
                                   {"event_id", event.event_id},
                                   {"subject", event.draft.subject},
                                   {"topic", event.draft.topic},
                                   {"type", event.draft.type}}));
  }
  return Json::object({{"artifacts", std::move(artifacts)},
                       {"attempt", attempt_},
                       {"events", std::move(events)},
                       {"execution_id", execution_id_},
                       {"intent", intent_->to_json()},
                       {"observations", std::move(observations)},
                       {"provenance", std::move(edges)},
                       {"references", std::move(references)},
                       {"seed", seed_},
                       {"state", std::move(state)}});
}

}  // namespace symphainy::runtime
