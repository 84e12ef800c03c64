// SPDX-License-Identifier: Apache-2.0
// Committed events reach the publisher in order and once, whatever is lost between publishing and marking.
#include "runtime/transactional_outbox.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "symphainy/json.h"

#include "base/ids.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_event_publisher.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "runtime/commit.h"
#include "runtime/json_schema.h"
#include "runtime/store_restored.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

using public_works::EventPublisher;
using public_works::HighWaterMark;
using public_works::ManualClock;
using public_works::ManualExecutor;
using public_works::MemoryEventLog;
using public_works::MemoryEventPublisher;
using public_works::MemoryLogContents;
using public_works::OutgoingEvent;
using public_works::SeededRandom;
using public_works::StreamName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "accepted" : result.error().reason;
}

template <typename T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

class NobodyListens final : public public_works::EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>>) override {}
  void on_stopped(const Error&) override {}
};

// Fails as often as it is told to; before that it may have written a part, as a publisher does that loses its disk.
class FailingPublisher final : public EventPublisher {
 public:
  explicit FailingPublisher(MemoryEventPublisher& inner) : inner_(inner) {}
  /// Every publishing to this topic fails until it is called again.
  void fail_stream(std::string topic) { failing_topic_ = std::move(topic); }
  [[nodiscard]] int failures_left() const { return failures_; }
  void fail_next(int times, std::size_t written_before) {
    failures_ = times;
    written_before_ = written_before;
  }

  Result<std::optional<HighWaterMark>> high_water_mark(const StreamName& stream) override {
    return inner_.high_water_mark(stream);
  }
  Result<void> publish(const StreamName& stream, std::span<const OutgoingEvent> events) override {
    if (stream.topic == failing_topic_) return fail(ErrorCode::unavailable, "no such place");
    if (failures_ == 0) return inner_.publish(stream, events);
    --failures_;
    const std::size_t written = std::min(written_before_, events.size());
    EXPECT_TRUE(inner_.publish(stream, events.first(written)));
    return fail(ErrorCode::unavailable, "no space left");
  }

 private:
  MemoryEventPublisher& inner_;
  std::string failing_topic_;
  int failures_ = 0;
  std::size_t written_before_ = 0;
};

// Counts how often the log is read.
class ReadCounter final : public public_works::EventLog {
 public:
  explicit ReadCounter(EventLog& inner) : inner_(inner) {}
  void start(public_works::EventLogListener& listener) override { inner_.start(listener); }
  Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft> drafts) override {
    return inner_.append(std::move(drafts));
  }
  Result<void> read_batches(std::uint64_t from,
                            const std::function<bool(const base::LogBatch&)>& visit) const override {
    ++reads_;
    return inner_.read_batches(from, visit);
  }
  std::uint64_t durable_position() const override { return inner_.durable_position(); }
  public_works::LogIdentity identity() const override { return inner_.identity(); }
  const public_works::LogRecovery& recovery() const override { return inner_.recovery(); }
  Result<void> close() override { return inner_.close(); }
  [[nodiscard]] int reads() const { return reads_; }

 private:
  EventLog& inner_;
  mutable int reads_ = 0;
};

// The same log without its beginning.
class RetiredLog final : public public_works::EventLog {
 public:
  RetiredLog(EventLog& inner, std::uint64_t first, std::string restored)
      : inner_(inner), first_(first), restored_(std::move(restored)) {}
  void start(public_works::EventLogListener& listener) override { inner_.start(listener); }
  Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft> drafts) override {
    return inner_.append(std::move(drafts));
  }
  Result<void> read_batches(std::uint64_t from,
                            const std::function<bool(const base::LogBatch&)>& visit) const override {
    if (from < first_) return fail(ErrorCode::not_found, "retired", public_works::kHistoryRetired);
    return inner_.read_batches(from, visit);
  }
  std::uint64_t durable_position() const override { return inner_.durable_position(); }
  std::uint64_t first_position() const override { return first_; }
  std::string restored_before() const override { return restored_; }
  public_works::LogIdentity identity() const override { return inner_.identity(); }
  const public_works::LogRecovery& recovery() const override { return inner_.recovery(); }
  Result<void> close() override { return inner_.close(); }

 private:
  EventLog& inner_;
  const std::uint64_t first_;
  const std::string restored_;
};

