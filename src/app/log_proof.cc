// SPDX-License-Identifier: Apache-2.0
#include "app/log_proof.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <thread>

#include "app/archived_log.h"
#include "app/store_copy.h"
#include "app/store_reader.h"
#include "base/bytes.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "runtime/log_checkpoint.h"

namespace symphainy::app {
namespace {

using public_works::KnownHead;
using public_works::LogScan;
using public_works::OpenMode;

constexpr std::size_t kMaxTextBytes = 1024 * 1024;

public_works::ScanOptions all_processors() {
  return {.threads = std::max(1U, std::thread::hardware_concurrency()), .chain_at = 0, .from = 0, .visit = {}};
}

Json damage_json(const public_works::LogDamage& damage) {
  return Json::object({{"segment", damage.segment},
                       {"offset", damage.offset},
                       {"position", damage.position},
                       {"reason", damage.reason}});
}

// What was read of the log, in members.
Json account_of(const LogScan& scan, const KnownHead& head) {
  const std::uint64_t last = scan.chain.position();
  const std::uint64_t begin = scan.segments.empty() ? last + 1 : scan.segments.front().first_position;
  const std::uint64_t records = last + 1 - std::min(begin, last + 1);
  return Json::object({{"intact", !scan.damage},
                       {"records", records},
                       {"first", records == 0 ? 0 : begin},
                       {"last", last},
                       {"tenants", scan.chain.tenants().size()},
                       {"torn_tail_bytes", scan.torn_bytes},
                       {"head", Json::object({{"position", head.newest.position},
                                              {"store_hash", head.newest.store_hash.hex()},
                                              {"store_id", head.newest.store.text()},
                                              {"timeline", head.newest.timeline.text()}})}});
}

Json tenant_json(const std::string& tenant, const LogScan& scan) {
  Json chains = Json::array();
  for (const auto& [key, chain] : scan.chain.tenants()) {
    if (key.first != tenant) continue;
    chains.push_back(Json::object(
        {{"chain", chain.chain.hex()}, {"partition", static_cast<std::uint64_t>(key.second)}, {"records", chain.seq}}));
  }
  return Json::object({{"name", tenant}, {"chains", std::move(chains)}});
}

Json archive_json(std::uint64_t begins) {
  Json archive = Json::object({{"first", begins}});
  if (begins > 1) archive["note"] = fmt::format("it begins at position {}; what was before is not proven", begins);
  return archive;
}

Result<ArchivedScan> scan_asked(public_works::FileSystem& files, const std::string& wal, KnownHead& head,
                                const public_works::ScanOptions& how, const std::optional<std::string>& archive) {
  if (archive) return scan_archived(files, wal, head, how, *archive);
  TRY(LogScan scan, public_works::scan_log(files, wal, head, how));
  const bool every_tenant = knows_every_tenant(scan);
  return ArchivedScan{.scan = std::move(scan), .every_tenant_at = every_tenant};
}

std::string hex_of(const base::PublicKey& key) {
  return base::to_hex({key.data(), key.size()});
}

Result<runtime::LogCheckpoint> trusted_checkpoint(const std::string& text,
                                                  const std::optional<base::PublicKey>& signer) {
  TRY(const runtime::LogCheckpoint checkpoint, runtime::read_checkpoint(text));
  if (signer && *signer != checkpoint.public_key) {
    return fail(ErrorCode::corrupt, fmt::format("the checkpoint was signed with key {}, not with {}",
                                                hex_of(checkpoint.public_key), hex_of(*signer)));
  }
  return checkpoint;
}

// How far the log has the records of a timeline: all of its own, an earlier one's up to where it was left.
struct SharedTimeline {
  bool known = false;
  std::uint64_t position = UINT64_MAX;
};

Result<SharedTimeline> shared_with(public_works::FileSystem& files, const std::string& wal, const KnownHead& head,
                                   const base::Uuid& timeline) {
  if (timeline == head.newest.timeline) return SharedTimeline{.known = true};
  TRY(const auto timelines, earlier_timelines(files, wal, head.newest.store));
  for (const runtime::EarlierTimeline& earlier : timelines) {
    if (earlier.timeline == timeline) return SharedTimeline{true, earlier.position};
  }
  return SharedTimeline{};
}

// Why the log cannot come from the one that the checkpoint speaks of; empty when it can.
std::string other_history(const runtime::LogCheckpoint& checkpoint, const SharedTimeline& shared, const LogScan& scan,
                          const KnownHead& head) {
  if (checkpoint.store != head.newest.store) return "the checkpoint is of another store";
  if (!shared.known) return "the checkpoint is of a timeline that this log does not come from";
  if (checkpoint.position > shared.position) {
    return fmt::format(
        "the store was restored to position {} since: positions {} to {} of the checkpoint's timeline "
        "were given up",
        shared.position, shared.position + 1, checkpoint.position);
  }
  if (scan.chain.position() < checkpoint.position) {
    return fmt::format(
        "the log ends at position {}, but had reached {}: its end was cut off, or an older copy was put back",
        scan.chain.position(), checkpoint.position);
  }
  return {};
}

// Why nothing can be said of the checkpoint's position; empty when its chains can be compared.
std::string unknown_position(const runtime::LogCheckpoint& checkpoint, const ArchivedScan& read) {
  if (read.scan.base && checkpoint.position <= read.scan.base->chain.position()) {
    return fmt::format("position {} is retired history; the log begins at position {}: give its archive (--archive)",
                       checkpoint.position, read.scan.base->chain.position() + 1);
  }
  if (checkpoint.position < read.archive_begins) {
    return fmt::format("position {} is before position {}, where the archive begins; give one that reaches back to it",
                       checkpoint.position, read.archive_begins);
  }
  return {};
}

// What differs at the checkpoint's position; empty when nothing does.
std::string contradiction(const runtime::LogCheckpoint& checkpoint, const ArchivedScan& read, const KnownHead& head) {
  const auto& chain = read.scan.chain_at;
  if (!chain) return fmt::format("no batch ends at position {} any more", checkpoint.position);
  const runtime::LogCheckpoint here =
      runtime::checkpoint_of(*chain, {head.newest.store, head.newest.timeline}, checkpoint.created_us);
  if (here.store_hash != checkpoint.store_hash) return "the store's hash chain is another one at that position";
  const bool other_root = read.every_tenant_at && here.merkle_root != checkpoint.merkle_root;
  return other_root ? "the tenants' chains are others at that position" : "";
}

Result<Json> held_against(const runtime::LogCheckpoint& checkpoint, public_works::FileSystem& files,
                          const std::string& wal, const ArchivedScan& read, const KnownHead& head) {
  std::string reason = "the log is damaged";
  bool unknown = false;
  if (!read.scan.damage) {
    TRY(const SharedTimeline shared, shared_with(files, wal, head, checkpoint.timeline));
    reason = other_history(checkpoint, shared, read.scan, head);
    if (reason.empty()) {
      reason = unknown_position(checkpoint, read);
      unknown = !reason.empty();
    }
    if (reason.empty()) reason = contradiction(checkpoint, read, head);
  }
  Json said = Json::object({{"agrees", unknown ? Json() : Json(reason.empty())},
                            {"position", checkpoint.position},
                            {"public_key", hex_of(checkpoint.public_key)}});
  if (checkpoint.timeline != head.newest.timeline) said["earlier_timeline"] = checkpoint.timeline.text();
  if (!reason.empty()) said["reason"] = reason;
  if (reason.empty() && !read.every_tenant_at) {
    said["note"] =
        "the store's hash, into which every record goes, was compared; the tenants' chains were not, because those of "
        "tenants without a record in what was read are not known";
  }
  return said;
}

// The log's chain at its end, provided that it is intact.
struct SoundLog {
  std::unique_ptr<public_works::SegmentLog> log;
  base::LogChain chain;
};

struct Proof {
  public_works::PosixFileSystem files;
  public_works::SystemClock clock;
  public_works::SystemRandom random;

