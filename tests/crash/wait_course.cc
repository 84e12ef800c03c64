// SPDX-License-Identifier: Apache-2.0
#include "crash/wait_course.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "runtime/wal_record.h"

namespace symphainy::tests {
namespace {

using base::LogRecord;
using runtime::RecordType;
using Violations = std::vector<Violation>;

Violations broken(std::string what) {
  return {{"I16", std::move(what)}};
}

std::string text(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return std::string(member == nullptr ? "" : member->as_string().value_or(""));
}

std::optional<std::int64_t> time_in(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? std::nullopt : member->as_int64();
}

}  // namespace

Violations WaitCourse::follow(const LogRecord& record, const Json& payload) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::wait_begun:
      return begin(payload);
    case RecordType::wait_ended:
      return end(record, payload);
    case RecordType::signal_received:
      return receive(payload);
    case RecordType::child_ended:
      return {};
    case RecordType::cancellation_requested:
      was_cut_short_ |= open_.has_value();
      was_cancelled_ = true;
      is_waiting_ = false;
      return {};
    case RecordType::execution_started:
      taken_up_ += just_ended_ ? 1 : 0;
      just_ended_ = is_waiting_ = false;
      return {};
    case RecordType::step_started:
    case RecordType::step_completed:
    case RecordType::step_failed:
      just_ended_ = false;
      return check_idle(record);
    default:
      just_ended_ = is_waiting_ = false;
      return check_idle(record);
  }
}

// Only an attempt that was told to end goes on beside what it waits for.
Violations WaitCourse::check_idle(const LogRecord& record) const {
  if (!open_ || was_cancelled_) return {};
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::step_started:
    case RecordType::step_completed:
    case RecordType::step_failed:
    case RecordType::execution_completed:
      return broken(fmt::format("wait {} had begun, and was not over", open_->key));
    default:
      return {};
  }
}

Violations WaitCourse::begin(const Json& payload) {
  OpenWait wait{.key = text(payload, "key"),
                .kind = text(payload, "kind"),
                .name = text(payload, "name"),
                .due_us = time_in(payload, "due_us"),
                .by_wall = text(payload, "due_by") == "wall",
                .wake_us = time_in(payload, "wake_us").value_or(0),
                .wake_by_wall = text(payload, "wake_by") == "wall"};
  Violations found;
  if (open_) found = broken(fmt::format("wait {} had begun, and was not over", open_->key));
  if (!begun_.insert(wait.key).second) found.push_back({"I16", fmt::format("wait {} had begun before", wait.key)});
  if (wait.kind == "timer" && !wait.due_us) found.push_back({"I16", fmt::format("timer {} is never due", wait.key)});
  open_ = std::move(wait);
  is_waiting_ = true;
  just_ended_ = false;
  return found;
}

Violations WaitCourse::end(const LogRecord& record, const Json& payload) {
  const std::string key = text(payload, "key");
  if (!open_ || open_->key != key) {
    return broken(fmt::format("what had begun and was not over is {}, and not wait {}",
                              open_ ? "wait " + open_->key : "none", key));
  }
  const Json* timed_out = payload.find("timed_out");
  const bool by_children = open_->kind == "children" && timed_out != nullptr && timed_out->as_bool() == false;
  Violations found;
  if (!by_children) {
    const bool by_time = payload.find("signal_id") == nullptr;
    found = by_time ? end_by_time(record) : end_by_signal(text(payload, "signal_id"));
  }
  just_ended_ = true;
  is_waiting_ = false;
  open_.reset();
  return found;
}

Violations WaitCourse::end_by_time(const LogRecord& record) {
  ++ended_by_time_;
  if (!open_->due_us) return broken(fmt::format("wait {} is over without a signal, and it has no time", open_->key));
  if (std::ranges::find(untaken_, open_->name, &Untaken::name) != untaken_.end()) {
    return broken(fmt::format("the time of wait {} came, and what it waited for was there", open_->key));
  }
  if (record.time_us >= *open_->due_us) return {};
  const std::string early =
      fmt::format("wait {} is over {} us before it is due", open_->key, *open_->due_us - record.time_us);
  if (open_->by_wall) return broken(early);
  too_short_.push_back(fmt::format("position {}: {}", record.position, early));
  return {};
}

Violations WaitCourse::end_by_signal(const std::string& id) {
  ++ended_by_signal_;
  const auto first = std::ranges::find(untaken_, open_->name, &Untaken::name);
  const auto taken = std::ranges::find(untaken_, id, &Untaken::id);
  if (taken == untaken_.end()) {
    return broken(fmt::format("wait {} is over with signal '{}', which {}", open_->key, id,
                              ids_.contains(id) ? "another had taken" : "nobody had sent"));
  }
  Violations found;
  if (open_->kind != "signal" || taken->name != open_->name) {
    found = broken(fmt::format("wait {} is over with signal '{}' of the name '{}'", open_->key, id, taken->name));
  } else if (first != taken) {
    found = broken(fmt::format("wait {} is over with signal '{}', and '{}' came before", open_->key, id, first->id));
  }
  untaken_.erase(taken);
  return found;
}

Violations WaitCourse::receive(const Json& payload) {
  const std::string id = text(payload, "signal_id");
  untaken_.push_back({id, text(payload, "name")});
  if (ids_.insert(id).second) return {};
  return broken(fmt::format("signal '{}' was received before", id));
}

}  // namespace symphainy::tests
