// SPDX-License-Identifier: Apache-2.0
#include "crash/whole_log.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/archived_log.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/log_base.h"
#include "public_works/adapters/segment_log/log_copy.h"
#include "public_works/adapters/segment_log/segment_log.h"

namespace symphainy::tests {
namespace {

using public_works::FileSystem;
using public_works::SegmentLog;

std::string saved(const base::LogChain& chain) {
  std::string out;
  chain.save(out);
  return out;
}

}  // namespace

Result<std::unique_ptr<WholeLog>> WholeLog::open(FileSystem& files, public_works::Clock& clock,
                                                 public_works::Random& random, const std::string& wal,
                                                 const std::string& archive) {
  std::unique_ptr<WholeLog> log(new WholeLog());
  TRY(log->rest_, SegmentLog::open(files, clock, random, {.directory = wal, .read_only = true}));
  TRY(log->read_retired(files, wal, archive));
  return log;
}

Result<void> WholeLog::read_retired(FileSystem& files, const std::string& wal, const std::string& archive) {
  TRY(const auto base, public_works::read_log_base(files, wal));
  if (!base) return {};
  const std::uint64_t end = base->chain.position();
  TRY(const auto archived, app::archived_beginning(files, wal, identity(), end, archive));
  public_works::ArchivedLogFiles joined(files, wal, archived, end);
  public_works::FollowOptions how;
  how.store = identity().store;
  how.until = end;
  TRY(const auto followed, public_works::follow_log(joined, wal, how, [&](const public_works::FollowedBatch& next) {
        retired_.push_back(next.batch);
        return Result<void>();
      }));
  retired_segments_ = archived.names().size();
  if (saved(followed.chain) == saved(base->chain)) return {};
  return fail(ErrorCode::corrupt,
              fmt::format("{} leads to position {} (store hash {}), and the log begins behind {} ({}), or a tenant's "
                          "chain is another one there",
                          archive, followed.chain.position(), followed.chain.store_hash().hex(), end,
                          base->chain.store_hash().hex()));
}

Result<void> WholeLog::read_batches(std::uint64_t from, const std::function<bool(const base::LogBatch&)>& visit) const {
  for (const base::LogBatch& batch : retired_) {
    if (batch.last_position() >= from && !visit(batch)) return {};
  }
  const std::uint64_t next = retired_.empty() ? 1 : retired_.back().last_position() + 1;
  return rest_->read_batches(std::max(from, next), visit);
}

}  // namespace symphainy::tests
