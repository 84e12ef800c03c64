// SPDX-License-Identifier: Apache-2.0
// What the log says that a handler asked for, in order, and what it came to: what a replay holds its handler to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/intent.h"

#include "base/log_record.h"
#include "runtime/execution_history.h"

namespace symphainy::runtime {

/// Something a handler asks its context for that is answered from the log. A further kind of such calls is another word
/// for `what`, its entries in read_course(), and where it asks in ReplayContext.
struct Call {
  std::string what;  ///< "observation", "step", "wait"
  std::string key;   ///< "time", "state policies/latest", "charge#1", "signal:approved#1"
  Json details;      ///< null, or what else must be the same: {"input_digest", "kind"} of a step

  /// {"<what>": key, and the details}
  [[nodiscard]] Json to_json() const;
  friend bool operator==(const Call& left, const Call& right) noexcept {
    return left.what == right.what && left.key == right.key && left.details == right.details;
  }
};

[[nodiscard]] Call observation_call(std::string_view kind, const std::string& key);
enum class StepKind { plain, undoable, pivot };
[[nodiscard]] Call step_call(const std::string& key, const std::string& input_digest, StepKind kind);

/// Of a wait's end only what does not depend on when it began: {"until": "a time", "due_us"}, {"until": "a duration"}
/// or {"until": "a signal"}.
[[nodiscard]] Call wait_call(const std::string& key, bool has_duration, const std::optional<std::int64_t>& until_us);

struct RecordedCall {
  Call call;
  std::uint64_t position = 0;  ///< of the record that answers it
  bool answered = true;        ///< false: a step or wait that began, and what came of it is not recorded
};

/// How the handler ended.
struct RecordedEnd {
  /// The log does not tell: it goes on, or the runtime gave up on it. Then what is asked behind the last record is no
  /// divergence, and neither is any end.
  bool open = true;
  std::uint64_t position = 0;  ///< of the record that tells it; open: of the last one
  std::optional<Json> value;   ///< the handler's; nothing: it failed
  Json error;                  ///< as recorded
  /// It failed of what was missing or broken then (unavailable, io_error), and in no step: such as the context's own
  /// stores, whose failures are not recorded. It need not fail so again.
  bool is_of_its_time = false;
};

struct RecordedCourse {
  Intent intent;
  std::string seed;
  std::uint32_t attempt = 1;  ///< the last one
  RecordedAnswers answers;    ///< those that the calls get
  std::vector<RecordedCall> calls;
  RecordedEnd end;
  std::optional<Error> cancellation;      ///< somebody asked it to end
  std::vector<std::string> not_compared;  ///< what the log cannot tell of this execution, for people
};

/// Of an execution whose handler has begun.
[[nodiscard]] Result<RecordedCourse> read_course(const std::vector<base::LogRecord>& history);

}  // namespace symphainy::runtime