  Result<SoundLog> sound_log(const std::string& data_directory) {
    const std::string wal = DataDirectory{data_directory}.wal();
    TRY(KnownHead head, public_works::read_durable_head(files, wal));
    TRY(LogScan scan, public_works::scan_log(files, wal, head, all_processors()));
    if (scan.damage) return std::unexpected(scan.damage->to_error());
    if (scan.chain.position() == 0)
      return fail(ErrorCode::conflict, "the log is empty: there is nothing to speak of yet");
    SoundLog sound;
    TRY(sound.log, public_works::SegmentLog::open(files, clock, random, {.directory = wal, .read_only = true}));
    sound.chain = std::move(scan.chain);
    return sound;
  }
};

}  // namespace

Result<Json> verify_log(const std::string& data_directory, const VerifyOptions& options) {
  std::optional<runtime::LogCheckpoint> checkpoint;
  if (options.checkpoint) {
    TRY(checkpoint, trusted_checkpoint(*options.checkpoint, options.signer));
  }
  if (checkpoint && options.from.value_or(0) > checkpoint->position) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--from {} is beyond position {}, which the checkpoint (--against) speaks of; begin there "
                            "or before",
                            *options.from, checkpoint->position),
                "from_beyond_checkpoint");
  }
  public_works::PosixFileSystem files;
  const DataDirectory directory{data_directory};
  auto head = public_works::read_durable_head(files, directory.wal());
  if (!head && head.error().code == ErrorCode::corrupt) {
    return Json::object(
        {{"intact", false}, {"damage", damage_json({directory.wal() + "/head", 0, 0, head.error().message})}});
  }
  if (!head && head.error().code == ErrorCode::not_found) {
    const auto segments = public_works::segment_paths(files, directory.wal());
    if (segments && !segments->empty()) {
      return Json::object(
          {{"intact", false},
           {"damage",
            damage_json({directory.wal() + "/head", 0, 0, "it is missing although there are segments", {}})}});
    }
  }
  if (!head) return std::unexpected(head.error());
  public_works::ScanOptions how = all_processors();
  if (checkpoint) how.chain_at = checkpoint->position;
  how.from = options.from.value_or(0);
  TRY(const ArchivedScan read, scan_asked(files, directory.wal(), *head, how, options.archive));
  Json answer = account_of(read.scan, *head);
  if (read.archive_begins > 0) answer["archive"] = archive_json(read.archive_begins);
  if (read.scan.damage) {
    Json damage = damage_json(*read.scan.damage);
    if (read.damage_in_archive) damage["in_archive"] = true;
    answer["damage"] = std::move(damage);
  }
  if (options.tenant) answer["tenant"] = tenant_json(*options.tenant, read.scan);
  if (checkpoint) {
    TRY(Json said, held_against(*checkpoint, files, directory.wal(), read, *head));
    if (said.find("agrees")->as_bool() == false) answer["intact"] = false;
    answer["checkpoint"] = std::move(said);
  } else {
    answer["note"] = "without a checkpoint (--against) a log whose end was cut off cleanly looks intact";
  }
  return answer;
}

