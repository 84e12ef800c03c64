// SPDX-License-Identifier: Apache-2.0
#include "app/store_copy.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/staged_directory.h"
#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/event_mark.h"
#include "public_works/adapters/sqlite/sqlite_snapshot.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::app {
namespace {

using public_works::File;
using public_works::FileSystem;
using public_works::OpenMode;
using public_works::StreamName;
using runtime::RecordType;

constexpr std::size_t kPieceBytes = 1024 * 1024;
constexpr std::string_view kStreamSuffix = ".ndjson";

std::optional<base::Digest> parse_digest(std::string_view hex) {
  const auto raw = base::from_hex(hex);
  base::Digest digest;
  if (!raw || raw->size() != digest.bytes.size()) return std::nullopt;
  std::ranges::copy(*raw, digest.bytes.begin());
  return digest;
}

// Gives a file's whole lines; what stands behind the last line end is a crash's, or just being written.
class Lines {
 public:
  explicit Lines(const File& file) : file_(file) {}

  /// Without its end; nothing at the file's end. Valid until the next call.
  Result<std::optional<std::string_view>> next() {
    std::size_t end = 0;
    while ((end = buffer_.find('\n', begin_)) == std::string::npos) {
      buffer_.erase(0, begin_);
      offset_ += begin_;
      begin_ = 0;
      TRY(file_.read_at(offset_ + buffer_.size(), kPieceBytes, piece_));
      if (piece_.empty()) return std::nullopt;
      buffer_.append(piece_);
    }
    start_ = offset_ + begin_;
    const std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
    begin_ = end + 1;
    return line;
  }
  [[nodiscard]] std::uint64_t start() const noexcept { return start_; }  ///< of the line given last

 private:
  const File& file_;
  std::string buffer_;  // of the file, from offset_ on
  std::string piece_;
  std::uint64_t offset_ = 0;
  std::size_t begin_ = 0;  // in buffer_, of the next line
  std::uint64_t start_ = 0;
};

// A stream's file up to the log's end.
class StreamCut {
 public:
  StreamCut(const NamedByLog::StreamEnd& end, std::string store) : end_(end), store_(std::move(store)) {}

  /// Why the stream cannot be gone on with; empty when it can.
  Result<std::string> copy(const File& source, File& target) {
    Lines lines(source);
    while (true) {
      TRY(const auto line, lines.next());
      if (!line) break;
      const auto mark = public_works::read_event_mark(*line);
      if (!mark) return fmt::format("the line at offset {} is no event: {}", lines.start(), mark.error().message);
      if (mark->store_id != store_) return fmt::format("the event at offset {} is of another store", lines.start());
      if (mark->sequence > end_.sequence) {
        ++left_behind;
        continue;
      }
      if (mark->sequence == end_.sequence && mark->event_id != end_.event_id) {
        return fmt::format("the event at offset {} is not the one that the log knows as {}", lines.start(),
                           mark->sequence);
      }
      TRY(add(*line, target));
    }
    TRY(flush(target));
    TRY(target.sync_data());
    return std::string();
  }

  std::uint64_t kept = 0;
  std::uint64_t left_behind = 0;

 private:
  Result<void> add(std::string_view line, File& target) {
    ++kept;
    pending_.append(line).push_back('\n');
    return pending_.size() < kPieceBytes ? Result<void>() : flush(target);
  }
  Result<void> flush(File& target) {
    TRY(target.write_at(written_, pending_));
    written_ += pending_.size();
    pending_.clear();
    return {};
  }

  const NamedByLog::StreamEnd& end_;
  const std::string store_;
  std::string pending_;
  std::uint64_t written_ = 0;
};

}  // namespace

Json to_json(const std::vector<MissingFile>& missing) {
  Json list = Json::array();
  for (const MissingFile& one : missing) {
    list.push_back(Json::object({{"path", one.path}, {"reason", one.reason}}));
  }
  return list;
}

public_works::LogIdentity forked(const base::Uuid& store, public_works::Clock& clock, public_works::Random& random) {
  std::array<char, 16> noise{};
  random.fill(noise);
  return {store, base::make_uuid_v7(clock.wall_us(), {noise.data(), noise.size()})};
}

// --- what the log names
// -------------------------------------------------------------------------------------------------

