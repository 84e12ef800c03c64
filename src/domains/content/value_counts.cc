// SPDX-License-Identifier: Apache-2.0
// An open-addressing table whose values lie in one string: no allocation per value, and memory that
// can be counted.
#include "domains/content/value_counts.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace symphainy::domains::content {
namespace {

constexpr std::size_t kMaxSketchValues = 8'192;
constexpr std::size_t kFirstBuckets = 16;

}  // namespace

ValueCounts::ValueCounts(ValueCountsLimits limits) : limits_(limits), buckets_(kFirstBuckets) {}

void ValueCounts::add(std::string_view value, std::uint64_t count) {
  std::uint64_t hash = stable_hash(value);
  if (sketch_) sketch_->add(hash);
  const auto shorten = [&] {
    if (value.size() <= kMaxTrackedBytes) return;
    value = value.substr(0, kMaxTrackedBytes);
    hash = stable_hash(value);
  };
  if (sketch_) shorten();
  std::size_t bucket = bucket_of(value, hash);
  if (buckets_[bucket] != 0) {
    slots_[buckets_[bucket] - 1].count += count;
    return;
  }
  if (is_full(value)) {
    const bool was_exact = exact();
    make_room();
    if (was_exact) sketch_->add(hash);
    shorten();
    bucket = bucket_of(value, hash);
    if (buckets_[bucket] != 0) {
      slots_[buckets_[bucket] - 1].count += count;
      return;
    }
  }
  insert(bucket, value, hash, count);
}

std::uint64_t ValueCounts::distinct() const {
  return sketch_ ? sketch_->estimate() : slots_.size();
}

bool ValueCounts::contains(std::string_view value) const noexcept {
  return buckets_[bucket_of(value, stable_hash(value))] != 0;
}

std::vector<ValueCounts::Entry> ValueCounts::top(std::size_t count) const {
  std::vector<Entry> entries;
  entries.reserve(slots_.size());
  for (const Slot& slot : slots_) entries.push_back({value_of(slot), slot.count});
  count = std::min(count, entries.size());
  const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::partial_sort(entries, middle, [](const Entry& left, const Entry& right) {
    return left.count != right.count ? left.count > right.count : left.value < right.value;
  });
  entries.resize(count);
  return entries;
}

std::string_view ValueCounts::value_of(const Slot& slot) const noexcept {
  return std::string_view(bytes_).substr(slot.offset, slot.length);
}

std::size_t ValueCounts::bucket_of(std::string_view value, std::uint64_t hash) const noexcept {
  const std::size_t mask = buckets_.size() - 1;
  std::size_t bucket = hash & mask;
  while (buckets_[bucket] != 0) {
    const Slot& slot = slots_[buckets_[bucket] - 1];
    if (slot.hash == hash && value_of(slot) == value) break;
    bucket = (bucket + 1) & mask;
  }
  return bucket;
}

bool ValueCounts::is_full(std::string_view next) const noexcept {
  constexpr std::size_t kBytesPerSlot = sizeof(Slot) + 2 * sizeof(std::uint32_t);
  const std::size_t values = slots_.size() + 1;
  const std::size_t allowed = exact() ? limits_.max_values : std::min(limits_.max_values, kMaxSketchValues);
  return values > allowed || values * kBytesPerSlot + bytes_.size() + next.size() > limits_.max_bytes;
}

void ValueCounts::insert(std::size_t bucket, std::string_view value, std::uint64_t hash, std::uint64_t count) {
  slots_.push_back({hash, count, bytes_.size(), value.size()});
  bytes_.append(value);
  buckets_[bucket] = static_cast<std::uint32_t>(slots_.size());
  if (slots_.size() * 2 > buckets_.size()) rebuild_buckets(buckets_.size() * 2);
}

void ValueCounts::rebuild_buckets(std::size_t size) {
  buckets_.assign(size, 0);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    std::size_t bucket = slots_[i].hash & (size - 1);
    while (buckets_[bucket] != 0) bucket = (bucket + 1) & (size - 1);
    buckets_[bucket] = static_cast<std::uint32_t>(i + 1);
  }
}

void ValueCounts::make_room() {
  if (!sketch_) {
    sketch_.emplace();
    for (const Slot& slot : slots_) sketch_->add(slot.hash);
  }
  keep_most_frequent(std::min({limits_.max_values, kMaxSketchValues, slots_.size()}) / 2);
}

// Taking the same amount from every count and dropping what falls to zero leaves at most `count`
// values, and nobody is undercounted by more than that amount.
void ValueCounts::keep_most_frequent(std::size_t count) {
  if (slots_.empty()) return;
  std::vector<std::uint64_t> counts;
  for (const Slot& slot : slots_) counts.push_back(slot.count);
  std::ranges::nth_element(counts, counts.begin() + static_cast<std::ptrdiff_t>(count), std::greater<>());
  const std::uint64_t taken = counts[count];
  max_error_ += taken;

  const std::vector<Slot> before = std::exchange(slots_, {});
  const std::string values = std::exchange(bytes_, {});
  buckets_.assign(kFirstBuckets, 0);
  for (const Slot& slot : before) {
    if (slot.count <= taken) continue;
    const std::string_view value =
        std::string_view(values).substr(slot.offset, std::min(slot.length, kMaxTrackedBytes));
    const std::uint64_t hash = stable_hash(value);
    const std::size_t bucket = bucket_of(value, hash);
    if (buckets_[bucket] != 0) {
      slots_[buckets_[bucket] - 1].count += slot.count - taken;
    } else {
      insert(bucket, value, hash, slot.count - taken);
    }
  }
}

}  // namespace symphainy::domains::content
