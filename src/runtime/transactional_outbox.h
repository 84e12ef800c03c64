// SPDX-License-Identifier: Apache-2.0
// The transactional outbox: events that were committed with what caused them, relayed to a publisher in order, none
// lost.
//
// Pending events are read from the log after the publisher's cursor; the cursor is itself a record, so losing the
// projections never publishes twice. A crash between publishing and marking is settled by the publisher's own
// high-water mark.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

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

/// Relays to one publisher, on an executor of its own.
class TransactionalOutbox {
 public:
  /// Appends the mark "published up to this position"; called on the relay's executor.
  using MarkPublished = std::function<void(const std::string& publisher, std::uint64_t position)>;

  TransactionalOutbox(std::string publisher_name, public_works::EventPublisher& publisher, public_works::EventLog& log,
                      public_works::Executor& relay, OutboxOrigin origin, std::uint64_t cursor, MarkPublished mark);

  /// Durable batches as they come, in order, so that what was just written need not be read back. One thread.
  void offer(const DurableBatches& batches);
  /// Any thread: there may be something to publish.
  void wake();
  /// Publishes everything that is durable and pending. On the relay's executor.
  [[nodiscard]] Result<void> publish_events();
  /// Blocks until everything up to the position is published; the relay's error when it has stopped.
  [[nodiscard]] Result<void> wait_until(std::uint64_t position);

 private:
  void relay();
  [[nodiscard]] Result<std::vector<PendingOutboxEvent>> next_events(std::uint64_t cursor, std::uint64_t& scanned);
  /// Takes the events' content; their positions stay.
  [[nodiscard]] Result<void> publish(std::vector<PendingOutboxEvent>& events);
  [[nodiscard]] Result<std::uint64_t> published_sequence(const public_works::StreamName& stream,
                                                         const std::vector<public_works::OutgoingEvent>& events,
                                                         std::uint64_t pass_end);

  const std::string name_;
  public_works::EventPublisher& publisher_;
  public_works::EventLog& log_;
  public_works::Executor& relay_;
  const OutboxOrigin origin_;
  const MarkPublished mark_;

  // The relay executor's.
  std::map<public_works::StreamName, std::uint64_t> last_sequence_;
  std::deque<std::shared_ptr<const base::LogBatch>> taken_;  // from offered_

  std::mutex mutex_;
  std::condition_variable changed_;
  DurableBatches offered_;  // without gaps up to the last one offered; guarded by mutex_, like the next four
  std::size_t offered_records_ = 0;
  bool scheduled_ = false;
  std::uint64_t published_;  // everything up to here is published
  std::optional<Error> stopped_;
};

}  // namespace symphainy::runtime
