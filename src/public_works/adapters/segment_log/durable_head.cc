// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/durable_head.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::string_view kMagic = "SYMPHEAD";
constexpr std::uint64_t kSlotSpacing = 4096;  // the slots lie in different blocks: one torn write cannot harm both
constexpr std::uint32_t kClosed = 1;

struct FileSlots {
  std::optional<HeadSlot> slots[2];
  [[nodiscard]] bool second_is_newer() const {
    return !slots[0] || (slots[1] && slots[1]->generation > slots[0]->generation);
  }
  [[nodiscard]] const std::optional<HeadSlot>& newest() const { return slots[second_is_newer() ? 1 : 0]; }
};

Result<FileSlots> read_slots(const File& file, std::array<std::uint64_t, 2> offsets) {
  FileSlots found;
  std::string bytes;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    TRY(file.read_at(offsets[i], kHeadSlotBytes, bytes));
    found.slots[i] = decode_head_slot(bytes);
  }
  return found;
}

Result<FileSlots> read_head_file(const File& file) {
  return read_slots(file, {0, kSlotSpacing});
}

std::string head_path(const std::string& directory) {
  return directory + "/head";
}

}  // namespace

std::string encode_head_slot(const HeadSlot& slot) {
  std::string out;
  out.append(kMagic);
  base::append_integer(out, slot.generation);
  out.append(slot.store.view());
  out.append(slot.timeline.view());
  base::append_integer(out, slot.position);
  out.append(slot.store_hash.view());
  base::append_integer(out, slot.closed ? kClosed : std::uint32_t{0});
  base::append_integer(out, base::crc32c(out));
  return out;
}

std::optional<HeadSlot> decode_head_slot(std::string_view bytes) {
  if (bytes.size() < kHeadSlotBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view covered = bytes.substr(0, kHeadSlotBytes - sizeof(std::uint32_t));
  if (base::load_integer<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) return std::nullopt;
  base::ByteReader reader(covered.substr(kMagic.size()));
  HeadSlot slot;
  slot.generation = reader.integer<std::uint64_t>();
  slot.store = base::Uuid::from_bytes(reader.bytes(16));
  slot.timeline = base::Uuid::from_bytes(reader.bytes(16));
  slot.position = reader.integer<std::uint64_t>();
  std::ranges::copy(reader.bytes(slot.store_hash.bytes.size()), slot.store_hash.bytes.begin());
  slot.closed = reader.integer<std::uint32_t>() == kClosed;
  return slot;
}

Result<KnownHead> read_durable_head(FileSystem& files, const std::string& directory) {
  TRY(const auto file, files.open(head_path(directory), OpenMode::read));
  TRY(const FileSlots in_file, read_head_file(*file));
  if (!in_file.newest()) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: neither slot of the durable head is valid, so how far the log must "
                            "reach is not known",
                            head_path(directory)));
  }
  KnownHead head;
  const auto add = [&head](const FileSlots& found) {
    for (const auto& slot : found.slots) {
      if (slot) head.slots.push_back(*slot);
    }
  };
  add(in_file);
  TRY(const std::vector<std::string> segments, segment_paths(files, directory));
  if (!segments.empty()) {
    TRY(const auto last, files.open(segments.back(), OpenMode::read));
    TRY(const FileSlots in_segment, read_slots(*last, kSegmentHeadOffsets));
    add(in_segment);
  }
  head.newest = *std::ranges::max_element(head.slots, {}, &HeadSlot::generation);
  head.foreign = std::ranges::any_of(head.slots, [&head](const HeadSlot& slot) {
    return slot.store != head.newest.store || slot.timeline != head.newest.timeline;
  });
  return head;
}

Result<DurableHead> DurableHead::create(FileSystem& files, const std::string& directory, base::Uuid store,
                                        base::Uuid timeline) {
  // Under its name only once it is whole: a crash in between leaves no head rather than an invalid one.
  const HeadSlot slot{.generation = 1, .store = store, .timeline = timeline, .position = 0, .store_hash = {}};
  std::string bytes = encode_head_slot(slot);
  bytes.resize(2 * kSlotSpacing, '\0');
  TRY(replace_file(files, head_path(directory), bytes, CRASH_STEP("head-create")));
  TRY(auto file, files.open(head_path(directory), OpenMode::read_write));
  return DurableHead(std::move(file), slot, kSlotSpacing);
}

Result<DurableHead> DurableHead::open(FileSystem& files, const std::string& directory, const HeadSlot& current) {
  TRY(auto file, files.open(head_path(directory), OpenMode::read_write));
  TRY(const FileSlots slots, read_head_file(*file));
  const std::uint64_t newer = slots.second_is_newer() ? kSlotSpacing : 0;
  // It may be known to the system's cache only, after a failed sync; the other one must not be overwritten before it is
  // on the disk.
  if (slots.newest()) {
    TRY(file->write_at(newer, encode_head_slot(*slots.newest())));
    TRY(file->sync_data());
  }
  return DurableHead(std::move(file), current, kSlotSpacing - newer);
}

const HeadSlot& DurableHead::advance(std::uint64_t position, const base::Digest& store_hash) {
  ++current_.generation;
  current_.position = position;
  current_.store_hash = store_hash;
  current_.closed = false;
  return current_;
}

Result<void> DurableHead::store(std::uint64_t position, const base::Digest& store_hash, bool closed) {
  static_cast<void>(advance(position, store_hash));
  current_.closed = closed;
  if (PLANTED_BUG("skip-head")) return {};
  CRASH_POINT("head-store-before-write");
  TRY(file_->write_at(offset_, encode_head_slot(current_)));
  CRASH_POINT("head-store-before-sync");
  TRY(file_->sync_data());
  CRASH_POINT("head-store-after-sync");
  offset_ = kSlotSpacing - offset_;
  return {};
}

}  // namespace symphainy::public_works
