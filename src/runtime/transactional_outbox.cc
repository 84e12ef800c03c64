// SPDX-License-Identifier: Apache-2.0
#include "runtime/transactional_outbox.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/time.h"
#include "base/try.h"
#include "runtime/payload.h"
#include "runtime/store_restored.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

using public_works::OutgoingEvent;
using public_works::StreamName;

constexpr std::size_t kEventsPerPass = 4'096;
// Beyond this much the relay is behind and reads the log instead: memory stays bounded.
constexpr std::size_t kMaxOfferedRecords = 16'384;
constexpr std::size_t kMaxOfferedBytes = 16 * 1024 * 1024;
constexpr std::int64_t kLingerUs = 10'000;
constexpr std::int64_t kFirstRetryUs = 1'000'000;
constexpr std::int64_t kLastRetryUs = 30'000'000;

// An EventsQueued record without events is just this long.
bool queues_events(const base::LogRecord& record) {
  constexpr std::string_view kNone = R"({"events":[]})";
  return static_cast<RecordType>(record.type) == RecordType::events_queued && record.payload.size() > kNone.size();
}

// A CloudEvents 1.0 object; the extension attributes are lower-case letters and digits, as the specification asks.
std::string cloud_event(const Json& queued, const base::LogRecord& record, const OutboxOrigin& origin) {
  Payload event(queued);
  const Json* data = queued.find("data");
  const std::string subject = event.text("subject");
  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  if (data != nullptr) json.member("data", *data);
  json.member("datacontenttype", "application/json");
  json.member("epoch", std::to_string(origin.epoch));
  json.member("executionid", record.execution.text());
  json.member("id", event.text("event_id"));
  if (!subject.empty()) json.member("partitionkey", subject);
  json.member("sequence", std::to_string(event.number("sequence")));
  json.member("source", "/tenant/" + record.tenant);
  json.member("specversion", "1.0");
  json.member("storeid", origin.identity.store.text());
  if (!subject.empty()) json.member("subject", subject);
  json.member("time", base::format_time(record.time_us));
  json.member("timeline", origin.identity.timeline.text());
  json.member("type", event.text("type"));
  json.end_object();
  return out;
}

Result<void> append_events(const base::LogRecord& record, const OutboxOrigin& origin,
                           std::vector<PendingOutboxEvent>& out) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("events"), [&](const Json& item, std::uint32_t) {
    Payload event(item);
    out.push_back({record.position,
                   {record.tenant, event.text("topic")},
                   {event.number("sequence"), event.text("event_id"), cloud_event(item, record, origin)}});
    if (outcome) outcome = event.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<void> append_events(const base::LogBatch& batch, const OutboxOrigin& origin, std::uint64_t cursor,
                           std::vector<PendingOutboxEvent>& out) {
  for (const base::LogRecord& record : batch.records) {
    if (record.position <= cursor || static_cast<RecordType>(record.type) != RecordType::events_queued) continue;
    TRY(append_events(record, origin, out));
  }
  return {};
}

Result<void> note_last_events(const base::LogRecord& record, BeforeRestore& before) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("events"), [&](const Json& item, std::uint32_t) {
    Payload event(item);
    before.last_events[{record.tenant, event.text("topic")}] = {event.number("sequence"), event.text("event_id")};
    if (outcome) outcome = event.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

void note_timelines(const StoreRestored& restored, BeforeRestore& before) {
  for (const EarlierTimeline& earlier : restored.earlier) before.timelines.insert(earlier.timeline.text());
}

Result<void> note_timelines(const base::LogRecord& record, BeforeRestore& before) {
  TRY(const StoreRestored restored, read_store_restored(record));
  note_timelines(restored, before);
  return {};
}

// One reading of the log for all the marks that a restore left behind.
Result<BeforeRestore> read_before_restore(const public_works::EventLog& log, std::uint64_t cursor) {
  BeforeRestore before;
  Result<void> outcome;
  before.retired = log.first_position() > 1;
  if (const std::string payload = log.restored_before(); !payload.empty()) {
    TRY(const StoreRestored restored, parse_store_restored(payload, log.first_position()));
    note_timelines(restored, before);
  }
  TRY(log.read_batches(log.first_position(), [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) {
      if (outcome && record.position <= cursor && queues_events(record)) outcome = note_last_events(record, before);
      if (outcome && is_store_restored(record)) outcome = note_timelines(record, before);
    }
    return outcome.has_value();
  }));
  TRY(std::move(outcome));
  return before;
}

// What was retired of the log held nothing that waits to be published, though a cursor may lie before its end.
std::uint64_t behind(const public_works::EventLog& log, std::uint64_t position) {
  return std::max(position + 1, log.first_position());
}

// The id of the stream's event with that sequence, looked for after a position; empty when there is none.
Result<std::string> event_id_at(const public_works::EventLog& log, const StreamName& stream, std::uint64_t sequence,
                                std::uint64_t after) {
  std::string found;
  Result<void> outcome;
  const auto look_into = [&](const base::LogRecord& record) -> Result<void> {
    TRY(const Json payload, Json::parse(record.payload));
    Payload members(payload);
    for_each_item(members.array("events"), [&](const Json& item, std::uint32_t) {
      Payload event(item);
      if (event.text("topic") == stream.topic && event.number("sequence") == sequence) found = event.text("event_id");
    });
    return {};
  };
  TRY(log.read_batches(behind(log, after), [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) {
      const bool of_stream = static_cast<RecordType>(record.type) == RecordType::events_queued &&
                             record.tenant == stream.tenant && record.position > after;
      if (outcome && of_stream) outcome = look_into(record);
    }
    return outcome && found.empty();
  }));
  TRY(std::move(outcome));
  return found;
}

}  // namespace

