// SPDX-License-Identifier: Apache-2.0
// The clean story, and behind it one more execution, told record by record.
#pragma once

#include <gtest/gtest.h>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "crash/history_story.h"

namespace symphainy::tests {

using Broken = std::set<std::string>;

class CourseStory : public ::testing::Test {
 protected:
  using Drafts = std::vector<base::RecordDraft>;

  explicit CourseStory(const std::string& type = "plain") : type_(type) {
    Intent intent = Intent::create(type_, "acme", "session", "solution", {"user", "maria"});
    intent.intent_id = "intent-d";
    Drafts begun = {record(RecordType::intent_accepted, runtime::accepted_payload(intent, intent.fingerprint()), 0),
                    record(RecordType::execution_created, R"({"seed":"s"})", 0)};
    begun.push_back(started());
    add(std::move(begun));
  }

  void add(Drafts drafts) { story_.batches.push_back({epoch_, std::move(drafts)}); }
  void open_again() { story_.batches.push_back({++epoch_, of_store(RecordType::partition_opened, opened())}); }

  base::RecordDraft record(RecordType type, std::string payload) const { return record(type, payload, attempt_); }
  static base::RecordDraft record(RecordType type, std::string payload, std::uint32_t attempt) {
    return runtime::draft_record(type, "acme", std::move(payload), Story::id('d'), attempt);
  }
  base::RecordDraft started() {
    ++attempt_;
    return record(RecordType::execution_started, runtime::started_payload(attempt_, epoch_));
  }
  base::RecordDraft step(RecordType outcome, const std::string& key = "move#1") const {
    return record(outcome, fmt::format(R"({{"input_digest":"","key":"{}","observed":0,"tries":1}})", key));
  }
  base::RecordDraft attempt_failed() const {
    return record(RecordType::attempt_failed, runtime::attempt_failed_payload(7, error(), 1'000));
  }
  base::RecordDraft parked(const std::string& reason = "broke") const {
    return record(RecordType::execution_parked, runtime::failed_payload(7, error(reason)));
  }
  base::RecordDraft resumed() const { return acted(RecordType::execution_resumed); }
  base::RecordDraft cancellation() const { return acted(RecordType::cancellation_requested); }
  base::RecordDraft acted(RecordType type) const { return record(type, runtime::command_payload(command())); }
  base::RecordDraft failed() const { return record(RecordType::execution_failed, runtime::failed_payload(7, error())); }
  base::RecordDraft cancelled() const {
    return record(RecordType::execution_cancelled, runtime::failed_payload(7, error()));
  }
  base::RecordDraft terminated() const {
    return record(RecordType::execution_terminated, runtime::terminated_payload(7, command()));
  }
  static base::LogRecord read(const base::RecordDraft& draft, std::uint64_t position) {
    base::LogRecord record;
    record.position = position;
    record.type = draft.type;
    record.attempt = draft.attempt;
    record.partition_epoch = 2;
    return record;
  }
  void ran(std::uint32_t attempt, const std::string& key) {
    story_.ledger.push_back({Story::id('d').text(), "acme", "", attempt, key});
  }
  void heard(const std::string& status, std::uint64_t position) {
    ClientOperation told = story_.operation("intent-b-again");
    told.idempotency_key.clear();
    told.intent_id = "intent-d";
    told.intent_type = type_;
    told.parameters = "{}";
    told.execution_id = Story::id('d').text();
    told.status = status;
    told.position = position;
    story_.history.push_back(told);
  }
  void did(const std::string& action, const std::string& status, std::uint64_t position) {
    story_.acts.push_back({"acme", Story::id('d').text(), action, status, position});
  }
  std::uint64_t end() const {
    std::uint64_t records = 0;
    for (const Story::Batch& batch : story_.batches) records += batch.drafts.size();
    return records;
  }
  /// The invariants that do not hold, and `told_` what shows that.
  Broken broken() {
    Broken names;
    for (const Violation& violation : story_.violations()) {
      names.insert(violation.invariant);
      told_ += violation.invariant + ": " + violation.what + "\n";
    }
    return names;
  }

  const std::string type_;
  Story story_;
  std::string told_;
  std::uint64_t epoch_ = 2;
  std::uint32_t attempt_ = 0;

 private:
  std::string opened() const { return fmt::format(R"({{"epoch":{},"release":"0"}})", epoch_); }
  static Error error(const std::string& reason = "broke") { return {ErrorCode::failed, "it broke", reason, {}}; }
  static ExecutionCommand command() {
    return {Action::cancel, "acme", Story::id('d').text(), {"user", "maria"}, "why not", false};
  }
};

}  // namespace symphainy::tests
