// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/filesystem/ndjson_event_publisher.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/event_mark.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kScanBytes = 64 * 1024;
// No more than this (or one longer line) is written between two syncs: a power loss only harms the last such part.
constexpr std::size_t kUnsyncedBytes = 1024 * 1024;

// The offset after the last newline below `end`; 0 when there is none.
Result<std::uint64_t> line_start_before(const File& file, std::uint64_t end) {
  std::string piece;
  while (end > 0) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, kScanBytes);
    TRY(file.read_at(begin, static_cast<std::size_t>(end - begin), piece));
    const std::size_t newline = piece.rfind('\n');
    if (newline != std::string::npos) return begin + newline + 1;
    end = begin;
  }
  return std::uint64_t{0};
}

// Where zeros begin among the bytes that may not have been synced: a power loss can keep a file's size and lose pages
// in its middle, and a line of JSON holds no zeros.
Result<std::uint64_t> end_of_text(const File& file, std::uint64_t size) {
  const std::uint64_t begin = size - std::min<std::uint64_t>(size, kUnsyncedBytes);
  std::string tail;
  TRY(file.read_at(begin, static_cast<std::size_t>(size - begin), tail));
  const std::size_t zero = tail.find('\0');
  return zero == std::string::npos ? size : begin + zero;
}

}  // namespace

NdjsonEventPublisher::NdjsonEventPublisher(FileSystem& files, std::string root, std::size_t max_open_files)
    : files_(files), root_(std::move(root)), max_open_files_(max_open_files) {
  CHECK(max_open_files > 0);
}

Result<std::optional<HighWaterMark>> NdjsonEventPublisher::high_water_mark(const StreamName& stream) {
  TRY(check_stream_name(stream));
  const Result<Stream*> touched = touch(stream, OpenMode::read_write);
  if (touched) return (*touched)->mark;
  if (touched.error().code == ErrorCode::not_found) return std::nullopt;
  return std::unexpected(touched.error());
}

Result<void> NdjsonEventPublisher::publish(const StreamName& stream, std::span<const OutgoingEvent> events) {
  TRY(check_stream_name(stream));
  if (events.empty()) return {};
  // Judged before anything is written: a line that could not be read back as a mark would block the stream.
  TRY(const std::optional<HighWaterMark> held, high_water_mark(stream));
  std::uint64_t last_sequence = held ? held->sequence : 0;
  std::optional<HighWaterMark> mark;
  for (const OutgoingEvent& event : events) {
    TRY(mark, check_next_event(stream, last_sequence, event));
    last_sequence = event.sequence;
  }
  if (!held) TRY(files_.create_directories(directory_of(stream)));
  TRY(Stream* const target, touch(stream, OpenMode::create));
  std::string lines;
  for (const OutgoingEvent& event : events) {
    if (!lines.empty() && lines.size() + event.cloud_event.size() >= kUnsyncedBytes) {
      TRY(append(stream, *target, lines));
      lines.clear();
    }
    lines.append(event.cloud_event).push_back('\n');
  }
  TRY(append(stream, *target, lines));
  target->mark = std::move(mark);
  return {};
}

Result<void> NdjsonEventPublisher::append(const StreamName& name, Stream& stream, std::string_view lines) {
  CRASH_POINT("publish-before-write");
  Result<void> written = stream.file->write_at(stream.size, lines);
  CRASH_POINT("publish-before-sync");
  if (written) written = stream.file->sync_data();
  CRASH_POINT("publish-after-sync");
  if (written && !stream.directory_synced) written = files_.sync_directory(directory_of(name));
  if (!written) {
    // After a failed sync the bytes can be read and yet be lost later, so they are taken back and the file is read
    // anew.
    static_cast<void>(stream.file->truncate(stream.size));
    streams_.erase(name);
    settled_.erase(name);
    return written;
  }
  stream.directory_synced = true;
  stream.size += lines.size();
  return {};
}

std::string NdjsonEventPublisher::directory_of(const StreamName& stream) const {
  return root_ + "/" + stream.tenant;
}

std::string NdjsonEventPublisher::path_of(const StreamName& stream) const {
  return fmt::format("{}/{}.ndjson", directory_of(stream), stream.topic);
}

Result<NdjsonEventPublisher::Stream*> NdjsonEventPublisher::touch(const StreamName& name, OpenMode mode) {
  auto found = streams_.find(name);
  if (found == streams_.end()) {
    make_room();
    TRY(std::unique_ptr<File> file, files_.open(path_of(name), mode));
    TRY(Stream stream, recover(name, std::move(file)));
    found = streams_.emplace(name, std::move(stream)).first;
  }
  found->second.last_use = ++uses_;
  return &found->second;
}

Result<NdjsonEventPublisher::Stream> NdjsonEventPublisher::recover(const StreamName& name, std::unique_ptr<File> file) {
  TRY(const FileStat found, file->stat());
  TRY(const std::uint64_t text_end, end_of_text(*file, found.size));
  TRY(const std::uint64_t end, line_start_before(*file, text_end));
  std::optional<HighWaterMark> mark;
  if (end > 0) {
    TRY(const std::uint64_t begin, line_start_before(*file, end - 1));
    std::string line;
    TRY(file->read_at(begin, static_cast<std::size_t>(end - 1 - begin), line));
    Result<HighWaterMark> read = read_event_mark(line);
    if (!read) {
      return fail(ErrorCode::corrupt, fmt::format("{} at offset {}: the last line is not an event: {}", path_of(name),
                                                  begin, read.error().message));
    }
    mark = *std::move(read);
  }
  if (end < found.size) TRY(file->truncate(end));
  // Whoever wrote this may have died before it was synced, or after a sync that failed: until it is written again and
  // synced, the mark may only be in the page cache.
  const bool existed = found.size > 0;
  if (existed && !settled_.contains(name)) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end, kUnsyncedBytes);
    std::string tail;
    TRY(file->read_at(begin, static_cast<std::size_t>(end - begin), tail));
    TRY(file->write_at(begin, tail));
    TRY(file->sync_data());
    TRY(files_.sync_directory(directory_of(name)));
  }
  settled_.insert(name);
  return Stream{.file = std::move(file), .size = end, .mark = std::move(mark), .directory_synced = existed};
}

void NdjsonEventPublisher::make_room() {
  if (streams_.size() < max_open_files_) return;
  streams_.erase(std::ranges::min_element(streams_, {}, [](const auto& entry) { return entry.second.last_use; }));
}

}  // namespace symphainy::public_works