Result<std::vector<PendingOutboxEvent>> get_pending_events(const public_works::EventLog& log,
                                                           const OutboxOrigin& origin, std::uint64_t cursor,
                                                           std::size_t limit, std::uint64_t& scanned) {
  std::vector<PendingOutboxEvent> events;
  Result<void> outcome;
  scanned = cursor;
  TRY(log.read_batches(behind(log, cursor), [&](const base::LogBatch& batch) {
    outcome = append_events(batch, origin, cursor, events);
    scanned = batch.last_position();
    return outcome && events.size() < limit;
  }));
  TRY(std::move(outcome));
  return events;
}

TransactionalOutbox::TransactionalOutbox(std::string publisher_name, public_works::EventPublisher& publisher,
                                         public_works::EventLog& log, public_works::Executor& relay,
                                         public_works::Clock& clock, OutboxOrigin origin, std::uint64_t cursor,
                                         MarkPublished mark)
    : name_(std::move(publisher_name)),
      publisher_(publisher),
      log_(log),
      relay_(relay),
      clock_(clock),
      origin_(origin),
      mark_(std::move(mark)),
      cursor_(cursor),
      looked_through_(cursor),
      published_(cursor) {}

void TransactionalOutbox::offer(const DurableBatches& batches) {
  bool events = false;
  {
    const std::lock_guard lock(mutex_);
    if (offered_records_ > kMaxOfferedRecords || offered_bytes_ > kMaxOfferedBytes) {
      offered_.clear();
      offered_records_ = offered_bytes_ = 0;
    }
    offered_.insert(offered_.end(), batches.begin(), batches.end());
    for (const auto& batch : batches) {
      offered_records_ += batch->records.size();
      for (const base::LogRecord& record : batch->records) {
        offered_bytes_ += record.payload.size();
        events = events || queues_events(record);
      }
    }
  }
  if (events && PLANTED_BUG("mark-before-publish")) mark_(name_, batches.back()->last_position());
  if (events && !wake_due_.exchange(true)) ask_later(kLingerUs, wake_due_, false);
}

void TransactionalOutbox::wake() {
  ask_for_pass(true);
}

