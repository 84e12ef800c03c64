// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_base.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::string_view kMagic = "SYMPHBAS";
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kWindowBytes = 1024 * 1024;
// docs/formats/write-ahead-log.md, "Timelines".
constexpr std::uint16_t kStoreRestoredType = 4;
constexpr std::size_t kTypeOffset = 4;  // in a record's header

std::string path_in(const std::string& directory) {
  return directory + "/base";
}

std::unexpected<Error> not_whole(const std::string& path, std::string_view reason) {
  return fail(ErrorCode::corrupt, fmt::format("{}: {}", path, reason), "log_damaged");
}

std::unexpected<Error> broken(const std::string& path, std::uint64_t offset, std::string_view reason) {
  return fail(ErrorCode::corrupt, fmt::format("{}: offset {}: {}", path, offset, reason), "log_damaged");
}

Result<void> follow(base::BatchView& batch, LogBase& base) {
  TRY(base.chain.follow(batch, base.log.store));
  for (const base::RecordView& record : batch.records) {
    const auto type = base::load_integer<std::uint16_t>(record.header().data() + kTypeOffset);
    if (type == kStoreRestoredType && record.tenant() == base::kSystemTenant) base.restored = record.payload();
  }
  return {};
}

}  // namespace

std::string encode_log_base(const LogBase& content) {
  std::string bytes(kMagic);
  base::append_integer(bytes, kFormat);
  bytes.append(content.log.store.view()).append(content.log.timeline.view());
  content.chain.save(bytes);
  base::append_integer(bytes, static_cast<std::uint32_t>(content.restored.size()));
  bytes.append(content.restored);
  base::append_integer(bytes, base::crc32c(bytes));
  return bytes;
}

Result<LogBase> decode_log_base(const std::string& path, std::string_view bytes) {
  if (bytes.size() < kMagic.size() + sizeof(std::uint32_t) || !bytes.starts_with(kMagic)) {
    return not_whole(path, "this is not the beginning of a log");
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - sizeof(std::uint32_t));
  if (base::load_integer<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) {
    return not_whole(path, "the CRC-32C of the log's beginning does not match");
  }
  base::ByteReader reader(covered.substr(kMagic.size()));
  if (reader.integer<std::uint32_t>() != kFormat) return not_whole(path, "its format is a newer release's");
  LogBase content;
  content.log.store = base::Uuid::from_bytes(reader.bytes(16));
  content.log.timeline = base::Uuid::from_bytes(reader.bytes(16));
  content.chain = base::LogChain::restored(reader);
  content.restored = reader.bytes(reader.integer<std::uint32_t>());
  if (!reader.ok() || reader.remaining() != 0 || content.chain.position() == 0) {
    return not_whole(path, "the lengths in the log's beginning do not add up");
  }
  return content;
}

Result<void> write_log_base(FileSystem& files, const std::string& directory, const LogBase& content) {
  return replace_file(files, path_in(directory), encode_log_base(content), CRASH_STEP("log-base"));
}

Result<std::optional<LogBase>> read_log_base(FileSystem& files, const std::string& directory) {
  auto file = files.open(path_in(directory), OpenMode::read);
  if (!file && file.error().code == ErrorCode::not_found) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  TRY(const FileStat stat, (*file)->stat());
  std::string bytes;
  TRY((*file)->read_at(0, stat.size, bytes));
  return decode_log_base(path_in(directory), bytes);
}

Result<void> move_behind(FileSystem& files, const std::string& segment_path, LogBase& base, std::uint64_t until) {
  TRY(const auto file, files.open(segment_path, OpenMode::read));
  SequentialReader reader(*file, kWindowBytes);
  TRY(const std::string_view head, reader.at(0, kSegmentHeaderBytes));
  const auto header = SegmentHeader::decode(head);
  if (!header) return broken(segment_path, 0, header.error().message);
  const std::uint64_t wanted = base.chain.position() + 1;
  const bool other = header->first_position == wanted && header->previous_hash != base.chain.store_hash();
  if (header->first_position > wanted || other) {
    return broken(segment_path, 0, "the segment does not continue what is before it");
  }
  base::BatchView batch;
  std::uint64_t offset = kSegmentBatchesOffset;
  while (true) {
    TRY(const std::string_view first, reader.at(offset, base::kBatchHeaderBytes));
    if (first.empty()) return {};
    const auto next = base::peek_batch(first);
    if (!next && next.error().code == ErrorCode::not_found) return {};
    if (!next) return broken(segment_path, offset, next.error().message);
    if (next->first_position < wanted) {
      offset += next->length;
      continue;
    }
    if (next->first_position + next->count - 1 > until) return {};
    TRY(const std::string_view bytes, reader.at(offset, next->length));
    auto right = base::view_batch(bytes, batch);
    if (right) right = follow(batch, base);
    if (!right) return broken(segment_path, offset, right.error().message);
    offset += next->length;
  }
}

Error history_retired(const std::string& directory, std::uint64_t wanted, std::uint64_t first) {
  return Error{
      ErrorCode::not_found,
      fmt::format("{}: position {} is retired history; the log begins at position {}", directory, wanted, first),
      kHistoryRetired, Json::object({{"first_position", first}})};
}

}  // namespace symphainy::public_works
