// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_sample.h"

#include "base/try.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kPage = 1'000;

using Visit = std::function<Result<void>(const public_works::ExecutionRow&)>;

Result<void> visit_all(public_works::StateStore& store, public_works::ExecutionFilter filter, const Visit& visit) {
  filter.limit = kPage;
  while (true) {
    TRY(const auto rows, store.list_executions(filter));
    for (const auto& row : rows) TRY(visit(row));
    if (rows.size() < kPage) return {};
    filter.before_position = rows.back().accepted_position;
  }
}

bool is_rejected(const public_works::ExecutionRow& row) {
  return row.status == "rejected";
}

}  // namespace

bool is_chosen(std::uint64_t ordinal, std::uint64_t count, std::uint64_t wanted) noexcept {
  if (wanted >= count) return true;
  if (wanted <= 1) return wanted == 1 && ordinal == 0;
  const std::uint64_t gaps = wanted - 1;
  const std::uint64_t nearest = (ordinal * gaps + count - 2) / (count - 1);  // rounded up
  return nearest * (count - 1) / gaps == ordinal;
}

Result<void> visit_sample(public_works::StateStore& store, public_works::ExecutionFilter filter,
                          const std::optional<std::uint64_t>& sample, const Visit& visit) {
  if (!sample) return visit_all(store, std::move(filter), visit);
  std::map<std::string, std::uint64_t> counts;
  TRY(visit_all(store, filter, [&](const public_works::ExecutionRow& row) -> Result<void> {
    // What is accepted meanwhile is not counted, so it must not be visited either.
    if (filter.before_position == 0) filter.before_position = row.accepted_position + 1;
    if (!is_rejected(row)) ++counts[row.intent_type];
    return {};
  }));
  std::map<std::string, std::uint64_t> ordinals;
  return visit_all(store, filter, [&](const public_works::ExecutionRow& row) -> Result<void> {
    if (!is_rejected(row) && !is_chosen(ordinals[row.intent_type]++, counts[row.intent_type], *sample)) return {};
    return visit(row);
  });
}

}  // namespace symphainy::cli
