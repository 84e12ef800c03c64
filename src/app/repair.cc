// SPDX-License-Identifier: Apache-2.0
#include "app/repair.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/log_proof.h"
#include "app/staged_directory.h"
#include "app/store_copy.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "runtime/wal_record.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;
using public_works::FollowedBatch;
using public_works::FollowedLog;
using public_works::OpenMode;

constexpr const char* kListName = "lost.ndjson";
constexpr std::size_t kRecordsShown = 1000;
constexpr std::size_t kPieceBytes = 1024 * 1024;

Json lost_record(const base::LogRecord& record) {
  const std::string_view name = runtime::record_name(record.type);
  Json json = Json::object({{"position", record.position},
                            {"tenant", record.tenant},
                            {"tenant_seq", record.tenant_seq},
                            {"type", name.empty() ? Json(record.type) : Json(name)}});
  if (!record.execution.is_nil()) json["execution_id"] = record.execution.text();
  return json;
}

// What can still be read behind the damage, in a file, and the beginning of it in the answer.
class LostRecords {
 public:
  explicit LostRecords(std::uint64_t kept) : kept_(kept) {}

  Result<void> write(FileSystem& files, const FollowedLog& followed, const std::string& path) {
    TRY(file_, files.open(path, OpenMode::create_new));
    TRY(bytes_,
        public_works::find_stray_batches(files, followed, [this](const base::LogBatch& batch) { return add(batch); }));
    TRY(flush());
    return file_->sync_data();
  }

  /// As a lost StoreRestored record tells them. Nothing proves it; it is as good as what stands beside it, since
  /// whoever asks about a timeline compares hashes too.
  [[nodiscard]] const std::vector<runtime::EarlierTimeline>& earlier() const noexcept { return named_.earlier(); }
  /// `head`: the position that the durable head knows, 0 when it cannot be read.
  [[nodiscard]] Json account(std::uint64_t head, const std::string& list) const {
    const std::uint64_t last = std::max(head, last_);
    Json lost = Json::object({{"bytes", bytes_},
                              {"list", list},
                              {"positions", last > kept_ ? last - kept_ : 0},
                              {"records", shown_},
                              {"records_found", found_}});
    if (last <= kept_) return lost;
    lost["first"] = kept_ + 1;
    lost["last"] = last;
    return lost;
  }

 private:
  Result<void> add(const base::LogBatch& batch) {
    if (batch.last_position() > kept_) static_cast<void>(named_.read_restored(batch));
    for (const base::LogRecord& record : batch.records) {
      if (record.position <= kept_) continue;
      last_ = std::max(last_, record.position);
      Json json = lost_record(record);
      pending_.append(json.dump()).push_back('\n');
      if (found_++ < kRecordsShown) shown_.push_back(std::move(json));
    }
    return pending_.size() < kPieceBytes ? Result<void>() : flush();
  }
  Result<void> flush() {
    TRY(file_->write_at(written_, pending_));
    written_ += pending_.size();
    pending_.clear();
    return {};
  }

  const std::uint64_t kept_;
  NamedByLog named_;
  std::unique_ptr<public_works::File> file_;
  std::string pending_;
  std::uint64_t written_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t found_ = 0;
  Json shown_ = Json::array();
};

// Taking the lock would make its file; where there is none, nobody holds it.
Result<std::unique_ptr<public_works::FileLock>> hold_still(FileSystem& files, const DataDirectory& directory) {
  TRY(const auto found, files.stat(directory.lock()));
  if (!found) return std::unique_ptr<public_works::FileLock>();
  auto lock = files.lock(directory.lock());
  if (lock) return lock;
  if (lock.error().code != ErrorCode::unavailable)
    return std::unique_ptr<public_works::FileLock>();  // read-only: nobody can work there
  return fail(ErrorCode::unavailable,
              fmt::format("another process owns the data directory {}; stop it before it is repaired", directory.root),
              "locked");
}

