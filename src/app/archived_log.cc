// SPDX-License-Identifier: Apache-2.0
#include "app/archived_log.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/store_copy.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::app {
namespace {

using public_works::ArchivedBeginning;
using public_works::FileSystem;
using public_works::KnownHead;
using public_works::LogBase;
using public_works::LogDamage;
using public_works::LogScan;
using public_works::ScanOptions;

std::string saved(const base::LogChain& chain) {
  std::string out;
  chain.save(out);
  return out;
}

std::uint64_t position_of(const std::string& segment_path) {
  return public_works::parse_segment_name(segment_path.substr(segment_path.rfind('/') + 1)).value_or(0);
}

bool same_chain(const LogScan& scan, const base::LogChain& base) {
  if (!scan.chain_at) return false;
  if (knows_every_tenant(scan)) return saved(*scan.chain_at) == saved(base);
  return scan.chain_at->store_hash() == base.store_hash();  // which every record's chain went into
}

// Opening each says which one it was that the scan could not read.
Result<LogDamage> unreadable_segment(const ArchivedBeginning& archive, const Error& why) {
  for (const std::string& name : archive.names()) {
    const auto bytes = archive.read(name);
    if (bytes || bytes.error().code != ErrorCode::corrupt) continue;
    return LogDamage{archive.path_of(name), 0, position_of(name), bytes.error().message};
  }
  return std::unexpected(why);
}

/// One reading of the log and its archive, while nothing more is retired.
struct JoinedLog {
  FileSystem& files;
  const std::string& wal;
  const LogBase& base;
  const std::string& archive_directory;
  const ArchivedBeginning& archive;  // never empty

  [[nodiscard]] std::uint64_t base_position() const { return base.chain.position(); }
  [[nodiscard]] std::uint64_t begins() const { return position_of(archive.names().front()); }

  Result<ArchivedScan> read(KnownHead& head, const ScanOptions& how) const {
    const bool asked_before_base = how.chain_at > 0 && how.chain_at <= base_position();
    TRY(ArchivedScan found, joined(head, how, base_position()));
    const bool reaches_back = how.from <= base_position();
    if (!found.scan.damage && reaches_back && !same_chain(found.scan, base.chain)) {
      found.scan.damage = LogDamage{wal + "/base", 0, base_position() + 1,
                                    "the chains are others in the archive at the position where the log begins"};
    }
    if (found.scan.damage) return found;
    found.scan.chain_at.reset();
    if (asked_before_base) return joined(head, how, how.chain_at);
    return with_own_chains(head, how, std::move(found));
  }

 private:
  Result<ArchivedScan> joined(KnownHead& head, ScanOptions how, std::uint64_t chain_at) const {
    public_works::ArchivedLogFiles all(files, wal, archive, base_position());
    how.chain_at = chain_at;
    if (begins() > 1) {
      how.from = std::max(how.from, begins());
      how.begins_anywhere = true;
    }
    ArchivedScan found;
    found.archive_begins = begins();
    auto scan = public_works::scan_log(all, wal, head, how);
    if (!scan && scan.error().code == ErrorCode::corrupt) {
      TRY(found.scan.damage, unreadable_segment(archive, scan.error()));
      found.damage_in_archive = true;
      return found;
    }
    TRY(found.scan, std::move(scan));
    found.every_tenant_at = knows_every_tenant(found.scan);
    if (found.scan.damage) {
      TRY(blame(found));
    }
    return found;
  }

