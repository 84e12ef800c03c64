// SPDX-License-Identifier: Apache-2.0
#include "runtime/wait_journal.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

constexpr std::array kKinds{WaitKind::timer, WaitKind::signal, WaitKind::children};

std::string_view name_of(DueBy by) noexcept {
  return by == DueBy::wall ? "wall" : "duration";
}

void write_due(base::JsonWriter& json, std::string_view by, std::string_view us, const std::optional<Due>& due) {
  if (due) json.member(by, name_of(due->by)).member(us, due->us);
}

std::optional<Due> read_due(const Json& payload, std::string_view by, std::string_view us) {
  const Json* time = payload.find(us);
  const Json* clock = payload.find(by);
  if (time == nullptr || clock == nullptr) return std::nullopt;
  return Due{time->as_int64().value_or(0), clock->as_string() == "wall" ? DueBy::wall : DueBy::duration};
}

Result<WaitStart> start_of(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  WaitStart wait;
  wait.key = members.text("key");
  const std::string kind = members.text("kind");
  const auto known = std::ranges::find_if(kKinds, [&](WaitKind one) { return to_string(one) == kind; });
  if (known == kKinds.end()) {
    return fail(ErrorCode::corrupt, fmt::format("position {}: a wait of the kind '{}'", record.position, kind));
  }
  wait.kind = *known;
  wait.name = members.text("name");
  wait.observed = members.number("observed");
  wait.due = read_due(payload, "due_by", "due_us");
  wait.wake = read_due(payload, "wake_by", "wake_us");
  wait.position = record.position;
  if (const Json* children = payload.find("children")) {
    for_each_item(*children, [&](const Json& child, std::uint32_t) {
      wait.children.emplace_back(child.as_string().value_or(""));
    });
  }
  TRY(members.complete(record));
  return wait;
}

}  // namespace

std::string_view to_string(WaitKind kind) noexcept {
  switch (kind) {
    case WaitKind::timer:
      return "timer";
    case WaitKind::signal:
      return "signal";
    case WaitKind::children:
      return "children";
  }
  return "unknown";
}

std::set<std::string> missing(const WaitStart& wait, const EndedChildren& ended) {
  std::set<std::string> left;
  for (const std::string& child : wait.children) {
    if (!ended.contains(child)) left.insert(child);
  }
  return left;
}

Json results_of(const WaitStart& wait, const EndedChildren& ended) {
  Json results = Json::array();
  for (const std::string& child : wait.children) {
    if (const auto found = ended.find(child); found != ended.end()) results.push_back(found->second);
  }
  return results;
}

std::string ReceivedSignal::id() const {
  const Json* id = json.find("signal_id");
  return id == nullptr ? std::string() : std::string(id->as_string().value_or(""));
}

Result<ReceivedSignal> ReceivedSignal::read(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  const Json* value = payload.find("value");
  const std::string name = members.text("name");
  ReceivedSignal signal{name, Json::object({{"actor", members.object("actor")},
                                            {"name", name},
                                            {"received_us", members.number("received_us")},
                                            {"signal_id", members.text("signal_id")},
                                            {"value", value == nullptr ? Json() : *value}})};
  TRY(members.complete(record));
  return signal;
}

std::string wait_begun_payload(const WaitStart& wait) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object();
  if (wait.kind == WaitKind::children) {
    json.key("children").begin_array();
    for (const std::string& child : wait.children) json.string(child);
    json.end_array();
  }
  write_due(json, "due_by", "due_us", wait.due);
  json.member("key", wait.key).member("kind", to_string(wait.kind)).member("name", wait.name);
  json.member("observed", static_cast<std::uint64_t>(wait.observed));
  write_due(json, "wake_by", "wake_us", wait.wake);
  json.end_object();
  return payload;
}

std::string wait_ended_payload(const std::string& key, const std::string& signal_id, bool timed_out) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("key", key);
  if (!signal_id.empty()) json.member("signal_id", signal_id);
  json.member("timed_out", timed_out).end_object();
  return payload;
}

const WaitStart* RecordedWaits::open() const {
  if (started.empty() || ended.contains(started.back().key)) return nullptr;
  return &started.back();
}

Result<void> RecordedWaits::add(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::wait_begun: {
      TRY(WaitStart wait, start_of(record, payload));
      started.push_back(std::move(wait));
      return {};
    }
    case RecordType::wait_ended:
      return add_end(record, payload);
    case RecordType::child_ended: {
      Payload members(payload);
      std::string child = members.text("child");
      TRY(members.complete(record));
      children.insert_or_assign(std::move(child), payload);
      return {};
    }
    case RecordType::signal_received: {
      TRY(ReceivedSignal signal, ReceivedSignal::read(record));
      known[signal.id()] = signal.json;
      untaken.push_back(std::move(signal));
      return {};
    }
    default:
      return {};
  }
}

Result<void> RecordedWaits::add_end(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  const std::string key = members.text("key");
  const bool timed_out = members.boolean("timed_out");
  const bool by_signal = payload.find("signal_id") != nullptr;
  const std::string signal_id = by_signal ? members.text("signal_id") : "";
  TRY(members.complete(record));
  const auto start = std::ranges::find(started, key, &WaitStart::key);
  const auto signal = std::ranges::find(untaken, signal_id, &ReceivedSignal::id);
  if (start == started.end() || (by_signal && signal == untaken.end())) {
    return fail(ErrorCode::corrupt,
                fmt::format("position {}: the end of a wait '{}' that has not begun, or with a signal "
                            "that nobody sent",
                            record.position, key));
  }
  Json& outcome = ended[key];
  if (by_signal) {
    outcome = std::move(signal->json);
    untaken.erase(signal);
  } else if (start->kind == WaitKind::children && !timed_out) {
    outcome = results_of(*start, children);
  }
  return {};
}

std::string WaitJournal::next_key(WaitKind kind, const std::string& name) {
  std::string what(to_string(kind));
  if (!name.empty()) what += ":" + name;
  std::string key = fmt::format("{}#{}", what, ++counts_[what]);
  asked_.insert(key);
  return key;
}

const Json* WaitJournal::outcome(const std::string& key) const {
  const auto found = PLANTED_BUG("forget-recorded-waits") ? recorded_.ended.end() : recorded_.ended.find(key);
  return found == recorded_.ended.end() ? nullptr : &found->second;
}

const WaitStart* WaitJournal::awaited() const {
  const WaitStart* open = recorded_.open();
  return open == nullptr || asked_.contains(open->key) ? nullptr : open;
}

const WaitStart* WaitJournal::started(const std::string& key) const {
  const auto found = std::ranges::find(recorded_.started, key, &WaitStart::key);
  return found == recorded_.started.end() ? nullptr : &*found;
}

}  // namespace symphainy::runtime
