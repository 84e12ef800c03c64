// SPDX-License-Identifier: Apache-2.0
// Streams in memory that a test can look into. The same rules as the NDJSON files: no gap, no repeat, the last event is
// the mark.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "public_works/abstractions/event_publisher.h"

namespace symphainy::public_works {

class MemoryEventPublisher final : public EventPublisher {
 public:
  [[nodiscard]] Result<std::optional<HighWaterMark>> high_water_mark(const StreamName& stream) override;
  [[nodiscard]] Result<void> publish(const StreamName& stream, std::span<const OutgoingEvent> events) override;

  /// The CloudEvents of a stream in order; valid until the next publish. Empty when there is no such stream.
  [[nodiscard]] std::span<const std::string> lines(const StreamName& stream) const;
  [[nodiscard]] std::vector<StreamName> streams() const;

 private:
  struct Stream {
    std::vector<std::string> lines;
    std::optional<HighWaterMark> mark;
  };

  std::map<StreamName, Stream> streams_;
};

}  // namespace symphainy::public_works