  // The archive's file for what is wrong in it; and what it does not have is not damaged.
  Result<void> blame(ArchivedScan& found) const {
    LogDamage& damage = *found.scan.damage;
    const std::uint64_t named = position_of(damage.segment);
    if (named == 0 || damage.position > base_position()) return {};
    const bool behind_gap = damage.offset == 0 && named > damage.position && !found.scan.segments.empty();
    if (behind_gap) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} lacks positions {} to {}; put the missing segments back into it, or prove what is "
                              "behind them with --from {}",
                              archive_directory, damage.position, named - 1, named),
                  "archive_incomplete");
    }
    if (!archive.has(public_works::segment_name(named))) return {};
    damage.segment = archive.path_of(public_works::segment_name(named));
    damage.position = std::max(damage.position, named);
    found.damage_in_archive = true;
    return {};
  }

  // Behind the base the log itself knows every tenant's chain, whatever the archive lacks.
  Result<ArchivedScan> with_own_chains(KnownHead& head, ScanOptions how, ArchivedScan found) const {
    const bool behind_base = how.from <= base_position() + 1;
    if (how.chain_at == 0 && (knows_every_tenant(found.scan) || !behind_base)) return found;
    if (behind_base) how.from = 0;
    TRY(LogScan own, public_works::scan_log(files, wal, head, how));
    if (own.damage) return ArchivedScan{.scan = std::move(own), .archive_begins = begins()};
    found.scan.chain = std::move(own.chain);
    found.scan.chain_at = std::move(own.chain_at);
    found.every_tenant_at = behind_base;
    return found;
  }
};

Result<void> must_exist(FileSystem& files, const std::string& archive) {
  TRY(const auto there, files.stat(archive));
  if (there && there->is_directory) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("--archive {}: there is no such directory; name the one that segments were archived to", archive),
      "no_archive");
}

// Unless the log itself is damaged: then it may only have looked so.
Result<ArchivedScan> nothing_archived(FileSystem& files, const std::string& wal, KnownHead& head,
                                      const ScanOptions& how, const std::string& archive) {
  TRY(LogScan own, public_works::scan_log(files, wal, head, how));
  if (own.damage) return ArchivedScan{.scan = std::move(own)};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} has nothing of what was retired of this log, or of the timelines that it comes from; name "
                  "the directory that its segments were archived to",
                  archive),
      "no_archive");
}

std::uint64_t begin_of(const Result<std::optional<LogBase>>& base) {
  return base && *base ? (*base)->chain.position() : 0;
}

}  // namespace

Result<ArchivedBeginning> archived_beginning(FileSystem& files, const std::string& wal,
                                             const public_works::LogIdentity& log, std::uint64_t base_position,
                                             const std::string& archive) {
  TRY(must_exist(files, archive));
  TRY(auto own, ArchivedBeginning::find(files, archive, log, {}, base_position));
  if (own.has(public_works::segment_name(1))) return own;
  TRY(const auto timelines, earlier_timelines(files, wal, log.store));
  std::vector<public_works::SharedTimeline> shared;
  for (const runtime::EarlierTimeline& one : timelines) shared.push_back({one.timeline, one.position});
  return ArchivedBeginning::find(files, archive, log, shared, base_position);
}

bool knows_every_tenant(const LogScan& scan) {
  const std::uint64_t beginning = scan.base ? scan.base->chain.position() + 1 : 1;
  return scan.segments.empty() || scan.segments.front().first_position == beginning;
}

Result<void> make_archive_directory(const std::string& archive) {
  public_works::PosixFileSystem files;
  return files.create_directories(archive);
}

Result<ArchivedScan> scan_archived(FileSystem& files, const std::string& wal, KnownHead& head, const ScanOptions& how,
                                   const std::string& archive_directory) {
  TRY(must_exist(files, archive_directory));
  while (true) {
    const auto base = public_works::read_log_base(files, wal);
    if (!base || !*base) {  // it is whole, or tells why not
      TRY(LogScan scan, public_works::scan_log(files, wal, head, how));
      if (begin_of(public_works::read_log_base(files, wal)) != begin_of(base)) continue;
      const bool every_tenant = knows_every_tenant(scan);
      return ArchivedScan{.scan = std::move(scan), .every_tenant_at = every_tenant};
    }
    TRY(const auto archive, archived_beginning(files, wal, {head.newest.store, head.newest.timeline},
                                               (*base)->chain.position(), archive_directory));
    auto found = archive.names().empty() ? nothing_archived(files, wal, head, how, archive_directory)
                                         : JoinedLog{files, wal, **base, archive_directory, archive}.read(head, how);
    // More may have been retired meanwhile.
    if (begin_of(public_works::read_log_base(files, wal)) == begin_of(base)) return found;
  }
}

}  // namespace symphainy::app
