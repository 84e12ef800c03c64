// SPDX-License-Identifier: Apache-2.0
// What an event says of its place in a stream, and the rule that streams have neither gaps nor repeats. Publishers that
// keep the events themselves as their mark share it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "public_works/abstractions/event_publisher.h"

namespace symphainy::public_works {

/// The mark an event leaves as the last of its stream. `sequence` and `epoch` may be integers or strings of digits (a
/// CloudEvents integer has 32 bits only). invalid_argument when anything is missing.
[[nodiscard]] Result<HighWaterMark> read_event_mark(std::string_view cloud_event);

/// Whether `event` may follow a stream's last sequence (0: none), and its mark if so. conflict with reason sequence_gap
/// or sequence_repeated; invalid_argument when the CloudEvent does not say what the OutgoingEvent does, or is not one
/// line.
[[nodiscard]] Result<HighWaterMark> check_next_event(const StreamName& stream, std::uint64_t last_sequence,
                                                     const OutgoingEvent& event);

/// Refuses names that would not be safe in a path.
[[nodiscard]] Result<void> check_stream_name(const StreamName& stream);

}  // namespace symphainy::public_works
