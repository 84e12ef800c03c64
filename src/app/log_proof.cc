// SPDX-License-Identifier: Apache-2.0
#include "app/log_proof.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <thread>

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

// Why the log is not the one that the checkpoint speaks of; empty when it is.
std::string contradiction(const runtime::LogCheckpoint& checkpoint, const LogScan& scan, const KnownHead& head) {
  if (checkpoint.store != head.newest.store) return "the checkpoint is of another store";
  if (checkpoint.timeline != head.newest.timeline)
    return "the checkpoint is of another timeline: the store was restored";
  if (scan.chain.position() < checkpoint.position) {
    return fmt::format(
        "the log ends at position {}, but had reached {}: its end was cut off, or an older copy was put back",
        scan.chain.position(), checkpoint.position);
  }
  if (!scan.chain_at) return fmt::format("no batch ends at position {} any more", checkpoint.position);
  const runtime::LogCheckpoint here =
      runtime::checkpoint_of(*scan.chain_at, {head.newest.store, head.newest.timeline}, checkpoint.created_us);
  if (here.store_hash != checkpoint.store_hash) return "the store's hash chain is another one at that position";
  if (here.merkle_root != checkpoint.merkle_root) return "the tenants' chains are others at that position";
  return {};
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
  TRY(const LogScan scan, public_works::scan_log(files, directory.wal(), *head, how));
  const std::uint64_t last = scan.chain.position();
  const std::uint64_t first = scan.segments.empty() ? 0 : std::min(last, scan.segments.front().first_position);
  Json answer = Json::object({{"intact", !scan.damage},
                              {"records", last == 0 ? 0 : last - first + 1},
                              {"first", first},
                              {"last", last},
                              {"tenants", scan.chain.tenants().size()},
                              {"torn_tail_bytes", scan.torn_bytes},
                              {"head", Json::object({{"position", head->newest.position},
                                                     {"store_hash", head->newest.store_hash.hex()},
                                                     {"store_id", head->newest.store.text()},
                                                     {"timeline", head->newest.timeline.text()}})}});
  if (scan.damage) answer["damage"] = damage_json(*scan.damage);
  if (options.tenant) {
    Json chains = Json::array();
    for (const auto& [key, chain] : scan.chain.tenants()) {
      if (key.first != *options.tenant) continue;
      chains.push_back(Json::object({{"chain", chain.chain.hex()},
                                     {"partition", static_cast<std::uint64_t>(key.second)},
                                     {"records", chain.seq}}));
    }
    answer["tenant"] = Json::object({{"name", *options.tenant}, {"chains", std::move(chains)}});
  }
  if (checkpoint) {
    const std::string reason = scan.damage ? "the log is damaged" : contradiction(*checkpoint, scan, *head);
    Json said = Json::object({{"agrees", reason.empty()},
                              {"position", checkpoint->position},
                              {"public_key", hex_of(checkpoint->public_key)}});
    if (!reason.empty()) {
      said["reason"] = reason;
      answer["intact"] = false;
    }
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
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorCode::not_found, fmt::format("cannot read {}", path));
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
  TRY(const auto file, files.open(path, OpenMode::read));
  std::string text;
  TRY(file->read_at(0, kMaxTextBytes, text));
  return text;
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
