// SPDX-License-Identifier: Apache-2.0
// How often each value occurred: exactly while the values fit into the limits, afterwards the
// frequent ones with a stated error and the number of distinct ones by estimate. Memory never
// exceeds the limits by more than the slack of growing vectors (a factor of two).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domains/content/cardinality_sketch.h"

namespace symphainy::domains::content {

struct ValueCountsLimits {
  std::size_t max_values = 65'536;            ///< distinct values counted exactly
  std::size_t max_bytes = 8UL * 1024 * 1024;  ///< values and their bookkeeping; at least 32 KiB
};

/// Once a limit is hit, this is the algorithm of Misra and Gries (1982) with batched decrements
/// (Anderson et al., "A High-Performance Algorithm for Identifying Frequent Items in Data Streams",
/// 2017), and values are told apart by their first kMaxTrackedBytes bytes only.
/// The result depends on the order of the values, never on the process or machine. Not
/// synchronized.
class ValueCounts {
 public:
  static constexpr std::size_t kMaxTrackedBytes = 256;

  struct Entry {
    std::string_view value;  ///< valid until the next add
    std::uint64_t count;     ///< when not exact: at least this often, at most `count + max_error()`
  };

  explicit ValueCounts(ValueCountsLimits limits = {});

  void add(std::string_view value, std::uint64_t count = 1);

  [[nodiscard]] bool exact() const noexcept { return !sketch_; }
  [[nodiscard]] std::uint64_t distinct() const;
  /// 0 while exact; no value that is not listed occurred more often.
  [[nodiscard]] std::uint64_t max_error() const noexcept { return max_error_; }
  /// False for values that were seen and then forgotten, too.
  [[nodiscard]] bool contains(std::string_view value) const noexcept;
  /// The most frequent values; equal counts in the order of their bytes.
  [[nodiscard]] std::vector<Entry> top(std::size_t count) const;

 private:
  struct Slot {
    std::uint64_t hash;
    std::uint64_t count;
    std::size_t offset;  // into bytes_
    std::size_t length;
  };

  [[nodiscard]] std::string_view value_of(const Slot& slot) const noexcept;
  [[nodiscard]] std::size_t bucket_of(std::string_view value, std::uint64_t hash) const noexcept;
  [[nodiscard]] bool is_full(std::string_view next) const noexcept;
  void insert(std::size_t bucket, std::string_view value, std::uint64_t hash, std::uint64_t count);
  void rebuild_buckets(std::size_t size);
  void make_room();
  void keep_most_frequent(std::size_t count);

  ValueCountsLimits limits_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> buckets_;  // slot number + 1, 0 when free; the size is a power of two
  std::string bytes_;
  std::optional<CardinalitySketch> sketch_;
  std::uint64_t max_error_ = 0;
};

}  // namespace symphainy::domains::content