Result<std::string> make_checkpoint(const std::string& data_directory, const base::SigningKey& key) {
  Proof proof;
  TRY(const SoundLog sound, proof.sound_log(data_directory));
  return runtime::sign_checkpoint(runtime::checkpoint_of(sound.chain, sound.log->identity(), proof.clock.wall_us()),
                                  key);
}

Result<Json> export_tenant(const std::string& data_directory, const std::string& tenant, const base::SigningKey& key,
                           const std::string& path) {
  Proof proof;
  TRY(const SoundLog sound, proof.sound_log(data_directory));
  const std::string checkpoint =
      runtime::sign_checkpoint(runtime::checkpoint_of(sound.chain, sound.log->identity(), proof.clock.wall_us()), key);
  std::uint64_t lines = 0;
  if (path == "-") {
    TRY(runtime::write_bundle(*sound.log, sound.chain, checkpoint, tenant, [&](std::string_view line) -> Result<void> {
      ++lines;
      if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF) return {};
      return fail(ErrorCode::io_error, "cannot write to stdout");
    }));
  } else {
    TRY(const auto file, proof.files.open(path, OpenMode::create_new));
    std::uint64_t offset = 0;
    std::string pending;
    const auto flush = [&]() -> Result<void> {
      TRY(file->write_at(offset, pending));
      offset += pending.size();
      pending.clear();
      return {};
    };
    const auto written =
        runtime::write_bundle(*sound.log, sound.chain, checkpoint, tenant, [&](std::string_view line) -> Result<void> {
          ++lines;
          pending.append(line).append("\n");
          return pending.size() < kMaxTextBytes ? Result<void>() : flush();
        });
    if (!written) {
      TRY(proof.files.remove(path));
      return std::unexpected(written.error());
    }
    TRY(flush());
    TRY(file->sync_data());
  }
  return Json::object({{"tenant", tenant}, {"records", lines - 1}, {"position", sound.chain.position()}});
}