Result<void> NamedByLog::read(const base::LogBatch& batch,
                              const std::function<Result<void>(const Artifact&)>& artifact) {
  TRY(read_restored(batch));
  for (const base::LogRecord& record : batch.records) {
    if (static_cast<RecordType>(record.type) == RecordType::events_queued) TRY(read_events(record));
    if (static_cast<RecordType>(record.type) != RecordType::artifacts_handled) continue;
    TRY(const Json payload, Json::parse(record.payload));
    runtime::Payload members(payload);
    Result<void> outcome;
    runtime::for_each_item(members.array("artifacts"), [&](const Json& item, std::uint32_t) {
      if (!outcome || item.find("content") != nullptr) return;
      runtime::Payload one(item);
      const auto digest = parse_digest(one.text("digest"));
      const std::uint64_t size = one.number("size");
      outcome = one.complete(record);
      if (outcome && digest) outcome = artifact({*digest, size});
    });
    TRY(std::move(outcome));
    TRY(members.complete(record));
  }
  return {};
}

Result<void> NamedByLog::begin_behind(std::string_view restored, std::uint64_t position) {
  if (restored.empty()) return {};
  TRY(runtime::StoreRestored last, runtime::parse_store_restored(restored, position));
  earlier_ = std::move(last.earlier);
  return {};
}

Result<void> NamedByLog::read_snapshot(const std::string& database,
                                       const std::function<Result<void>(const Artifact&)>& artifact) {
  TRY(public_works::read_stream_ends(database, [this](const public_works::StreamEnd& end) -> Result<void> {
    streams_.try_emplace({end.tenant, end.topic}, end.sequence, end.event_id);
    return {};
  }));
  return public_works::read_artifact_digests(database, [&artifact](std::string_view hex) -> Result<void> {
    const auto digest = parse_digest(hex);
    return digest ? artifact({*digest, std::nullopt}) : Result<void>();
  });
}

Result<void> NamedByLog::read_restored(const base::LogBatch& batch) {
  for (const base::LogRecord& record : batch.records) {
    if (!runtime::is_store_restored(record)) continue;
    TRY(runtime::StoreRestored restored, runtime::read_store_restored(record));
    earlier_ = std::move(restored.earlier);
  }
  return {};
}

