// SPDX-License-Identifier: Apache-2.0
#include "cli/intent_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "base/try.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::size_t kWholeBytes = 64 * 1024 * 1024;
constexpr std::string_view kBlank = " \t\r\n";

// A byte of canonical JSON takes at most six in the text (\u0041), and names, ids and blanks need room too. Some levels
// more than an intent may have are parsed, so that validation can name the member that is too deep.
JsonLimits line_limits(const IntentLimits& limits) {
  return {.max_depth = limits.depth + 32,
          .max_bytes = 6 * (limits.parameters_bytes + limits.metadata_bytes) + 64 * 1024};
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kBlank) == std::string_view::npos;
}

Error too_large(const std::string& name) {
  return Error{ErrorCode::invalid_argument,
               fmt::format("{} is one JSON value of 64 MiB or more; write one intent per line (NDJSON)", name),
               "input_too_large",
               {}};
}

/// Whether the line may be the first of an object that goes on below: it ends before the object does.
bool goes_on_below(std::string_view line) {
  const auto last = line.find_last_not_of(kBlank);
  if (last == std::string_view::npos) return true;
  const auto parsed = Json::parse(line);
  if (parsed) return false;
  const Json* offset = parsed.error().details.find("offset");
  return offset != nullptr && offset->as_uint64().value_or(0) > last;
}

}  // namespace

Result<IntentInput> IntentInput::open(const std::string& path, const IntentLimits& limits, const StopSignal& stop) {
  if (path == "-") return IntentInput(::dup(STDIN_FILENO), "stdin", limits, stop);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  int failed = descriptor < 0 || ::fstat(descriptor, &status) != 0 ? errno : 0;
  if (failed == 0 && S_ISDIR(status.st_mode)) failed = EISDIR;
  if (failed == 0) return IntentInput(descriptor, path, limits, stop);
  if (descriptor >= 0) ::close(descriptor);
  return fail(ErrorCode::invalid_argument,
              fmt::format("cannot read {}: {}; name a file of intents, or - for stdin", path, std::strerror(failed)),
              "unreadable_input");
}

IntentInput::IntentInput(int descriptor, std::string name, const IntentLimits& limits, const StopSignal& stop)
    : descriptor_(descriptor), name_(std::move(name)), line_limits_(line_limits(limits)), stop_(stop) {
  struct stat status{};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) total_ = static_cast<std::uint64_t>(status.st_size);
}

IntentInput::IntentInput(IntentInput&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      line_limits_(other.line_limits_),
      stop_(other.stop_),
      total_(other.total_),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      at_end_(other.at_end_),
      taken_(other.taken_),
      line_(other.line_),
      shape_(other.shape_),
      whole_(std::move(other.whole_)) {}

IntentInput::~IntentInput() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string_view IntentInput::rest() const noexcept {
  return std::string_view(buffer_).substr(begin_);
}

/// Appends what can be read now; false at the end or when a stop was asked for.
Result<bool> IntentInput::fill() {
  if (at_end_) return false;
  if (begin_ > 0) buffer_.erase(0, std::exchange(begin_, 0));
  if (!stop_.wait_readable(descriptor_)) return false;
  const std::size_t held = buffer_.size();
  buffer_.resize(held + kChunkBytes);
  ssize_t count = 0;
  do count = ::read(descriptor_, buffer_.data() + held, kChunkBytes);
  while (count < 0 && errno == EINTR);
  const int failed = errno;
  buffer_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (count < 0)
    return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: {}", name_, std::strerror(failed)),
                "unreadable_input");
  at_end_ = count == 0;
  return count > 0;
}

Result<void> IntentInput::take_whole() {
  while (rest().size() < kWholeBytes) {
    TRY(const bool more, fill());
    if (!more) return {};
  }
  return {};
}

