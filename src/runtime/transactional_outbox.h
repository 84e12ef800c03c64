// SPDX-License-Identifier: Apache-2.0
// The transactional outbox: events that were committed with what caused them, relayed to a publisher in order, none
// lost.
//
// Pending events are read from the log after the publisher's cursor; the cursor is itself a record, so losing the
// projections never publishes twice. A crash between publishing and marking is settled by the publisher's own
// high-water mark. After a restore the streams go on: a mark that an
// earlier timeline left is ours when the log comes from that timeline and has the event.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/executor.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

struct PendingOutboxEvent {
  std::uint64_t position = 0;  ///< of the record that queued it
  public_works::StreamName stream;
  public_works::OutgoingEvent event;
};

/// Where events say they come from.
struct OutboxOrigin {
  public_works::LogIdentity identity;
  std::uint64_t epoch = 0;
};

/// The committed events after `cursor`, oldest first; at most about `limit` (the events of one record stay together).
/// `scanned` receives the position up to which the log was looked through.
[[nodiscard]] Result<std::vector<PendingOutboxEvent>> get_pending_events(const public_works::EventLog& log,
                                                                         const OutboxOrigin& origin,
                                                                         std::uint64_t cursor, std::size_t limit,
                                                                         std::uint64_t& scanned);

/// What tells whether a mark of an earlier timeline is ours (runtime/store_restored.h).
struct BeforeRestore {
  std::set<std::string> timelines;
  bool retired = false;  ///< events may be missing below
  /// Sequence and id of the last event up to the publisher's cursor.
  std::map<public_works::StreamName, std::pair<std::uint64_t, std::string>> last_events;
};

/// Relays to one publisher, on an executor of its own. A stream that cannot be published holds back itself and the
/// mark, not the other streams; it is tried again after a while that doubles up to half a minute.
class TransactionalOutbox {
 public:
  /// Appends the mark "published up to this position"; called on the relay's executor.
  using MarkPublished = std::function<void(const std::string& publisher, std::uint64_t position)>;

  TransactionalOutbox(std::string publisher_name, public_works::EventPublisher& publisher, public_works::EventLog& log,
                      public_works::Executor& relay, public_works::Clock& clock, OutboxOrigin origin,
                      std::uint64_t cursor, MarkPublished mark);

  /// Durable batches as they come, in order, so that what was just written need not be read back. When there are events
  /// among them the relay is woken after a moment: publishing and marking cost a sync each, which many events can
  /// share. One thread.
  void offer(const DurableBatches& batches);
  /// Any thread: there may be something to publish.
  void wake();
  /// Publishes everything that is durable and pending; what is held back only when `retry`. On the relay's executor.
  [[nodiscard]] Result<void> publish_events(bool retry = true);
  /// Asks for a pass and blocks until everything up to the position is published, or until that pass has failed.
  [[nodiscard]] Result<void> wait_until(std::uint64_t position);
  /// From now on what the relay's timers find is void. The outbox may be destroyed once the relay's executor has got
  /// here.
  void close();

 private:
  using Streams = std::map<public_works::StreamName, std::vector<public_works::OutgoingEvent>>;

  void relay();
  void ask_for_pass(bool retry);
  void ask_later(std::int64_t delay_us, std::atomic<bool>& due, bool retry);
  [[nodiscard]] Result<std::vector<PendingOutboxEvent>> next_events(std::uint64_t cursor, std::uint64_t& scanned);
  void publish(std::vector<PendingOutboxEvent> events);
  [[nodiscard]] Result<void> publish(const public_works::StreamName& stream,
                                     const std::vector<public_works::OutgoingEvent>& queued, std::uint64_t pass_end);
  [[nodiscard]] Result<std::uint64_t> published_sequence(const public_works::StreamName& stream,
                                                         const std::vector<public_works::OutgoingEvent>& events,
                                                         std::uint64_t pass_end);

  const std::string name_;
  public_works::EventPublisher& publisher_;
  public_works::EventLog& log_;
  public_works::Executor& relay_;
  public_works::Clock& clock_;
  const OutboxOrigin origin_;
  const MarkPublished mark_;
  const std::uint64_t cursor_;  // up to here everything had been published when this was opened

  // The relay executor's.
  std::optional<BeforeRestore> before_restore_;  // once a stream's mark asked for it
  std::map<public_works::StreamName, std::uint64_t> last_sequence_;
  std::deque<std::shared_ptr<const base::LogBatch>> taken_;  // from offered_
  std::map<public_works::StreamName, Error> held_back_;      // the streams that could not be published
  std::uint64_t looked_through_;                             // the others are published up to here
  std::int64_t retry_delay_us_ = 0;
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // reset on the relay's executor

  std::atomic<bool> wake_due_ = false;   // a timer will wake the relay
  std::atomic<bool> retry_due_ = false;  // a timer will have it try again what is held back

  std::mutex mutex_;
  std::condition_variable changed_;
  DurableBatches offered_;  // without gaps up to the last one offered; guarded by mutex_, like all below
  std::size_t offered_records_ = 0;
  std::size_t offered_bytes_ = 0;
  bool scheduled_ = false;
  bool retry_asked_for_ = false;
  std::uint64_t passes_asked_for_ = 0;
  std::uint64_t passes_done_ = 0;  // as many as were asked for when the last one began
  std::uint64_t published_;        // everything up to here is published
  std::optional<Error> stopped_;   // how the last pass failed
};

}  // namespace symphainy::runtime
