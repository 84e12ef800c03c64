// SPDX-License-Identifier: Apache-2.0
// Where committed events go: ordered streams, one per (tenant, topic), each remembering how far it got.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// Tenant and topic follow the name grammar, so they are safe in paths and keys.
struct StreamName {
  std::string tenant;
  std::string topic;

  friend auto operator<=>(const StreamName&, const StreamName&) = default;
};

/// One committed event: a CloudEvents 1.0 object in canonical JSON with its place in the stream.
struct OutgoingEvent {
  std::uint64_t sequence = 0;  ///< from 1, without gaps, in commit order
  std::string event_id;
  std::string cloud_event;  ///< canonical JSON, one line; has `id`, `sequence`, `storeid`, `timeline`, `epoch`
};

/// The last event a stream holds, and under which store it was written.
struct HighWaterMark {
  std::string store_id;
  std::string timeline;
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::string event_id;

  friend bool operator==(const HighWaterMark&, const HighWaterMark&) = default;
};

/// Used by one thread at a time.
class EventPublisher {
 public:
  virtual ~EventPublisher() = default;
  /// Nothing when the stream is empty. A torn tail left by a crash is repaired first.
  [[nodiscard]] virtual Result<std::optional<HighWaterMark>> high_water_mark(const StreamName& stream) = 0;
  /// Appends events whose sequences follow the stream's last one without a gap. They are durable on success; on an
  /// error any prefix may have been written, and high_water_mark tells which.
  [[nodiscard]] virtual Result<void> publish(const StreamName& stream, std::span<const OutgoingEvent> events) = 0;
};

}  // namespace symphainy::public_works