void TransactionalOutbox::ask_for_pass(bool retry) {
  {
    const std::lock_guard lock(mutex_);
    ++passes_asked_for_;
    retry_asked_for_ = retry_asked_for_ || retry;
    if (std::exchange(scheduled_, true)) return;
  }
  relay_.post([this] { relay(); });
}

void TransactionalOutbox::ask_later(std::int64_t delay_us, std::atomic<bool>& due, bool retry) {
  relay_.post_at(clock_.steady_us() + delay_us, [this, &due, retry, open = std::weak_ptr(open_)] {
    if (open.expired()) return;
    due = false;
    ask_for_pass(retry);
  });
}

void TransactionalOutbox::close() {
  relay_.post([this] { open_.reset(); });
}

void TransactionalOutbox::relay() {
  std::uint64_t asked_for = 0;
  bool retry = false;
  {
    // Cleared before looking: what becomes durable from now on wakes the relay again.
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    asked_for = passes_asked_for_;
    retry = std::exchange(retry_asked_for_, false);
  }
  const auto published = publish_events(retry);
  if (published) retry_delay_us_ = 0;
  if (!published && open_ && !retry_due_.exchange(true)) {
    retry_delay_us_ = std::clamp(retry_delay_us_ * 2, kFirstRetryUs, kLastRetryUs);
    ask_later(retry_delay_us_, retry_due_, true);
  }
  const std::lock_guard lock(mutex_);
  stopped_ = published ? std::nullopt : std::optional(published.error());
  passes_done_ = asked_for;
  changed_.notify_all();
}

Result<void> TransactionalOutbox::publish_events(bool retry) {
  // What becomes durable later wakes the relay again, and is published together with more.
  const std::uint64_t target = log_.durable_position();
  if (retry && !held_back_.empty()) {
    held_back_.clear();
    const std::lock_guard lock(mutex_);
    looked_through_ = published_;
  }
  do {
    std::uint64_t scanned = looked_through_;
    TRY(auto events, next_events(looked_through_, scanned));
    const std::uint64_t last = events.empty() ? 0 : events.back().position;
    publish(std::move(events));
    looked_through_ = scanned;
    if (!held_back_.empty()) continue;  // the mark waits for them, the other streams do not
    // Marked before anybody who waits is told: whoever drains finds the mark appended.
    if (last > 0) mark_(name_, last);
    const std::lock_guard lock(mutex_);
    published_ = looked_through_;
    changed_.notify_all();
  } while (looked_through_ < target);
  if (held_back_.empty()) return {};
  return std::unexpected(held_back_.begin()->second);
}

// From what was offered when it goes on from the cursor, else from the log.
Result<std::vector<PendingOutboxEvent>> TransactionalOutbox::next_events(std::uint64_t cursor, std::uint64_t& scanned) {
  {
    const std::lock_guard lock(mutex_);
    const bool follows =
        taken_.empty() || offered_.empty() || offered_.front()->first_position() == taken_.back()->last_position() + 1;
    const bool too_many =
        !taken_.empty() && taken_.back()->last_position() - taken_.front()->first_position() > kMaxOfferedRecords;
    if (!follows || too_many) taken_.clear();
    taken_.insert(taken_.end(), offered_.begin(), offered_.end());
    offered_.clear();
    offered_records_ = offered_bytes_ = 0;
  }
  while (!taken_.empty() && taken_.front()->last_position() <= cursor) taken_.pop_front();
  if (taken_.empty() || taken_.front()->first_position() > cursor + 1) {
    return get_pending_events(log_, origin_, cursor, kEventsPerPass, scanned);
  }
  std::vector<PendingOutboxEvent> events;
  std::size_t used = 0;
  while (used < taken_.size() && events.size() < kEventsPerPass) {
    TRY(append_events(*taken_[used], origin_, cursor, events));
    scanned = taken_[used++]->last_position();
  }
  return events;
}

