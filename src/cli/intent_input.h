// SPDX-License-Identifier: Apache-2.0
// The intents of a file or a pipe, one at a time: a JSON array, one JSON object over several lines, or NDJSON. NDJSON
// is streamed in constant memory; an array or a spread-out object is read as a whole and must stay below 64 MiB.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/error.h"
#include "symphainy/intent.h"

#include "cli/stop_signal.h"

namespace symphainy::cli {

/// One intent as it came in.
struct InputItem {
  std::uint64_t line = 0;  ///< number of the line, or of the array's element; from 1
  Result<Json> json;       ///< the error names the offset in the line
};

class IntentInput {
 public:
  /// "-" is stdin. invalid_argument when it cannot be read.
  [[nodiscard]] static Result<IntentInput> open(const std::string& path, const IntentLimits& limits,
                                                const StopSignal& stop);
  IntentInput(IntentInput&& other) noexcept;
  IntentInput& operator=(IntentInput&&) = delete;
  ~IntentInput();

  /// The next intent; nothing at the end, or once a stop was asked for. An error when the input as a whole cannot be
  /// read.
  [[nodiscard]] Result<std::optional<InputItem>> next();

  [[nodiscard]] std::uint64_t bytes_taken() const noexcept { return taken_; }
  /// Nothing for a pipe.
  [[nodiscard]] std::optional<std::uint64_t> total_bytes() const noexcept { return total_; }

 private:
  enum class Shape { unknown, lines, array, one };

  IntentInput(int descriptor, std::string name, const IntentLimits& limits, const StopSignal& stop);

  Result<void> detect();
  Result<void> take_whole();
  Result<bool> fill();
  Result<std::optional<InputItem>> next_line();
  std::optional<InputItem> next_element();
  Result<std::optional<std::string_view>> read_line();
  Result<std::optional<InputItem>> skip_long_line();
  [[nodiscard]] std::string_view rest() const noexcept;

  int descriptor_;
  std::string name_;
  JsonLimits line_limits_;
  const StopSignal& stop_;
  std::optional<std::uint64_t> total_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< what lies before it in the buffer was taken
  bool at_end_ = false;
  std::uint64_t taken_ = 0;
  std::uint64_t line_ = 0;
  Shape shape_ = Shape::unknown;
  Json whole_;
};

}  // namespace symphainy::cli