Result<void> NamedByLog::read_events(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  runtime::Payload members(payload);
  Result<void> outcome;
  runtime::for_each_item(members.array("events"), [&](const Json& item, std::uint32_t) {
    runtime::Payload event(item);
    streams_[{record.tenant, event.text("topic")}] = {event.number("sequence"), event.text("event_id")};
    if (outcome) outcome = event.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<std::vector<runtime::EarlierTimeline>> earlier_timelines(FileSystem& files, const std::string& wal,
                                                                const base::Uuid& store) {
  NamedByLog named;
  public_works::FollowOptions how;
  how.store = store;
  TRY(const auto base, public_works::read_log_base(files, wal));
  if (base) {
    TRY(named.begin_behind(base->restored, base->chain.position()));
    how.begin = base->chain;
  }
  TRY(public_works::follow_log(
      files, wal, how, [&named](const public_works::FollowedBatch& next) { return named.read_restored(next.batch); }));
  return named.earlier();
}

// --- the copy
// -----------------------------------------------------------------------------------------------------------

StoreCopy::StoreCopy(FileSystem& files, DataDirectory from, DataDirectory to, public_works::LogIdentity identity)
    : files_(files),
      from_(std::move(from)),
      to_(std::move(to)),
      identity_(identity),
      log_(files, to_.wal(), identity) {}

Result<void> StoreCopy::begin_behind(const RetiredBeginning& beginning) {
  beginning_ = beginning;
  const base::LogChain& chain = beginning.base.chain;
  note_reached(chain.position(), chain.store_hash());
  TRY(named_.begin_behind(beginning.base.restored, beginning.base.chain.position()));
  return log_.begin_behind(beginning.base);
}

Result<void> StoreCopy::take(const public_works::FollowedBatch& next) {
  TRY(log_.add(next));
  if (beginning_) note_reached(next.batch.last_position(), next.batch.store_hash);
  return named_.read(next.batch, [this](const NamedByLog::Artifact& artifact) { return take_artifact(artifact); });
}

void StoreCopy::note_reached(std::uint64_t position, const base::Digest& store_hash) {
  std::ranges::copy_if(beginning_->snapshots, std::back_inserter(reached_), [&](const Snapshot& snapshot) {
    return snapshot.position == position && snapshot.store_hash == store_hash;
  });
}

Result<void> StoreCopy::take_artifact(const NamedByLog::Artifact& artifact) {
  if (!places_) {
    TRY(places_, public_works::FilesystemArtifactStore::open(files_, from_.artifacts(),
                                                             public_works::ArtifactAccess::read_only));
  }
  const std::string place = "/" + places_->location(artifact.digest);
  const std::string to = to_.artifacts() + place;
  TRY(const auto copied_before, files_.stat(to));
  if (copied_before || missing_artifacts_.contains(place)) return {};
  const auto source = files_.open(from_.artifacts() + place, OpenMode::read);
  if (!source && source.error().code != ErrorCode::not_found) return std::unexpected(source.error());
  std::string reason = "there is no such file";
  if (source) {
    TRY(make_directory(parent_of(to)));
    TRY(const FileDigest copied, copy_content(files_, **source, to));
    if (copied.sha256 == artifact.digest && copied.size == artifact.size.value_or(copied.size)) {
      ++artifacts_;
      return {};
    }
    TRY(files_.remove(to));
    reason = "its content is not what its name says: it is damaged";
  }
  missing_artifacts_.insert(place);
  miss("artifacts" + place, std::move(reason));
  return {};
}

Result<void> StoreCopy::take_snapshots(std::uint64_t position) {
  const Snapshots copies(files_, to_);
  const public_works::LogIdentity& from = beginning_->base.log;
  std::ranges::sort(reached_, std::ranges::greater(), &Snapshot::position);
  for (const Snapshot& snapshot : reached_) {
    const auto copied = copies.adopt(snapshot, from, identity_);
    if (copied) {
      snapshots_.push_back(*copied);
      continue;
    }
    if (!is_no_use(copied.error())) return std::unexpected(copied.error());
    spdlog::warn("passing over the snapshot {}: {}", snapshot.path, copied.error().message);
    TRY(copies.remove(snapshot.position));
  }
  if (snapshots_.empty()) return std::unexpected(no_snapshot(*beginning_, from_, position));
  return named_.read_snapshot(snapshots_.front().path,
                              [this](const NamedByLog::Artifact& artifact) { return take_artifact(artifact); });
}

Result<void> StoreCopy::append(base::LogChain& chain, runtime::StoreRestored restored, const base::Uuid& from,
                               public_works::Clock& clock, public_works::Random& random) {
  restored.timeline = identity_.timeline;
  restored.earlier = runtime::timelines_up_to(chain.position(), std::move(restored.earlier), from);
  base::RecordDraft draft =
      runtime::draft_record(RecordType::store_restored, std::string(base::kSystemTenant), restored.payload());
  draft.partition_epoch = chain.epoch() + 1;
  return log_.append(chain, {std::move(draft)}, clock.wall_us(), random);
}

Result<void> StoreCopy::finish() {
  CRASH_POINT("copy-before-streams");
  TRY(copy_streams());
  CRASH_POINT("copy-before-directory-syncs");
  for (const std::string& directory : directories_) TRY(files_.sync_directory(directory));
  return log_.finish();
}

Result<void> StoreCopy::copy_streams() {
  TRY(const auto found, files_.stat(from_.events()));
  if (!found) return {};
  TRY(const auto tenants, files_.list(from_.events()));
  for (const std::string& tenant : tenants) {
    TRY(const auto directory, files_.stat(from_.events() + "/" + tenant));
    if (!directory || !directory->is_directory) continue;
    TRY(const auto names, files_.list(from_.events() + "/" + tenant));
    for (const std::string& name : names) {
      if (!name.ends_with(kStreamSuffix)) continue;
      TRY(copy_stream({tenant, name.substr(0, name.size() - kStreamSuffix.size())}));
    }
  }
  return {};
}

Result<void> StoreCopy::copy_stream(const StreamName& name) {
  const std::string place = fmt::format("/{}/{}{}", name.tenant, name.topic, kStreamSuffix);
  const auto known = named_.streams().find(name);
  const NamedByLog::StreamEnd end = known == named_.streams().end() ? NamedByLog::StreamEnd{} : known->second;
  TRY(const auto source, files_.open(from_.events() + place, OpenMode::read));
  const std::string to = to_.events() + place;
  TRY(make_directory(parent_of(to)));
  TRY(const auto target, files_.open(to, OpenMode::create_new));
  StreamCut cut(end, identity_.store.text());
  TRY(std::string reason, cut.copy(*source, *target));
  events_left_behind_ += cut.left_behind;
  if (reason.empty()) events_ += cut.kept;
  if (!reason.empty() || cut.kept == 0) TRY(files_.remove(to));
  if (!reason.empty()) miss("events" + place, std::move(reason));
  return {};
}

Result<void> StoreCopy::make_directory(const std::string& path) {
  if (directories_.insert(path).second) TRY(files_.create_directories(path));
  return {};
}

}  // namespace symphainy::app
