// SPDX-License-Identifier: Apache-2.0
#include "app/archived_log.h"

#include <fmt/format.h>

#include "base/try.h"
#include "public_works/adapters/segment_log/segment_archive.h"

namespace symphainy::app {
namespace {

using public_works::KnownHead;
using public_works::LogBase;
using public_works::LogScan;
using public_works::ScanOptions;

std::string saved(const base::LogChain& chain) {
  std::string out;
  chain.save(out);
  return out;
}

Result<LogScan> scan_joined(public_works::FileSystem& files, const std::string& wal, KnownHead& head, ScanOptions how,
                            const std::string& archive_directory, const LogBase& base) {
  const public_works::SegmentArchive archive(files, archive_directory, {head.newest.store, head.newest.timeline});
  TRY(const auto names, archive.names());
  if (names.empty()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} has nothing of this log; name the directory that its segments were archived to",
                            archive.directory()),
                "no_archive");
  }
  public_works::ArchivedLogFiles joined(files, wal, archive, base.chain.position());
  const std::uint64_t asked = std::exchange(how.chain_at, base.chain.position());
  TRY(LogScan scan, public_works::scan_log(joined, wal, head, how));
  const bool reaches_back = how.from <= base.chain.position();
  if (!scan.damage && reaches_back && (!scan.chain_at || saved(*scan.chain_at) != saved(base.chain))) {
    scan.damage = public_works::LogDamage{wal + "/base", 0, base.chain.position() + 1,
                                          "the chains are others in the archive at the position where the log begins"};
  }
  if (scan.damage || asked == 0) return scan;
  how.chain_at = asked;
  return public_works::scan_log(joined, wal, head, how);
}

}  // namespace

Result<LogScan> scan_archived(public_works::FileSystem& files, const std::string& wal, KnownHead& head,
                              const ScanOptions& how, const std::string& archive) {
  while (true) {
    const auto base = public_works::read_log_base(files, wal);
    if (!base || !*base) return public_works::scan_log(files, wal, head, how);  // it is whole, or tells why not
    auto scan = scan_joined(files, wal, head, how, archive, **base);
    if (scan && !scan->damage) return scan;
    // More may have been retired meanwhile.
    const auto now = public_works::read_log_base(files, wal);
    if (!now || !*now || (*now)->chain.position() == (*base)->chain.position()) return scan;
  }
}

}  // namespace symphainy::app