void TransactionalOutbox::publish(std::vector<PendingOutboxEvent> events) {
  if (events.empty()) return;
  const std::uint64_t pass_end = events.back().position;
  Streams by_stream;
  for (PendingOutboxEvent& pending : events) by_stream[pending.stream].push_back(std::move(pending.event));
  for (const auto& [stream, queued] : by_stream) {
    if (held_back_.contains(stream)) continue;
    if (auto published = publish(stream, queued, pass_end); !published) {
      last_sequence_.erase(stream);  // any part may have been written: the publisher's mark tells, next time
      held_back_.emplace(stream, std::move(published).error());
    }
  }
}

Result<void> TransactionalOutbox::publish(const StreamName& stream, const std::vector<OutgoingEvent>& queued,
                                          std::uint64_t pass_end) {
  TRY(const std::uint64_t reached, published_sequence(stream, queued, pass_end));
  const auto fresh = std::ranges::upper_bound(queued, reached, {}, &OutgoingEvent::sequence);
  const std::span<const OutgoingEvent> rest(fresh, queued.end());
  if (!rest.empty()) TRY(publisher_.publish(stream, rest));
  last_sequence_[stream] = std::max(reached, queued.back().sequence);
  return {};
}

// What the stream holds already. Asked of the publisher once per stream; after that nobody else writes to it.
Result<std::uint64_t> TransactionalOutbox::published_sequence(const StreamName& stream,
                                                              const std::vector<OutgoingEvent>& events,
                                                              std::uint64_t pass_end) {
  if (const auto known = last_sequence_.find(stream); known != last_sequence_.end()) return known->second;
  TRY(const auto mark, publisher_.high_water_mark(stream));
  if (!mark) {
    if (events.front().sequence == 1) return 0;
    return fail(
        ErrorCode::corrupt,
        fmt::format("{}: the stream {}/{} is empty, but event {} was published to it; it was removed or emptied. "
                    "Put it back, or move the others away too and start with a new store",
                    name_, stream.tenant, stream.topic, events.front().sequence - 1),
        "stream_lost");
  }
  const bool same_store = mark->store_id == origin_.identity.store.text();
  const bool same_timeline = mark->timeline == origin_.identity.timeline.text();
  if (same_store && !same_timeline && !before_restore_) {
    TRY(before_restore_, read_before_restore(log_, cursor_));
  }
  const bool ours = same_store && (same_timeline || before_restore_->timelines.contains(mark->timeline));
  const auto same = std::ranges::find(events, mark->sequence, &OutgoingEvent::sequence);
  bool matches =
      same == events.end() ? mark->sequence + 1 == events.front().sequence : same->event_id == mark->event_id;
  if (ours && !same_timeline && same == events.end()) {
    // Also behind the point that the store was restored to, that timeline may have used this sequence.
    const auto last = before_restore_->last_events.find(stream);
    const bool known = last != before_restore_->last_events.end();
    // Of an event whose record was retired only the sequence is left to compare, as with a mark of our own timeline.
    matches = matches && (known ? last->second == std::pair(mark->sequence, mark->event_id) : before_restore_->retired);
  }
  if (ours && mark->sequence > events.back().sequence) {
    // A crash may have lost the marks of several passes, so that the stream is ahead of this one.
    TRY(const std::string published, event_id_at(log_, stream, mark->sequence, pass_end));
    matches = published == mark->event_id;
  }
  if (ours && matches) return mark->sequence;
  return fail(
      ErrorCode::conflict,
      fmt::format("{}: the stream {}/{} ends with event {} (sequence {}) of store {}, timeline {}, which this "
                  "store did not publish there; move the stream away",
                  name_, stream.tenant, stream.topic, mark->event_id, mark->sequence, mark->store_id, mark->timeline),
      "foreign_stream");
}

Result<void> TransactionalOutbox::wait_until(std::uint64_t position) {
  wake();
  std::unique_lock lock(mutex_);
  const std::uint64_t pass = passes_asked_for_;
  public_works::wait_for_work(relay_, lock, changed_,
                              [&] { return published_ >= position || (passes_done_ >= pass && stopped_); });
  if (published_ >= position) return {};
  return std::unexpected(*stopped_);
}

}  // namespace symphainy::runtime
