// SPDX-License-Identifier: Apache-2.0
#include "app/snapshots.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/local_store.h"
#include "app/manifest_members.h"
#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/time.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"
#include "public_works/adapters/sqlite/sqlite_snapshot.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::EventLog;
using public_works::FileSystem;
using public_works::LogIdentity;
using public_works::OpenMode;
using public_works::SqliteStateStore;

constexpr std::uint64_t kFormat = 2;
constexpr std::uint64_t kFormatWithoutBase = 1;
constexpr std::string_view kKind = "symphainy.snapshot";
constexpr const char* kDamaged = "snapshot_damaged";
constexpr std::size_t kPieceBytes = 1024 * 1024;
constexpr std::size_t kMaxManifestBytes = 64 * 1024;
constexpr std::size_t kNameDigits = 20;
// Between two looks at whether to stop: about a second's folding.
constexpr std::uint64_t kPositionsAtOnce = 500'000;

std::string name_of(std::uint64_t position) {
  return fmt::format("{:020}", position);
}

Json manifest_json(const Snapshot& snapshot, const LogIdentity& log) {
  Json json = Json::object({{"created_at", base::format_time(snapshot.created_us)},
                            {"format", snapshot.base ? kFormat : kFormatWithoutBase},
                            {"kind", kKind},
                            {"position", snapshot.position},
                            {"sha256", snapshot.digest.sha256.hex()},
                            {"size", snapshot.digest.size},
                            {"store", log.store.text()},
                            {"store_hash", snapshot.store_hash.hex()},
                            {"timeline", log.timeline.text()}});
  if (!snapshot.base) return json;
  json["base"] = Json::object({{"sha256", snapshot.base->sha256.hex()}, {"size", snapshot.base->size}});
  return json;
}

// Nothing unless it is, to the byte, what would be written of what it says, for this log and under this name.
std::optional<Snapshot> read_manifest(const std::string& text, std::uint64_t position, const LogIdentity& log) {
  const auto json = Json::parse(text);
  if (!json) return std::nullopt;
  Snapshot snapshot;
  snapshot.position = position;
  snapshot.created_us = base::parse_time(text_member(*json, "created_at")).value_or(0);
  snapshot.digest = {digest_member(*json, "sha256"), number_member(*json, "size")};
  snapshot.store_hash = digest_member(*json, "store_hash");
  if (const Json* base = json->find("base")) {
    snapshot.base = {digest_member(*base, "sha256"), number_member(*base, "size")};
  }
  if (manifest_json(snapshot, log).dump() + "\n" != text) return std::nullopt;
  return snapshot;
}

std::optional<std::uint64_t> position_in(std::string_view name, std::string_view suffix) {
  if (name.size() != kNameDigits + suffix.size() || !name.ends_with(suffix)) return std::nullopt;
  std::uint64_t position = 0;
  const char* end = name.data() + kNameDigits;
  const auto [stopped, error] = std::from_chars(name.data(), end, position);
  return error == std::errc{} && stopped == end ? std::optional(position) : std::nullopt;
}

Result<std::string> read_text(FileSystem& files, const std::string& path) {
  TRY(const auto file, files.open(path, OpenMode::read));
  std::string text;
  TRY(file->read_at(0, kMaxManifestBytes, text));
  return text;
}

}  // namespace

// What is wrong with the log has a reason of its own.
bool is_no_use(const Error& error) {
  const bool damaged = error.code == ErrorCode::corrupt && (error.reason.empty() || error.reason == kDamaged);
  return damaged || error.code == ErrorCode::not_found || error.reason == "schema_version";
}

std::unexpected<Error> snapshot_damaged(const Snapshot& snapshot, std::string_view reason) {
  return fail(ErrorCode::corrupt, fmt::format("snapshot {}: {}", snapshot.path, reason), kDamaged);
}

std::string history_lock(const DataDirectory& directory) {
  return directory.root + "/history.lock";
}

Result<std::vector<Snapshot>> Snapshots::list(const EventLog& log) const {
  return list(log.identity());
}

Result<std::vector<Snapshot>> Snapshots::list(const public_works::LogIdentity& log) const {
  std::vector<Snapshot> found;
  TRY(const auto there, files_.stat(directory_.snapshots()));
  if (!there) return found;
  TRY(const auto names, files_.list(directory_.snapshots()));
  for (const std::string& name : names) {
    const auto position = position_in(name, ".json");
    if (!position) continue;
    const auto text = read_text(files_, directory_.snapshots() + "/" + name);
    if (!text && text.error().code == ErrorCode::not_found) continue;  // its owner took another one meanwhile
    if (!text) return std::unexpected(text.error());
    auto snapshot = read_manifest(*text, *position, log);
    if (!snapshot) continue;
    snapshot->path = directory_.snapshots() + "/" + name_of(*position) + ".db";
    found.push_back(*std::move(snapshot));
  }
  std::ranges::reverse(found);
  return found;
}