Result<Json> verify_bundle(const std::string& path, const VerifyOptions& options) {
  public_works::PosixFileSystem files;
  const auto there = files.stat(path);
  std::ifstream file(path, std::ios::binary);
  if (!there || !*there || (*there)->is_directory || !file) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot read {}; name a file that `symphainy wal export` wrote", path), "unreadable");
  }
  TRY(runtime::BundleReport report, runtime::check_bundle([&](std::string& line) -> Result<bool> {
        return static_cast<bool>(std::getline(file, line));
      }));
  if (report.damaged_line == 0 && options.signer && *options.signer != report.checkpoint.public_key) {
    report.damaged_line = 1;
    report.reason = fmt::format("the checkpoint was signed with key {}, not with {}",
                                hex_of(report.checkpoint.public_key), hex_of(*options.signer));
  }
  Json answer = Json::object({{"kind", "bundle"},
                              {"intact", report.damaged_line == 0},
                              {"tenant", report.tenant},
                              {"records", report.records},
                              {"position", report.checkpoint.position},
                              {"public_key", hex_of(report.checkpoint.public_key)}});
  if (report.damaged_line != 0) {
    answer["damage"] = Json::object({{"line", report.damaged_line}, {"reason", report.reason}});
  }
  if (!options.signer) {
    answer["note"] = "whose key signed it is not proven by the bundle itself; name the key you know with --public-key";
  }
  return answer;
}

// --- keys and files
// -----------------------------------------------------------------------------------------------------

Result<std::string> create_signing_key(const std::string& path) {
  public_works::PosixFileSystem files;
  const base::SigningKey key = base::SigningKey::create();
  std::string digits = hex_of(key.public_key());
  for (const auto& [name, content] : {std::pair(path, key.to_pem()), std::pair(path + ".pub", digits + "\n")}) {
    TRY(const auto file, files.open(name, OpenMode::create_new));
    TRY(file->write_at(0, content));
    TRY(file->sync_data());
  }
  return digits;
}

Result<std::string> read_text_file(const std::string& path) {
  public_works::PosixFileSystem files;
  std::string text;
  const auto file = files.open(path, OpenMode::read);
  const auto read = file ? (*file)->read_at(0, kMaxTextBytes, text) : std::unexpected(file.error());
  if (read) return text;
  return fail(ErrorCode::invalid_argument, fmt::format("cannot read {}: {}", path, read.error().message), "unreadable");
}

Result<base::SigningKey> read_signing_key(const std::string& path) {
  TRY(const std::string pem, read_text_file(path));
  auto key = base::SigningKey::from_pem(pem);
  if (!key) return fail(ErrorCode::invalid_argument, fmt::format("{}: {}", path, key.error().message));
  return key;
}

Result<base::PublicKey> read_public_key(const std::string& digits_or_path) {
  std::string digits = digits_or_path;
  if (!base::from_hex(digits) || digits.size() != 64) {
    TRY(digits, read_text_file(digits_or_path));
    digits.resize(std::min(digits.find('\n'), digits.size()));
  }
  const auto raw = base::from_hex(digits);
  base::PublicKey key{};
  if (!raw || raw->size() != key.size()) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("'{}' is neither a public key (64 hexadecimal digits) nor a file with one", digits_or_path));
  }
  std::ranges::copy(*raw, key.begin());
  return key;
}

}  // namespace symphainy::app
