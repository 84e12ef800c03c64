// SPDX-License-Identifier: Apache-2.0
// A small store's life, made by hand, with what its clients, handlers and consumers saw: clean as it begins, and every
// part of it can be changed, to see that the history checker notices.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/try.h"
#include "crash/history_checker.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/state_surface.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::tests {

using public_works::StreamName;
using runtime::RecordType;

/// The log of a story, with a recovery of the test's choice.
class ToldLog final : public public_works::EventLog {
 public:
  explicit ToldLog(std::shared_ptr<public_works::MemoryLogContents> contents)
      : log_(clock_, random_, std::move(contents)), told(log_.recovery()) {}

  void start(public_works::EventLogListener&) override { CHECK(false); }
  Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft>) override { CHECK(false); }
  Result<void> read_batches(std::uint64_t from,
                            const std::function<bool(const base::LogBatch&)>& visit) const override {
    return log_.read_batches(from, visit);
  }
  std::uint64_t durable_position() const override { return log_.durable_position(); }
  public_works::LogIdentity identity() const override { return log_.identity(); }
  const public_works::LogRecovery& recovery() const override { return told; }
  Result<void> close() override { return {}; }

 private:
  public_works::ManualClock clock_{1'700'000'000'000'000, 0};
  public_works::SeededRandom random_{1};
  public_works::MemoryEventLog log_;

 public:
  public_works::LogRecovery told;
};

/// Execution a completes (it stores content, references, an edge, state and events); b is accepted, cut short by a
/// crash, taken up again and fails; r is rejected; c completes and changes a's state again.
class Story {
 public:
  struct Batch {
    std::uint64_t epoch;
    std::vector<base::RecordDraft> drafts;
  };
  std::vector<Batch> batches;
  std::vector<ClientOperation> history;
  std::vector<ActSeen> acts;
  std::vector<LedgerEntry> ledger;
  std::map<StreamName, std::vector<std::string>> streams;
  std::vector<LogEnd> ends_seen;
  bool quiescent = true;
  bool wall_clock_is_set = false;
  bool with_stores = true;  ///< false: for a log that the runtime's own fold refuses
  bool with_content = true;
  std::uint64_t fold_until = std::numeric_limits<std::uint64_t>::max();
  std::function<void(public_works::LogRecovery&)> change_recovery;
  std::function<void(std::vector<Batch>&)> change_what_is_folded;
  std::function<void(base::LogBatch&)> change_sealed;

  Story();

  static base::Uuid id(char which) { return base::make_uuid_v7(1'000'000, std::string(16, which)); }
  Batch& batch_with(char which, RecordType type) {
    for (Batch& batch : batches) {
      for (const base::RecordDraft& draft : batch.drafts) {
        if (draft.execution == id(which) && draft.type == static_cast<std::uint16_t>(type)) return batch;
      }
    }
    CHECK(false);
  }
  base::RecordDraft& draft(char which, RecordType type) {
    for (base::RecordDraft& found : batch_with(which, type).drafts) {
      if (found.execution == id(which) && found.type == static_cast<std::uint16_t>(type)) return found;
    }
    CHECK(false);
  }
  /// In the record's payload, where it must be found.
  void replace(char which, RecordType type, const std::string& text, const std::string& with) {
    std::string& payload = draft(which, type).payload;
    const std::size_t at = payload.find(text);
    CHECK(at != std::string::npos);
    payload.replace(at, text.size(), with);
  }
  /// The record leaves its batch for one of its own, before or behind it.
  void set_apart(char which, RecordType type) {
    Batch& whole = batch_with(which, type);
    Batch alone{whole.epoch, {draft(which, type)}};
    std::erase_if(whole.drafts, [type](const auto& d) { return d.type == static_cast<std::uint16_t>(type); });
    batches.insert(batches.begin() + (&whole - batches.data()), std::move(alone));
  }
  void remove(char which, RecordType type) {
    Batch& whole = batch_with(which, type);
    std::erase_if(whole.drafts, [type](const auto& d) { return d.type == static_cast<std::uint16_t>(type); });
  }
  ClientOperation& operation(const std::string& intent_id) {
    for (ClientOperation& found : history) {
      if (found.intent_id == intent_id) return found;
    }
    CHECK(false);
  }

  /// The invariants that do not hold.
  [[nodiscard]] std::set<std::string> broken() {
    std::set<std::string> names;
    for (const Violation& violation : violations()) names.insert(violation.invariant);
    return names;
  }
  [[nodiscard]] std::vector<Violation> violations();