Result<void> Snapshots::check_database(const Snapshot& snapshot, const public_works::LogIdentity& log) const {
  TRY(const FileDigest digest, digest_of(files_, snapshot.path));
  if (digest.size != snapshot.digest.size || digest.sha256 != snapshot.digest.sha256) {
    return snapshot_damaged(snapshot, "its SHA-256 is not the one that its .json says");
  }
  TRY(const auto copy, public_works::check_state_copy(snapshot.path));
  if (copy.position != snapshot.position || copy.origin != state_origin(log)) {
    return snapshot_damaged(snapshot, "it is of another log or position than its .json says");
  }
  return {};
}

Result<void> Snapshots::verify(const Snapshot& snapshot, const EventLog& log) const {
  TRY(check_database(snapshot, log.identity()));
  if (snapshot.position > log.durable_position()) return snapshot_damaged(snapshot, "it is beyond the log's end");
  TRY(const base::Digest store_hash, store_hash_at(log, snapshot.position));
  if (store_hash != snapshot.store_hash) return snapshot_damaged(snapshot, "the log is another one at its position");
  return {};
}

Result<std::optional<Snapshot>> Snapshots::newest_good(const EventLog& log) const {
  TRY(const auto candidates, list(log));
  for (const Snapshot& snapshot : candidates) {
    const auto good = verify(snapshot, log);
    if (good) return snapshot;
    spdlog::warn("passing over a snapshot: {}", good.error().message);
  }
  return std::nullopt;
}

Result<std::vector<Snapshot>> Snapshots::good(const EventLog& log) const {
  TRY(const auto candidates, list(log));
  std::vector<Snapshot> found;
  for (const Snapshot& snapshot : candidates) {
    const auto right = verify(snapshot, log);
    if (right) {
      found.push_back(snapshot);
      continue;
    }
    if (!is_no_use(right.error())) return std::unexpected(right.error());
    spdlog::warn("passing over a snapshot: {}", right.error().message);
  }
  return found;
}

Result<std::optional<Snapshot>> Snapshots::take(const EventLog& log, public_works::Clock& clock, std::uint64_t until,
                                                const std::function<bool()>& stopped) {
  TRY(files_.create_directories(directory_.snapshots()));
  TRY(auto kept, good(log));
  until = std::min(until, log.durable_position());
  if ((kept.empty() ? 0 : kept.front().position) >= until) {
    if (kept.size() >= kKept) TRY(remove_others(kept));
    return std::nullopt;
  }
  TRY(const bool folded, fold(log, kept.empty() ? std::nullopt : std::optional(kept.front()), until, stopped));
  if (!folded) return std::nullopt;
  const std::string unfinished = directory_.snapshots() + "/unfinished.db";
  TRY(files_.remove(unfinished));
  TRY(const auto file, files_.open(unfinished, OpenMode::create));  // SQLite would make it readable by everybody
  TRY(public_works::copy_state(fold_path(), unfinished));
  CRASH_POINT("snapshot-before-sync");
  TRY(file->sync_data());
  CRASH_POINT("snapshot-after-sync");
  TRY(remove_fold());
  TRY(const auto copy, public_works::check_state_copy(unfinished));
  Snapshot snapshot;
  snapshot.position = copy.position;
  snapshot.path = directory_.snapshots() + "/" + name_of(copy.position) + ".db";
  snapshot.created_us = clock.wall_us();
  TRY(const auto chains, chains_of(log, kept, copy.position, stopped));
  if (!chains) return std::nullopt;
  snapshot.store_hash = chains->store_hash;
  TRY(snapshot.digest, digest_of(files_, unfinished));
  CRASH_POINT("snapshot-before-rename");
  TRY(files_.rename(unfinished, snapshot.path));
  CRASH_POINT("snapshot-after-rename");
  if (chains->base) TRY(write_base(snapshot, *chains->base));
  TRY(write_manifest(snapshot, log.identity()));
  kept.insert(kept.begin(), snapshot);
  TRY(remove_others(kept));
  return snapshot;
}

