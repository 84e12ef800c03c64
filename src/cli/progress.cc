// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <unistd.h>

#include "cli/output.h"

namespace symphainy::cli {
namespace {

constexpr int kBarColumns = 24;
constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::string_view kClearLine = "\r\033[K";

std::string bar(const ProgressCounts& counts) {
  if (!counts.total_bytes || *counts.total_bytes == 0) return {};
  const double share =
      std::min(1.0, static_cast<double>(counts.bytes_taken) / static_cast<double>(*counts.total_bytes));
  const int filled = static_cast<int>(share * kBarColumns);
  return fmt::format("[{}{}] {:3.0f}%  ", std::string(static_cast<std::size_t>(filled), '#'),
                     std::string(static_cast<std::size_t>(kBarColumns - filled), '.'), share * 100);
}

std::string tally(const ProgressCounts& counts, double seconds) {
  const std::uint64_t done = counts.completed + counts.failed;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  return fmt::format("{} completed, {} failed or refused, {}/s", group_digits(counts.completed),
                     group_digits(counts.failed), group_digits(static_cast<std::uint64_t>(rate)));
}

void write_stderr(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1), started_(Clock::now()), drawn_(started_) {}

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - started_).count();
}

void Progress::update(const ProgressCounts& counts) {
  if (!terminal_ || Clock::now() - drawn_ < kRedrawEvery) return;
  drawn_ = Clock::now();
  write_stderr(fmt::format("{}{}{}", kClearLine, bar(counts), tally(counts, seconds())));
}

void Progress::finish(const ProgressCounts& counts) {
  if (!terminal_) return;
  write_stderr(fmt::format("{}{} in {:.1f} s\n", kClearLine, tally(counts, seconds()), seconds()));
}

}  // namespace symphainy::cli