 private:
  static std::shared_ptr<public_works::MemoryLogContents> sealed(const std::vector<Batch>& batches);
  void add(std::uint64_t epoch, std::vector<base::RecordDraft> drafts) {
    batches.push_back({epoch, std::move(drafts)});
  }
  [[nodiscard]] std::uint64_t position() const {
    std::uint64_t records = 0;
    for (const Batch& batch : batches) records += batch.drafts.size();
    return records;
  }
  void accept(char which, const std::string& type);
  void complete(char which, const std::string& changes, const std::vector<std::string>& event_ids);
  void publish(char which, const std::string& event_id);
  ClientOperation& acknowledge(char which, const std::string& type, const std::string& status);

  std::uint64_t sequence_ = 0;
};

inline std::vector<base::RecordDraft> of_store(RecordType type, std::string payload) {
  return {runtime::draft_record(type, "_system", std::move(payload))};
}

inline void Story::accept(char which, const std::string& type) {
  Intent intent = Intent::create(type, "acme", "session", "solution", {"user", "maria"}, Json::object({{"n", which}}));
  intent.intent_id = std::string("intent-") + which;
  intent.idempotency_key = std::string("key-") + which;
  const auto record = [&](RecordType kind, std::string payload, std::uint32_t attempt) {
    return runtime::draft_record(kind, "acme", std::move(payload), id(which), attempt);
  };
  add(1, {record(RecordType::intent_accepted, runtime::accepted_payload(intent, intent.fingerprint()), 0),
          record(RecordType::execution_created, R"({"seed":"s"})", 0),
          record(RecordType::execution_started, runtime::started_payload(1, 1), 1)});
  if (type == "noting") ledger.push_back({id(which).text(), "acme", *intent.idempotency_key, 1});
}

inline void Story::complete(char which, const std::string& changes, const std::vector<std::string>& event_ids) {
  const std::string digest = base::sha256("content").hex();
  std::string events;
  for (const std::string& event_id : event_ids) {
    if (!events.empty()) events += ',';
    events +=
        fmt::format(R"({{"data":1,"event_id":"{}","sequence":{},"subject":"","topic":"things","type":"thing.made"}})",
                    event_id, ++sequence_);
  }
  const auto record = [&](RecordType kind, std::string payload) {
    return runtime::draft_record(kind, "acme", std::move(payload), id(which), 1);
  };
  const auto reference = [&](const std::string& name) {
    return fmt::format(R"({{"digest":"{}","location":"artifact:{}","media_type":"","metadata":{{}},"name":"{}",)"
                       R"("reference_id":"{}-{}","size":7,"type":"file"}})",
                       digest, digest, name, name, which);
  };
  add(1, {record(RecordType::artifacts_handled,
                 fmt::format(R"({{"artifacts":[{{"content":"Y29udGVudA==","digest":"{0}","name":"small","size":7}},)"
                             R"({{"digest":"{0}","name":"large","size":7}}]}})",
                             digest)),
          record(RecordType::references_registered,
                 fmt::format(R"({{"references":[{},{}]}})", reference("first"), reference("second"))),
          record(RecordType::provenance_tracked,
                 fmt::format(
                     R"({{"edges":[{{"derived":"second-{0}","relation":"wasDerivedFrom","source":"first-{0}"}}]}})",
                     which)),
          record(RecordType::state_changed, fmt::format(R"({{"changes":[{}]}})", changes)),
          record(RecordType::events_queued, fmt::format(R"({{"events":[{}]}})", events)),
          record(RecordType::execution_completed, runtime::completed_payload(7, Json(std::string(1, which))))});
  for (const std::string& event_id : event_ids) publish(which, event_id);
  ClientOperation& operation = acknowledge(which, "noting", "completed");
  operation.value_sha256 = base::sha256(Json(std::string(1, which)).dump()).hex();
  operation.event_ids = event_ids;
}

inline void Story::publish(char which, const std::string& event_id) {
  auto& stream = streams[{"acme", "things"}];
  stream.push_back(Json::object({{"data", 1},
                                 {"executionid", id(which).text()},
                                 {"id", event_id},
                                 {"sequence", std::to_string(stream.size() + 1)},
                                 {"type", "thing.made"}})
                       .dump());
}

inline ClientOperation& Story::acknowledge(char which, const std::string& type, const std::string& status) {
  const std::string name(1, which);
  history.push_back({.client = "c1",
                     .tenant = "acme",
                     .idempotency_key = "key-" + name,
                     .intent_id = "intent-" + name,
                     .intent_type = type,
                     .parameters = Json::object({{"n", which}}).dump(),
                     .intent = "",
                     .outcome = ClientOperation::Outcome::acknowledged,
                     .execution_id = id(which).text(),
                     .status = status,
                     .position = position(),
                     .value_sha256 = "",
                     .event_ids = {}});
  return history.back();
}