Result<Json> damage_of(const std::string& data_directory) {
  TRY(const Json verdict, verify_log(data_directory));
  if (const Json* damage = verdict.find("damage")) return *damage;
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("the log in {} is intact, there is nothing to repair; a tail that a crash has torn is cut when "
                  "it is opened",
                  data_directory),
      "intact");
}

struct KnownEnd {
  std::uint64_t position = 0;
  std::vector<public_works::HeadSlot> slots;
};

// What is left of the durable head, as far as it is this log's.
KnownEnd known_end(FileSystem& files, const std::string& wal, const public_works::LogIdentity& log) {
  KnownEnd known;
  const auto head = public_works::read_durable_head(files, wal);
  if (!head) return known;
  for (const public_works::HeadSlot& slot : head->slots) {
    if (slot.store != log.store || slot.timeline != log.timeline) continue;
    known.slots.push_back(slot);
    known.position = std::max(known.position, slot.position);
  }
  return known;
}

// One that is damaged, or another log's, is of no use: then only what is there from position 1 on can be proven, or
// what is behind a snapshot.
Result<std::optional<RetiredBeginning>> beginning_of(FileSystem& files, const DataDirectory& from,
                                                     const public_works::LogIdentity& log) {
  auto beginning = read_beginning(files, from);
  if (!beginning && beginning.error().code != ErrorCode::corrupt) return beginning;
  if (!beginning || !*beginning) return std::nullopt;
  const public_works::LogIdentity& told = (*beginning)->base.log;
  return told.store == log.store && told.timeline == log.timeline ? beginning : std::nullopt;
}

std::string text_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? std::string() : std::string(member->as_string().value_or(""));
}

// One new store, of what follows the place where it begins.
class Repair {
 public:
  Repair(FileSystem& files, const RepairOptions& options, const Json& damage)
      : files_(files), options_(options), from_{options.data_directory}, damage_(damage) {}

  // Of all the places to begin at, the one from which the log is sound the furthest; of several, the earliest. Another
  // one only when a store that begins there could not go on.
  Result<Json> run() {
    TRY(StagedDirectory::check(files_, options_.target, options_.data_directory));
    TRY(old_, public_works::read_identity(files_, from_.wal()));
    known_ = known_end(files_, from_.wal(), old_);
    TRY(const std::vector<Beginning> beginnings, sound_beginnings());
    std::optional<Error> refused;
    for (const Beginning& beginning : beginnings) {
      auto made = make(beginning.retired);
      if (made || made.error().reason != public_works::kHistoryRetired) return made;
      if (!refused) refused = std::move(made).error();
    }
    if (!refused) return std::unexpected(nothing_sound());
    refused->message = fmt::format("{}: {}; no store can be made of what is sound: {}", text_of(damage_, "segment"),
                                   text_of(damage_, "reason"), refused->message);
    return std::unexpected(*std::move(refused));
  }

 private:
  struct Beginning {
    std::optional<RetiredBeginning> retired;  // nothing: position 1
    std::uint64_t reach = 0;

    [[nodiscard]] std::uint64_t behind() const { return retired ? retired->base.chain.position() : 0; }
  };

  // Those that reach the furthest first, and of these the earliest.
  Result<std::vector<Beginning>> sound_beginnings() {
    std::vector<Beginning> sound;
    Beginning own;
    TRY(own.retired, beginning_of(files_, from_, old_));
    TRY(own.reach, reach_from(own.retired));
    if (own.reach > own.behind()) sound.push_back(std::move(own));
    TRY(auto others, beginnings_behind_snapshots(files_, from_, old_));
    for (RetiredBeginning& other : others) {
      Beginning beginning{std::move(other), 0};
      TRY(beginning.reach, reach_from(beginning.retired));
      if (is_confirmed(beginning)) sound.push_back(std::move(beginning));
    }
    std::ranges::sort(sound, {}, [](const Beginning& one) { return std::pair(UINT64_MAX - one.reach, one.behind()); });
    return sound;
  }