// Into the database at fold_path(); false when it was stopped.
Result<bool> Snapshots::fold(const EventLog& log, const std::optional<Snapshot>& from, std::uint64_t until,
                             const std::function<bool()>& stopped) const {
  if (!from && log.first_position() > 1) {
    return fail(ErrorCode::corrupt,
                fmt::format("no snapshot in {} is good, and the log begins at position {}, so none can be made of it; "
                            "put the archived segments or the snapshots back (docs/guides/retention.md)",
                            directory_.snapshots(), log.first_position()),
                kDamaged);
  }
  TRY(remove_fold());
  if (from) {
    TRY(copy_to(*from, fold_path()));
  } else {
    TRY(files_.open(fold_path(), OpenMode::create));  // as in take()
  }
  TRY(const auto state,
      SqliteStateStore::open(fold_path(), SqliteStateStore::Mode::read_write, state_origin(log.identity())));
  for (std::uint64_t next = from ? from->position : 0; next < until;) {
    if (stopped && stopped()) return false;
    next += std::min(until - next, kPositionsAtOnce);
    TRY(runtime::fold_log(log, *state, next));
  }
  return true;
}

Result<void> Snapshots::remove_fold() const {
  for (const char* suffix : {"", "-wal", "-shm", ".unfinished"}) TRY(files_.remove(fold_path() + suffix));
  return {};
}

// Durable when it succeeds, and so is the database's name.
Result<void> Snapshots::write_manifest(const Snapshot& snapshot, const public_works::LogIdentity& log) const {
  TRY(files_.sync_directory(directory_.snapshots()));
  return replace_file(files_, directory_.snapshots() + "/" + name_of(snapshot.position) + ".json",
                      manifest_json(snapshot, log).dump() + "\n", CRASH_STEP("snapshot-manifest"));
}

// All but the first two of these; what says what a snapshot is goes first. A backup copies those that it found when it
// began, so while one is being taken they all stay.
Result<void> Snapshots::remove_others(std::vector<Snapshot> kept) const {
  kept.resize(std::min(kept.size(), kKept));
  const auto lock = files_.lock(history_lock(directory_));
  if (!lock && lock.error().code == ErrorCode::unavailable) return {};
  if (!lock) return std::unexpected(lock.error());
  TRY(auto names, files_.list(directory_.snapshots()));
  std::ranges::partition(names, [](const std::string& name) { return name.ends_with(".json"); });
  for (const std::string& name : names) {
    const bool wanted = std::ranges::any_of(kept, [&](const Snapshot& snapshot) {
      const std::string stem = name_of(snapshot.position);
      return name == stem + ".db" || name == stem + ".json" || (name == stem + ".base" && snapshot.base);
    });
    if (wanted) continue;
    CRASH_POINT("snapshot-before-removal");
    TRY(files_.remove(directory_.snapshots() + "/" + name));
  }
  CRASH_POINT("snapshot-removals-before-sync");
  return files_.sync_directory(directory_.snapshots());
}

Result<void> Snapshots::copy_to(const Snapshot& snapshot, const std::string& path) const {
  TRY(const auto source, files_.open(snapshot.path, OpenMode::read));
  const std::string unfinished = path + ".unfinished";
  TRY(const auto target, files_.open(unfinished, OpenMode::create));
  TRY(target->truncate(0));
  std::string piece;
  for (std::uint64_t offset = 0; offset < snapshot.digest.size; offset += piece.size()) {
    TRY(source->read_at(offset, kPieceBytes, piece));
    if (piece.empty()) return snapshot_damaged(snapshot, "it ends early");
    TRY(target->write_at(offset, piece));
  }
  CRASH_POINT("snapshot-copy-before-sync");
  TRY(target->sync_data());
  CRASH_POINT("snapshot-copy-before-rename");
  TRY(files_.rename(unfinished, path));
  CRASH_POINT("snapshot-copy-after-rename");
  const std::size_t slash = path.rfind('/');
  return files_.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

Result<void> Snapshots::remove(std::uint64_t position) const {
  const std::string path = directory_.snapshots() + "/" + name_of(position);
  for (const char* suffix : {".json", ".json.new", ".base", ".db", ".db.unfinished"}) TRY(files_.remove(path + suffix));
  return files_.sync_directory(directory_.snapshots());
}

Result<Snapshot> Snapshots::adopt(const Snapshot& other, const public_works::LogIdentity& from,
                                  const public_works::LogIdentity& own) const {
  TRY(files_.create_directories(directory_.snapshots()));
  Snapshot snapshot = other;
  snapshot.path = directory_.snapshots() + "/" + name_of(other.position) + ".db";
  TRY(copy_to(other, snapshot.path));
  TRY(check_database(snapshot, from));
  if (state_origin(own) != state_origin(from)) {
    TRY(public_works::change_origin(snapshot.path, state_origin(own)));
    TRY(snapshot.digest, digest_of(files_, snapshot.path));
  }
  TRY(adopt_base(snapshot, other, from, own));
  TRY(write_manifest(snapshot, own));
  return snapshot;
}

}  // namespace symphainy::app
