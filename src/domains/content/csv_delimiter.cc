// SPDX-License-Identifier: Apache-2.0
// Uses the reader itself, so that quoted delimiters mislead nobody.
#include "domains/content/csv_delimiter.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "domains/content/csv_reader.h"

namespace symphainy::domains::content {
namespace {

constexpr std::array<char, 4> kCandidates = {',', '\t', ';', '|'};
constexpr std::size_t kMaxRecords = 1'000;

// Compares like a tuple: more records of the same width, the first one among them, more fields.
using Score = std::tuple<std::size_t, bool, std::size_t>;

std::vector<std::size_t> widths(std::string_view sample, bool complete, char delimiter) {
  std::vector<std::size_t> found;
  CsvReader reader(delimiter, [&](std::uint64_t, std::span<const std::string_view> fields) {
    if (found.size() < kMaxRecords) found.push_back(fields.size());
  });
  const Result<void> fed = reader.feed(sample);
  // A sample that passes a limit is judged by the records before that.
  if (fed && (complete || found.empty())) (void)reader.finish();
  return found;
}

Score score(const std::vector<std::size_t>& widths) {
  std::map<std::size_t, std::size_t> records_by_width;
  for (const std::size_t width : widths) {
    if (width > 1) ++records_by_width[width];
  }
  Score best{0, false, 0};
  for (const auto& [width, records] : records_by_width) {
    best = std::max(best, Score{records, widths.front() == width, width});
  }
  return best;
}

}  // namespace

char detect_csv_delimiter(std::string_view sample, bool complete) {
  char winner = kCandidates[0];
  Score best{0, false, 0};
  for (const char candidate : kCandidates) {
    const Score reached = score(widths(sample, complete, candidate));
    if (reached > best) {
      best = reached;
      winner = candidate;
    }
  }
  return winner;
}

}  // namespace symphainy::domains::content