  [[nodiscard]] public_works::FollowOptions follow_from(const std::optional<RetiredBeginning>& beginning) const {
    public_works::FollowOptions how;
    how.store = old_.store;
    how.known = known_.slots;
    if (beginning) how.begin = beginning->base.chain;
    return how;
  }

  [[nodiscard]] Result<std::uint64_t> reach_from(const std::optional<RetiredBeginning>& beginning) const {
    TRY(const auto followed, public_works::follow_log(files_, from_.wal(), follow_from(beginning),
                                                      [](const FollowedBatch&) { return Result<void>(); }));
    return followed.chain.position();
  }

  // That the log was there once: by what follows, or by its head.
  [[nodiscard]] bool is_confirmed(const Beginning& beginning) const {
    const base::LogChain& chain = beginning.retired->base.chain;
    return beginning.reach > beginning.behind() ||
           std::ranges::any_of(known_.slots, [&chain](const public_works::HeadSlot& slot) {
             return slot.position == chain.position() && slot.store_hash == chain.store_hash();
           });
  }

  Result<Json> make(const std::optional<RetiredBeginning>& beginning) {
    TRY(StagedDirectory staged, StagedDirectory::create(files_, options_.target, options_.data_directory));
    const public_works::LogIdentity identity = forked(old_.store, clock_, random_);
    StoreCopy copy(files_, from_, {staged.path()}, identity);
    if (beginning) TRY(copy.begin_behind(*beginning));
    TRY(auto followed, public_works::follow_log(files_, from_.wal(), follow_from(beginning),
                                                [&](const FollowedBatch& next) { return copy.take(next); }));
    const std::uint64_t position = followed.chain.position();
    if (beginning) TRY(copy.take_snapshots(position));
    LostRecords lost(position);
    TRY(lost.write(files_, followed, staged.path() + "/" + kListName));
    TRY(copy.append(followed.chain,
                    {.kind = "repair",
                     .actor = options_.actor,
                     .reason = text_of(damage_, "reason"),
                     .timeline = {},
                     .earlier = lost.earlier().empty() ? copy.earlier() : lost.earlier()},
                    old_.timeline, clock_, random_));
    TRY(copy.finish());
    if (beginning) TRY(check_goes_on(files_, {staged.path()}));
    Json history;
    if (beginning) {
      TRY(history, history_lost(files_, from_, beginning->base));
    }
    TRY(staged.commit(CRASH_STEP("repair-directory")));
    Json account = lost.account(known_.position, staged.target() + "/" + kListName);
    account["events_left_behind"] = copy.events_left_behind();
    Json told = Json::object({{"damage", damage_},
                              {"directory", staged.target()},
                              {"from_timeline", old_.timeline.text()},
                              {"lost", std::move(account)},
                              {"missing", to_json(copy.missing())},
                              {"position", position},
                              {"store_id", old_.store.text()},
                              {"timeline", identity.timeline.text()}});
    if (!history.is_null()) told["history_lost"] = std::move(history);
    return told;
  }

  [[nodiscard]] Error nothing_sound() const {
    const Json* offset = damage_.find("offset");
    return Error{
        ErrorCode::corrupt,
        fmt::format("nothing in {} is sound: {} at offset {}: {}; restore a backup (`symphainy backup restore`)",
                    options_.data_directory, text_of(damage_, "segment"),
                    offset == nullptr ? 0 : offset->as_uint64().value_or(0), text_of(damage_, "reason")),
        "nothing_sound",
        {}};
  }

  FileSystem& files_;
  public_works::SystemClock clock_;
  public_works::SystemRandom random_;
  const RepairOptions& options_;
  const DataDirectory from_;
  const Json& damage_;
  public_works::LogIdentity old_;
  KnownEnd known_;
};

}  // namespace

Result<Json> repair_store(const RepairOptions& options) {
  public_works::PosixFileSystem files;
  const DataDirectory from{options.data_directory};
  TRY(refuse_backup(files, from));
  TRY(const Json damage, damage_of(options.data_directory));
  TRY(const auto lock, hold_still(files, from));
  return Repair(files, options, damage).run();
}

}  // namespace symphainy::app