inline Story::Story() {
  add(1, {of_store(RecordType::store_created, R"({"feature_level":1,"release":"0.1.0"})").front(),
          of_store(RecordType::partition_opened, R"({"epoch":1,"release":"0.1.0"})").front()});
  accept('a', "noting");
  complete('a', R"({"key":"kept","value":1,"version":1},{"key":"gone","version":1})", {"event-1", "event-2"});
  accept('c', "noting");
  complete('c', R"({"key":"kept","value":2,"version":2})", {"event-3"});
  add(1, of_store(RecordType::events_published, fmt::format(R"({{"position":{},"publisher":"p"}})", position())));
  accept('b', "noting");
  for (const std::string key : {"reserve#1", "charge#1"}) {
    const std::string payload = fmt::format(R"({{"input_digest":"","key":"{}","result":1,"tries":1}})", key);
    batches.back().drafts.push_back(runtime::draft_record(RecordType::step_completed, "acme", payload, id('b'), 1));
    ledger.push_back({id('b').text(), "acme", "key-b", 1, key});
  }
  add(2, of_store(RecordType::partition_opened, R"({"epoch":2,"release":"0.1.0"})"));
  add(2, {runtime::draft_record(RecordType::execution_started, "acme", runtime::started_payload(2, 2), id('b'), 2)});
  ledger.push_back({id('b').text(), "acme", "key-b", 2});
  const Error broke{ErrorCode::failed, "it broke", "broke", {}};
  add(2, {runtime::draft_record(RecordType::execution_failed, "acme", runtime::failed_payload(7, broke), id('b'), 2)});
  ClientOperation lost = acknowledge('b', "noting", "failed");
  lost.outcome = ClientOperation::Outcome::unknown;
  history.insert(history.begin(), lost);
  history.back().intent_id = "intent-b-again";

  Intent refused = Intent::create("noting", "acme", "session", "solution", {"user", "maria"});
  refused.intent_id = "intent-r";
  add(2,
      {runtime::draft_record(RecordType::intent_rejected, "acme", runtime::rejected_payload(refused, broke), id('r'))});
  acknowledge('r', "noting", "rejected").idempotency_key.clear();
  ClientOperation never = lost;
  never.intent_id = "intent-n";
  never.idempotency_key = "key-n";
  history.push_back(never);
  never.intent_id = "intent-o";
  never.outcome = ClientOperation::Outcome::refused;
  history.push_back(never);
}

inline std::shared_ptr<public_works::MemoryLogContents> Story::sealed(const std::vector<Batch>& batches) {
  auto contents = std::make_shared<public_works::MemoryLogContents>();
  contents->identity.store = base::Uuid::from_bytes("sixteen bytes id");
  base::RecordStamper stamper(contents->identity.store, contents->chain);
  std::int64_t time_us = 0;
  for (const Batch& batch : batches) {
    std::vector<base::RecordDraft> drafts = batch.drafts;
    const std::string salts(drafts.size() * 16, 's');
    auto made = std::make_shared<base::LogBatch>(stamper.stamp(std::move(drafts), time_us += 1'000'000, salts));
    for (base::LogRecord& record : made->records) record.partition_epoch = batch.epoch;  // a falling one too
    std::string bytes;
    contents->chain.seal(*made, bytes);
    contents->batches.push_back(std::move(made));
  }
  return contents;
}

inline std::vector<Violation> Story::violations() {
  const auto contents = sealed(batches);
  std::vector<Batch> folded = batches;
  if (change_what_is_folded) change_what_is_folded(folded);
  public_works::MemoryStateStore store;
  if (with_stores) CHECK(runtime::fold_log(ToldLog(sealed(folded)), store, fold_until));
  public_works::MemoryArtifactStore artifacts;
  if (with_content) {
    const auto writer = artifacts.create().value();
    CHECK(writer->write("content") && writer->commit());
  }
  if (change_sealed) {
    auto changed = std::make_shared<base::LogBatch>(*contents->batches[1]);
    change_sealed(*changed);
    contents->batches[1] = std::move(changed);
  }
  ToldLog log(contents);
  if (change_recovery) change_recovery(log.told);
  return check_history({.history = history,
                        .acts = acts,
                        .ledger = ledger,
                        .noting_types = {"noting"},
                        .log = &log,
                        .state = with_stores ? &store : nullptr,
                        .lineage = with_stores ? &store : nullptr,
                        .artifacts = &artifacts,
                        .publisher = "p",
                        .streams = streams,
                        .ends_seen = ends_seen,
                        .wall_clock_is_set = wall_clock_is_set,
                        .faults_stopped = quiescent});
}

}  // namespace symphainy::tests
