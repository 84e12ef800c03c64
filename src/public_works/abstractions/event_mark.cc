// SPDX-License-Identifier: Apache-2.0
#include "public_works/abstractions/event_mark.h"

#include <charconv>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "symphainy/json.h"

#include "base/ids.h"
#include "base/try.h"

namespace symphainy::public_works {
namespace {

std::optional<std::uint64_t> whole_number(const Json* member) {
  if (member == nullptr) return std::nullopt;
  const auto text = member->as_string();
  if (!text) return member->as_uint64();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<std::string> filled_text(const Json* member) {
  const auto text = member == nullptr ? std::nullopt : member->as_string();
  if (!text || text->empty()) return std::nullopt;
  return std::string(*text);
}

}  // namespace

Result<HighWaterMark> read_event_mark(std::string_view cloud_event) {
  TRY(const Json event, Json::parse(cloud_event));
  const auto store_id = filled_text(event.find("storeid"));
  const auto timeline = filled_text(event.find("timeline"));
  const auto epoch = whole_number(event.find("epoch"));
  const auto sequence = whole_number(event.find("sequence"));
  const auto event_id = filled_text(event.find("id"));
  if (!store_id || !timeline || !epoch || !sequence || *sequence == 0 || !event_id) {
    return fail(ErrorCode::invalid_argument,
                "an event needs id, storeid and timeline as text, sequence (from 1) and epoch as whole numbers",
                "not_an_event");
  }
  return HighWaterMark{
      .store_id = *store_id, .timeline = *timeline, .epoch = *epoch, .sequence = *sequence, .event_id = *event_id};
}

Result<HighWaterMark> check_next_event(const StreamName& stream, std::uint64_t last_sequence,
                                       const OutgoingEvent& event) {
  if (event.sequence != last_sequence + 1) {
    const bool repeated = event.sequence <= last_sequence;
    return fail(ErrorCode::conflict,
                fmt::format("stream {}/{} is at sequence {}; event {} has {} instead of {}", stream.tenant,
                            stream.topic, last_sequence, event.event_id, event.sequence, last_sequence + 1),
                repeated ? "sequence_repeated" : "sequence_gap");
  }
  if (event.cloud_event.find('\n') != std::string::npos) {
    return fail(ErrorCode::invalid_argument, fmt::format("event {} is not a single line", event.event_id),
                "not_an_event");
  }
  TRY(HighWaterMark mark, read_event_mark(event.cloud_event));
  if (mark.sequence != event.sequence || mark.event_id != event.event_id) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("event {} of sequence {} holds id {} and sequence {}", event.event_id, event.sequence,
                            mark.event_id, mark.sequence),
                "not_an_event");
  }
  return mark;
}

Result<void> check_stream_name(const StreamName& stream) {
  for (const std::string& name : {stream.tenant, stream.topic}) {
    if (!base::is_name(name)) {
      return fail(ErrorCode::invalid_argument, fmt::format("stream name \"{}\" {}", name, base::kNameRule));
    }
  }
  return {};
}

}  // namespace symphainy::public_works