class Outbox : public ::testing::Test {
 protected:
  Outbox() { log_.start(nobody_); }

  /// One record with an event for each topic given.
  std::uint64_t queue(const std::vector<std::string>& topics, const std::string& tenant = "acme",
                      const std::string& subject = "") {
    PendingCommit commit;
    for (const std::string& topic : topics) {
      const std::uint64_t sequence = ++sequences_[{tenant, topic}];
      commit.events.push_back({topic + "-" + std::to_string(sequence),
                               {topic + ".happened", Json::object({{"n", sequence}}), subject, topic},
                               sequence});
    }
    std::vector<base::RecordDraft> drafts;
    append_event_records(commit, {tenant, base::make_uuid_v7(1'000, std::string(16, 'x')), 1}, drafts);
    return log_.append(std::move(drafts)).value().last_position;
  }
  void append_something_else() {
    ASSERT_TRUE(log_.append({draft_record(RecordType::partition_opened, "_system", "{}")}));
  }

  /// The log goes on as a restore's: what was written before is of another timeline, which is the answer.
  std::string restore() {
    const base::Uuid earlier = base::fresh_uuid_v7();
    const StoreRestored restored{.kind = "restore",
                                 .actor = {"user", "u"},
                                 .reason = {},
                                 .timeline = log_.identity().timeline,
                                 .earlier = {{earlier, log_.durable_position()}}};
    EXPECT_TRUE(log_.append({draft_record(RecordType::store_restored, "_system", restored.payload())}));
    return earlier.text();
  }
  /// Puts the pending event into its stream, with these members changed.
  void publish_as(const PendingOutboxEvent& pending, const std::map<std::string, std::string>& members) {
    Json event = Json::parse(pending.event.cloud_event).value();
    for (const auto& [name, value] : members) event[name] = value;
    const std::string id(event.find("id")->as_string().value());
    ASSERT_TRUE(
        publisher_.publish(pending.stream, std::vector{OutgoingEvent{pending.event.sequence, id, event.dump()}}));
  }

  OutboxOrigin origin() { return {log_.identity(), 3}; }
  std::unique_ptr<TransactionalOutbox> open(EventPublisher& publisher, std::uint64_t cursor = 0) {
    return std::make_unique<TransactionalOutbox>(
        "test", publisher, counted_log_, relay_, clock_, origin(), cursor,
        [this](const std::string& name, std::uint64_t position) { marks_.emplace_back(name, position); });
  }
  /// The batches from a position on, as the log reports them when they are durable.
  DurableBatches batches_from(std::uint64_t position) {
    DurableBatches batches;
    EXPECT_TRUE(log_.read_batches(position, [&](const base::LogBatch& batch) {
      batches.push_back(std::make_shared<base::LogBatch>(batch));
      return true;
    }));
    return batches;
  }
  /// wait_until(), while the relay runs here.
  Result<void> wait_for(TransactionalOutbox& outbox, std::uint64_t position) {
    auto waiting = std::async(std::launch::async, [&] { return outbox.wait_until(position); });
    while (waiting.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) relay_.run_until_idle();
    return waiting.get();
  }
  void wake(TransactionalOutbox& outbox) {
    outbox.wake();
    relay_.run_until_idle();
  }
  std::vector<PendingOutboxEvent> pending(std::uint64_t cursor, std::size_t limit) {
    std::uint64_t scanned = 0;
    auto events = get_pending_events(log_, origin(), cursor, limit, scanned).value();
    last_scanned_ = scanned;
    return events;
  }

  /// The ids in a stream, having checked that its sequences run from 1 without a gap.
  std::vector<std::string> published(const std::string& topic, const std::string& tenant = "acme") {
    std::vector<std::string> ids;
    for (const std::string& line : publisher_.lines({tenant, topic})) {
      const Json event = Json::parse(line).value();
      ids.emplace_back(event.find("id")->as_string().value());
      EXPECT_EQ(event.find("sequence")->as_string(), std::to_string(ids.size()));
    }
    return ids;
  }

  ManualClock clock_{1'700'000'000'000'000};
  SeededRandom random_{1};
  NobodyListens nobody_;
  MemoryEventLog log_{clock_, random_, std::make_shared<MemoryLogContents>()};
  ReadCounter counted_log_{log_};
  ManualExecutor relay_{clock_};
  MemoryEventPublisher publisher_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences_;
  std::vector<std::pair<std::string, std::uint64_t>> marks_;
  std::uint64_t last_scanned_ = 0;
};

TEST_F(Outbox, PublishesWhatIsPendingOnceAndInOrder) {
  queue({"content", "audit", "content"});
  append_something_else();
  queue({"content"}, "other");
  const std::uint64_t last = queue({"audit", "content"});
  const auto outbox = open(publisher_);
  wake(*outbox);
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2", "content-3"));
  EXPECT_THAT(published("audit"), ElementsAre("audit-1", "audit-2"));
  EXPECT_THAT(published("content", "other"), ElementsAre("content-1"));
  EXPECT_THAT(marks_, ElementsAre(std::pair("test", last)));
  wake(*outbox);
  ASSERT_TRUE(outbox->publish_events());
  EXPECT_EQ(published("content").size(), 3U);
  EXPECT_EQ(marks_.size(), 1U) << "nothing new, nothing to mark";
  EXPECT_TRUE(outbox->wait_until(last));
  queue({"content"});
  wake(*outbox);
  EXPECT_EQ(published("content").back(), "content-4");
}

TEST_F(Outbox, PublishesWhatItIsOfferedWithoutReadingItBack) {
  const auto outbox = open(publisher_);
  for (int round = 0; round < 3; ++round) {
    const std::uint64_t first = queue({"a", "b"});
    append_something_else();
    queue({"a"});
    outbox->offer(batches_from(first));
    wake(*outbox);
  }
  EXPECT_EQ(counted_log_.reads(), 0);
  EXPECT_EQ(published("a").size(), 6U);
  EXPECT_EQ(published("b").size(), 3U);
}

TEST_F(Outbox, ReadsWhatItWasNotOffered) {
  const auto outbox = open(publisher_);
  queue({"a"});
  const std::uint64_t second = queue({"a"});
  queue({"a"});
  outbox->offer(batches_from(second));
  wake(*outbox);
  EXPECT_EQ(published("a").size(), 3U);
  // A hole between two offers, and one that begins before the cursor.
  queue({"a"});
  outbox->offer(batches_from(queue({"a"})));
  wake(*outbox);
  outbox->offer(batches_from(second));
  wake(*outbox);
  EXPECT_EQ(published("a").size(), 5U);
}

TEST_F(Outbox, KeepsABoundedOfferAndLosesNothingBeyondIt) {
  const auto outbox = open(publisher_);
  constexpr std::size_t kCount = 40'000;
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::uint64_t position = queue({"a"});
    if (i % 1'000 == 999) outbox->offer(batches_from(position - 999));
  }
  wake(*outbox);
  EXPECT_GT(counted_log_.reads(), 0);
  EXPECT_EQ(published("a").size(), kCount);
}

TEST_F(Outbox, RetriesWhatItWasOfferedWhenThePublisherFailed) {
  FailingPublisher failing(publisher_);
  const auto outbox = open(failing);
  const std::uint64_t first = queue({"a", "a"});
  outbox->offer(batches_from(first));
  failing.fail_next(1, 1);
  wake(*outbox);
  const std::uint64_t second = queue({"a"});
  outbox->offer(batches_from(second));
  wake(*outbox);
  EXPECT_EQ(published("a").size(), 3U);
  EXPECT_EQ(counted_log_.reads(), 0);
}

TEST_F(Outbox, GoesOnAfterItsCursor) {
  const std::uint64_t first = queue({"content", "content"});
  const auto before = open(publisher_);
  wake(*before);
  queue({"content", "new"});
  const auto after = open(publisher_, first);
  wake(*after);
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2", "content-3"));
  EXPECT_THAT(published("new"), ElementsAre("new-1"));
}

TEST_F(Outbox, PublishesNothingTwiceWhenTheMarkIsLost) {
  queue({"content", "audit"});
  queue({"content"});
  wake(*open(publisher_));
  queue({"content", "new"});
  wake(*open(publisher_, 0));  // as after a crash that lost the mark
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2", "content-3"));
  EXPECT_THAT(published("audit"), ElementsAre("audit-1"));
  EXPECT_THAT(published("new"), ElementsAre("new-1"));
}

TEST_F(Outbox, PublishesNothingTwiceWhenTheMarksOfManyPassesAreLost) {
  for (int i = 0; i < 1'000; ++i) queue(std::vector<std::string>(10, "content"));
  queue({"audit"});
  wake(*open(publisher_));
  EXPECT_GT(marks_.size(), 1U) << "the test needs more than one pass";
  queue({"content"});
  const auto again = open(publisher_, 0);
  const auto outcome = again->publish_events();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(published("content").size(), 10'001U);
  EXPECT_EQ(published("audit").size(), 1U);
}

TEST_F(Outbox, PublishesEachEventOnceWhereverTheProcessDies) {
  for (int i = 0; i < 4; ++i) queue({"content", "audit", "content"});
  for (std::size_t written = 0; written <= 8; ++written) {
    publisher_ = MemoryEventPublisher();
    FailingPublisher dying(publisher_);
    dying.fail_next(1, written);
    wake(*open(dying));
    wake(*open(publisher_, 0));
    EXPECT_EQ(published("content").size(), 8U);
    EXPECT_EQ(published("audit").size(), 4U);
  }
}

TEST_F(Outbox, RetriesOnTheNextWakeWhatThePublisherCouldNotTake) {
  FailingPublisher failing(publisher_);
  const auto outbox = open(failing);
  const std::uint64_t last = queue({"content", "content", "content"});
  failing.fail_next(1, 2);
  wake(*outbox);
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2"));
  EXPECT_THAT(marks_, IsEmpty());
  failing.fail_next(1, 0);
  EXPECT_EQ(code_of(wait_for(*outbox, last)), ErrorCode::unavailable);
  wake(*outbox);
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2", "content-3"));
  EXPECT_TRUE(wait_for(*outbox, last));
  EXPECT_THAT(marks_, ElementsAre(std::pair("test", last)));
}

TEST_F(Outbox, AStreamThatFailsHoldsBackItselfAndTheMarkOnly) {
  FailingPublisher failing(publisher_);
  const auto outbox = open(failing);
  queue({"audit", "content"});
  wake(*outbox);
  ASSERT_EQ(marks_.size(), 1U);
  failing.fail_stream("audit");
  for (int i = 0; i < 3; ++i) {
    const std::uint64_t position = queue({"audit", "content"});
    outbox->offer(batches_from(position));
    relay_.advance_us(20'000);
    EXPECT_EQ(published("content").size(), static_cast<std::size_t>(i) + 2) << "the other stream goes on";
  }
  EXPECT_THAT(published("audit"), ElementsAre("audit-1"));
  EXPECT_EQ(marks_.size(), 1U);
  failing.fail_stream("");
  wake(*outbox);
  EXPECT_EQ(published("audit").size(), 4U);
  EXPECT_EQ(published("content").size(), 4U);
  EXPECT_EQ(marks_.size(), 2U);
}

TEST_F(Outbox, TriesAgainByItselfAfterAWhileThatGrows) {
  FailingPublisher failing(publisher_);
  const auto outbox = open(failing);
  failing.fail_next(3, 0);
  outbox->offer(batches_from(queue({"content"})));
  relay_.advance_us(20'000);
  EXPECT_EQ(failing.failures_left(), 2);
  relay_.advance_us(1'000'000);
  EXPECT_EQ(failing.failures_left(), 1);
  relay_.advance_us(1'000'000);
  EXPECT_EQ(failing.failures_left(), 1) << "the second while is longer";
  relay_.advance_us(1'000'000);
  EXPECT_EQ(failing.failures_left(), 0);
  relay_.advance_us(4'000'000);
  EXPECT_THAT(published("content"), ElementsAre("content-1"));
}

TEST_F(Outbox, WhoeverWaitsHearsOfThePassHeAskedForNotOfAnEarlierOne) {
  FailingPublisher failing(publisher_);
  const auto outbox = open(failing);
  failing.fail_next(1, 0);
  const std::uint64_t last = queue({"content"});
  wake(*outbox);
  const auto heard = wait_for(*outbox, last);
  EXPECT_TRUE(heard) << heard.error().message;
}

TEST_F(Outbox, RefusesAStreamThatAnotherStoreWrote) {
  SeededRandom other_random(2);
  MemoryEventLog other(clock_, other_random, std::make_shared<MemoryLogContents>());
  other.start(nobody_);
  queue({"content"});
  const std::vector<PendingOutboxEvent> ours = pending(0, 10);
  // The same event, said to come from another store.
  Json foreign = Json::parse(ours[0].event.cloud_event).value();
  foreign["storeid"] = other.identity().store.text();
  ASSERT_TRUE(publisher_.publish({"acme", "content"}, std::vector{OutgoingEvent{1, "content-1", foreign.dump()}}));
  const auto outbox = open(publisher_);
  const auto refused = outbox->publish_events();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(refused.error().reason, "foreign_stream");
  EXPECT_THAT(refused.error().message, HasSubstr("acme/content"));
  EXPECT_THAT(refused.error().message, HasSubstr(other.identity().store.text()));
  EXPECT_EQ(publisher_.lines({"acme", "content"}).size(), 1U);
}

TEST_F(Outbox, RefusesAStreamThatHoldsAnotherEventAtThatSequence) {
  queue({"content", "content"});
  const std::vector<PendingOutboxEvent> ours = pending(0, 10);
  for (const std::string member : {"id", "timeline"}) {
    publisher_ = MemoryEventPublisher();
    Json other = Json::parse(ours[0].event.cloud_event).value();
    other[member] = "something-else";
    const std::string id(other.find("id")->as_string().value());
    ASSERT_TRUE(publisher_.publish({"acme", "content"}, std::vector{OutgoingEvent{1, id, other.dump()}}));
    EXPECT_EQ(reason_of(open(publisher_)->publish_events()), "foreign_stream") << member;
  }
}

TEST_F(Outbox, GoesOnAfterARestoreWhereverTheStreamStood) {
  const std::uint64_t published_up_to = queue({"marked", "unmarked"});
  queue({"unmarked", "behind"});
  const std::string earlier = restore();
  queue({"marked", "unmarked", "behind"});
  // The mark was written behind the first commit; the relay had got further in one stream, and not begun in another.
  const std::vector<PendingOutboxEvent> all = pending(0, 10);
  publish_as(all[0], {{"timeline", earlier}});
  publish_as(all[1], {{"timeline", earlier}});
  publish_as(all[2], {{"timeline", earlier}});
  const auto outcome = open(publisher_, published_up_to)->publish_events();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(published("marked"), ElementsAre("marked-1", "marked-2"));
  EXPECT_THAT(published("unmarked"), ElementsAre("unmarked-1", "unmarked-2", "unmarked-3"));
  EXPECT_THAT(published("behind"), ElementsAre("behind-1", "behind-2"));
}

TEST_F(Outbox, ReadsTheLogOnceForAllMarksOfARestore) {
  std::vector<std::string> topics;
  for (int i = 0; i < 50; ++i) topics.push_back("topic-" + std::to_string(i));
  const std::uint64_t cursor = queue(topics);
  const std::string earlier = restore();
  for (const PendingOutboxEvent& event : pending(0, 100)) publish_as(event, {{"timeline", earlier}});
  const auto outbox = open(publisher_, cursor);
  const std::uint64_t first = queue(topics);
  outbox->offer(batches_from(cursor + 1));
  EXPECT_EQ(first, cursor + 2);
  wake(*outbox);
  EXPECT_EQ(published("topic-49").size(), 2U);
  EXPECT_EQ(counted_log_.reads(), 1);
}

TEST_F(Outbox, GoesOnAfterARestoreThatWasRetired) {
  const std::uint64_t cursor = queue({"content"});
  const std::string earlier = restore();
  std::string payload;
  ASSERT_TRUE(log_.read_batches(cursor + 1, [&payload](const base::LogBatch& batch) {
    payload = batch.records.front().payload;
    return false;
  }));
  queue({"content"});
  const std::vector<PendingOutboxEvent> all = pending(0, 10);
  const auto publish_with = [&](RetiredLog& log) {
    return TransactionalOutbox("test", publisher_, log, relay_, clock_, origin(), cursor + 1, [](auto&&...) {})
        .publish_events();
  };
  publish_as(all[0], {{"timeline", earlier}});
  RetiredLog forgetful(log_, cursor + 2, "");
  EXPECT_EQ(reason_of(publish_with(forgetful)), "foreign_stream");
  RetiredLog retired(log_, cursor + 2, payload);
  const auto outcome = publish_with(retired);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(published("content"), ElementsAre("content-1", "content-2"));
}

TEST_F(Outbox, GoesOnWhenTheLogWasRetiredUpToBehindItsCursor) {
  const std::uint64_t cursor = queue({"content"});
  publish_as(pending(0, 1)[0], {});
  restore();  // a record that nobody publishes
  queue({"content"});
  RetiredLog retired(log_, cursor + 2, "");
  const auto outcome =
      TransactionalOutbox("test", publisher_, retired, relay_, clock_, origin(), cursor, [](auto&&...) {
      }).publish_events();
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(published("content").size(), 2U);
}

TEST_F(Outbox, RefusesWhatARestoredTimelinePublishedBehindTheRestore) {
  const std::uint64_t cursor = queue({"content"});
  const std::string earlier = restore();
  queue({"content"});
  const std::vector<PendingOutboxEvent> all = pending(0, 10);
  // As if the store had gone on before it was restored: other events under sequences that are used again.
  publish_as(all[0], {{"timeline", earlier}, {"id", "given-up"}});
  EXPECT_EQ(reason_of(open(publisher_, cursor)->publish_events()), "foreign_stream");
  publisher_ = MemoryEventPublisher();
  publish_as(all[0], {{"timeline", earlier}});
  publish_as(all[1], {{"timeline", earlier}, {"id", "given-up"}});
  EXPECT_EQ(reason_of(open(publisher_, cursor)->publish_events()), "foreign_stream");
  publisher_ = MemoryEventPublisher();
  publish_as(all[0], {{"timeline", base::fresh_uuid_v7().text()}});
  EXPECT_EQ(reason_of(open(publisher_, cursor)->publish_events()), "foreign_stream") << "a timeline it never was on";
}

TEST_F(Outbox, RefusesAStreamThatIsAheadOfEverythingCommitted) {
  queue({"content"});
  Json event = Json::parse(pending(0, 10)[0].event.cloud_event).value();
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    event["sequence"] = std::to_string(sequence);
    ASSERT_TRUE(
        publisher_.publish({"acme", "content"}, std::vector{OutgoingEvent{sequence, "content-1", event.dump()}}));
  }
  EXPECT_EQ(reason_of(open(publisher_)->publish_events()), "foreign_stream");
}

TEST_F(Outbox, NoticesThatAStreamWasEmptied) {
  const std::uint64_t first = queue({"content"});
  const auto running = open(publisher_);
  wake(*running);
  publisher_ = MemoryEventPublisher();
  queue({"content"});
  const auto lost = open(publisher_, first)->publish_events();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::corrupt);
  EXPECT_EQ(lost.error().reason, "stream_lost");
  EXPECT_THAT(lost.error().message, HasSubstr("acme/content"));
  // One that was running when it happened refuses too, and says so at the latest when it tries again.
  wake(*running);
  wake(*running);
  EXPECT_EQ(reason_of(running->publish_events()), "stream_lost");
  EXPECT_THAT(publisher_.streams(), IsEmpty());
}

TEST_F(Outbox, KeepsTheEventsOfOneRecordTogether) {
  const std::uint64_t one = queue({"content", "content", "audit"});
  append_something_else();
  const std::uint64_t two = queue({"content", "content"});
  const auto events = pending(0, 1);
  EXPECT_EQ(events.size(), 3U);
  EXPECT_EQ(last_scanned_, one);
  const auto rest = pending(last_scanned_, 1);
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].position, two);
  EXPECT_EQ(pending(0, 4).size(), 5U);
  append_something_else();
  EXPECT_THAT(pending(two, 10), IsEmpty());
  EXPECT_EQ(last_scanned_, two + 1);
  EXPECT_THAT(pending(two + 1, 10), IsEmpty());
  EXPECT_EQ(last_scanned_, two + 1);
}

TEST_F(Outbox, RefusesAnEventThatLacksAMember) {
  ASSERT_TRUE(
      log_.append({draft_record(RecordType::events_queued, "acme",
                                R"({"events":[{"data":1,"sequence":1,"subject":"","topic":"t","type":"x"}]})")}));
  std::uint64_t scanned = 0;
  const auto refused = get_pending_events(log_, origin(), 0, 10, scanned);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_THAT(refused.error().message, HasSubstr("event_id"));
}

TEST_F(Outbox, WritesCloudEventsWithEveryRequiredAttribute) {
  queue({"content"}, "acme", "file/1 \"ü\"");
  queue({"content"});
  const auto events = pending(0, 10);
  const Json with_subject = Json::parse(events[0].event.cloud_event).value();
  EXPECT_EQ(with_subject.dump(), events[0].event.cloud_event) << "canonical";
  const std::map<std::string, std::string> expected = {{"specversion", "1.0"},
                                                       {"id", "content-1"},
                                                       {"source", "/tenant/acme"},
                                                       {"type", "content.happened"},
                                                       {"datacontenttype", "application/json"},
                                                       {"subject", "file/1 \"ü\""},
                                                       {"partitionkey", "file/1 \"ü\""},
                                                       {"sequence", "1"},
                                                       {"epoch", "3"},
                                                       {"storeid", log_.identity().store.text()},
                                                       {"timeline", log_.identity().timeline.text()},
                                                       {"time", "2023-11-14T22:13:20.000000Z"}};
  for (const auto& [attribute, value] : expected) {
    const Json* found = with_subject.find(attribute);
    ASSERT_NE(found, nullptr) << attribute;
    EXPECT_EQ(found->as_string(), value) << attribute;
  }
  EXPECT_EQ(with_subject.find("data")->dump(), R"({"n":1})");
  EXPECT_TRUE(base::Uuid::parse(with_subject.find("executionid")->as_string().value()));
  const Json without = Json::parse(events[1].event.cloud_event).value();
  EXPECT_EQ(without.find("subject"), nullptr);
  EXPECT_EQ(without.find("partitionkey"), nullptr);
}

TEST_F(Outbox, WritesCloudEventsThatTheirPublishedSchemaAccepts) {
  const std::string path = SYMPHAINY_SOURCE_DIR "/../shared/schemas/cloudevents/cloudevents.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "the CloudEvents schema is not here: " << path;
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto schema = JsonSchema::compile(Json::parse(text).value());
  ASSERT_TRUE(schema) << schema.error().message;
  queue({"content", "audit"}, "acme", "subject");
  queue({"content"});
  for (const PendingOutboxEvent& event : pending(0, 10)) {
    Json json = Json::parse(event.event.cloud_event).value();
    for (const SchemaViolation& violation : schema->validate(json)) {
      ADD_FAILURE() << violation.instance_pointer << " " << violation.message << ": " << event.event.cloud_event;
    }
    json.erase("id");
    EXPECT_FALSE(schema->validate(json).empty()) << "the schema must not accept everything";
  }
}

}  // namespace
}  // namespace symphainy::runtime
