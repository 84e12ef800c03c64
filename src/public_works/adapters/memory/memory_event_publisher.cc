// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/memory_event_publisher.h"

#include <utility>

#include "base/try.h"
#include "public_works/abstractions/event_mark.h"

namespace symphainy::public_works {

Result<std::optional<HighWaterMark>> MemoryEventPublisher::high_water_mark(const StreamName& stream) {
  TRY(check_stream_name(stream));
  const auto found = streams_.find(stream);
  return found == streams_.end() ? std::nullopt : found->second.mark;
}

Result<void> MemoryEventPublisher::publish(const StreamName& stream, std::span<const OutgoingEvent> events) {
  TRY(std::optional<HighWaterMark> mark, high_water_mark(stream));
  if (events.empty()) return {};
  for (const OutgoingEvent& event : events) {
    const std::uint64_t last_sequence = mark ? mark->sequence : 0;
    TRY(mark, check_next_event(stream, last_sequence, event));
  }
  Stream& target = streams_[stream];
  for (const OutgoingEvent& event : events) target.lines.push_back(event.cloud_event);
  target.mark = std::move(mark);
  return {};
}

std::span<const std::string> MemoryEventPublisher::lines(const StreamName& stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? std::span<const std::string>() : found->second.lines;
}

std::vector<StreamName> MemoryEventPublisher::streams() const {
  std::vector<StreamName> names;
  for (const auto& [name, stream] : streams_) names.push_back(name);
  return names;
}

}  // namespace symphainy::public_works