Result<void> IntentInput::detect() {
  bool more = true;
  while (more && is_blank(rest())) {
    TRY(more, fill());
  }
  const auto first = rest().find_first_not_of(kBlank);
  shape_ = Shape::lines;
  if (first == std::string_view::npos) return {};
  if (rest()[first] == '[') {
    TRY(take_whole());
    if (stop_.raised()) return {};  // what came so far says nothing about the rest
    if (!at_end_) return std::unexpected(too_large(name_));
    auto parsed = Json::parse(rest());
    if (!parsed)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} begins like a JSON array but is none: {}", name_, parsed.error().message),
                  "malformed_input", parsed.error().details);
    whole_ = *std::move(parsed);
    shape_ = Shape::array;
    taken_ = buffer_.size();
    return {};
  }
  if (rest()[first] != '{') return {};
  while (rest().find('\n', first) == std::string_view::npos && rest().size() <= line_limits_.max_bytes) {
    TRY(more, fill());
    if (!more) break;
  }
  const auto end = rest().find('\n', first);
  if (!goes_on_below(rest().substr(first, end == std::string_view::npos ? end : end - first))) return {};
  TRY(take_whole());
  auto parsed = at_end_ ? Json::parse(rest()) : fail(ErrorCode::invalid_argument, "");
  if (!parsed) return {};
  whole_ = *std::move(parsed);
  shape_ = Shape::one;
  taken_ = buffer_.size();
  return {};
}

Result<std::optional<InputItem>> IntentInput::next() {
  if (stop_.raised()) return std::nullopt;
  if (shape_ == Shape::unknown) TRY(detect());
  if (stop_.raised()) return std::nullopt;
  return shape_ == Shape::lines ? next_line() : next_element();
}

std::optional<InputItem> IntentInput::next_element() {
  const std::uint64_t count = shape_ == Shape::one ? 1 : whole_.size();
  if (line_ >= count) return std::nullopt;
  const std::uint64_t number = ++line_;
  return InputItem{number, shape_ == Shape::one ? whole_ : whole_.at(number - 1)};
}

/// A line without its end; nothing at the end of input. Longer than the longest allowed: cut there, its end not taken.
Result<std::optional<std::string_view>> IntentInput::read_line() {
  std::size_t searched = 0;
  std::size_t end = std::string_view::npos;
  while ((end = rest().find('\n', searched)) == std::string_view::npos && rest().size() <= line_limits_.max_bytes) {
    searched = rest().size();
    TRY(const bool more, fill());
    if (!more) break;
  }
  // A stop leaves a line half read; it was never a whole intent.
  if (rest().empty() || (end == std::string_view::npos && stop_.raised())) return std::nullopt;
  const std::size_t length = std::min(end == std::string_view::npos ? rest().size() : end, line_limits_.max_bytes + 1);
  const std::string_view line = rest().substr(0, length);
  const std::size_t used = length + (length == end && length <= line_limits_.max_bytes ? 1 : 0);
  begin_ += used;
  taken_ += used;
  return line;
}

Result<std::optional<InputItem>> IntentInput::skip_long_line() {
  const std::uint64_t number = line_;
  while (true) {
    const auto end = rest().find('\n');
    const std::size_t used = end == std::string_view::npos ? rest().size() : end + 1;
    begin_ += used;
    taken_ += used;
    if (end != std::string_view::npos) break;
    TRY(const bool more, fill());
    if (!more) break;
  }
  return InputItem{number, fail(ErrorCode::invalid_argument,
                                fmt::format("the line is longer than {} bytes, which no intent within the limits needs",
                                            line_limits_.max_bytes),
                                "line_too_long", Json::object({{"offset", line_limits_.max_bytes}}))};
}

Result<std::optional<InputItem>> IntentInput::next_line() {
  while (true) {
    TRY(const auto line, read_line());
    if (!line) return std::nullopt;
    ++line_;
    if (line->size() > line_limits_.max_bytes) return skip_long_line();
    if (!is_blank(*line)) return InputItem{line_, Json::parse(*line, line_limits_)};
  }
}

}  // namespace symphainy::cli
