// SPDX-License-Identifier: Apache-2.0
// The durable waits of one execution: what is recorded of them, to be answered again. A wait is known by what it waits
// for and how often that was waited for before, like a step by its name.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "symphainy/execution_context.h"

#include "base/log_record.h"
#include "runtime/due_clock.h"

namespace symphainy::runtime {

[[nodiscard]] std::string_view to_string(WaitKind kind) noexcept;

struct WaitStart {
  std::string key;  ///< "timer#1", "signal:approved#2"
  WaitKind kind = WaitKind::timer;
  std::string name;                        ///< of the signal; empty for a timer
  std::size_t observed = 0;                ///< answers that the context had given when it began
  std::optional<Due> due;                  ///< when it is over anyhow
  std::optional<Due> wake;                 ///< when its execution goes on at the latest: then, or at its deadline
  std::uint64_t position = 0;              ///< of its record; 0: not recorded yet
  std::vector<std::string> children = {};  ///< that it waits for
};

/// The children that have ended, by execution id: {"child", "error"?, "status", "value"?}.
using EndedChildren = std::map<std::string, Json>;

/// Those of its children that are not there.
[[nodiscard]] std::set<std::string> missing(const WaitStart& wait, const EndedChildren& ended);
/// What a wait for children came to: an array in their order.
[[nodiscard]] Json results_of(const WaitStart& wait, const EndedChildren& ended);

/// What somebody sent, as its record tells it.
struct ReceivedSignal {
  std::string name;
  Json json;  ///< {"actor", "name", "received_us", "signal_id", "value"}, as a wait is answered with it

  [[nodiscard]] std::string id() const;
  /// From the payload of its record.
  [[nodiscard]] static Result<ReceivedSignal> read(const base::LogRecord& record);
};

/// What is recorded of an execution's waits.
struct RecordedWaits {
  std::vector<WaitStart> started;
  std::map<std::string, Json> ended;   ///< by key, what it came to: null when its time came
  std::deque<ReceivedSignal> untaken;  ///< signals that no wait has ended with yet, in the order of their coming
  std::map<std::string, Json> known;   ///< every signal by its id, as above
  EndedChildren children;

  /// The one that has begun and not ended.
  [[nodiscard]] const WaitStart* open() const;
  /// Takes a WaitBegun, WaitEnded or SignalReceived record in. corrupt when a member is missing, or names nothing.
  [[nodiscard]] Result<void> add(const base::LogRecord& record);

 private:
  [[nodiscard]] Result<void> add_end(const base::LogRecord& record, const Json& payload);
};

/// What has come for an execution, and no wait has taken.
struct Received {
  std::deque<ReceivedSignal> signals;
  EndedChildren children;
};

[[nodiscard]] std::string wait_begun_payload(const WaitStart& wait);
/// `signal_id`: of the signal that it ended with, if any. `timed_out`: its time came, and was not what it waited for.
[[nodiscard]] std::string wait_ended_payload(const std::string& key, const std::string& signal_id, bool timed_out);

/// The waits as one attempt asks for them.
class WaitJournal {
 public:
  WaitJournal() = default;
  explicit WaitJournal(RecordedWaits recorded) : recorded_(std::move(recorded)) {}

  /// Of the next wait of that kind and name; counts it, and it counts as asked for.
  [[nodiscard]] std::string next_key(WaitKind kind, const std::string& name);
  /// What it came to, when it is over.
  [[nodiscard]] const Json* outcome(const std::string& key) const;
  /// One that has begun and not ended, as long as this attempt has not asked for it: then it must ask for nothing new.
  [[nodiscard]] const WaitStart* awaited() const;
  [[nodiscard]] const WaitStart* started(const std::string& key) const;

 private:
  RecordedWaits recorded_;
  std::unordered_map<std::string, std::uint32_t> counts_;
  std::set<std::string> asked_;
};

}  // namespace symphainy::runtime
