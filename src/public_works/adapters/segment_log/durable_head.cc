// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/durable_head.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/try.h"

namespace symphainy::public_works {
namespace {

constexpr std::string_view kMagic = "SYMPHEAD";
constexpr std::uint64_t kSlotSpacing = 4096;  // the slots lie in different blocks: one torn write cannot harm both
constexpr std::size_t kSlotBytes = 8 + 8 + 16 + 16 + 8 + 32 + 4;

std::uint64_t slot_offset(std::uint64_t generation) {
  return generation % 2 * kSlotSpacing;
}

std::string encode(const HeadSlot& slot) {
  std::string out;
  out.append(kMagic);
  base::append_integer(out, slot.generation);
  out.append(slot.store.view());
  out.append(slot.timeline.view());
  base::append_integer(out, slot.position);
  out.append(slot.store_hash.view());
  base::append_integer(out, base::crc32c(out));
  return out;
}

std::optional<HeadSlot> decode(std::string_view bytes) {
  if (bytes.size() < kSlotBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view covered = bytes.substr(0, kSlotBytes - sizeof(std::uint32_t));
  if (base::load_integer<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) return std::nullopt;
  base::ByteReader reader(covered.substr(kMagic.size()));
  HeadSlot slot;
  slot.generation = reader.integer<std::uint64_t>();
  slot.store = base::Uuid::from_bytes(reader.bytes(16));
  slot.timeline = base::Uuid::from_bytes(reader.bytes(16));
  slot.position = reader.integer<std::uint64_t>();
  std::ranges::copy(reader.bytes(slot.store_hash.bytes.size()), slot.store_hash.bytes.begin());
  return slot;
}

Result<std::optional<HeadSlot>> read_slot(const File& file, std::uint64_t offset) {
  std::string bytes;
  TRY(file.read_at(offset, kSlotBytes, bytes));
  return decode(bytes);
}

std::string head_path(const std::string& directory) {
  return directory + "/head";
}

}  // namespace

Result<DurableHead> DurableHead::create(FileSystem& files, const std::string& directory, base::Uuid store,
                                        base::Uuid timeline) {
  // Under its name only once it is whole: a crash in between leaves no head rather than an invalid one.
  const std::string unfinished = head_path(directory) + ".new";
  TRY(auto file, files.open(unfinished, OpenMode::create));
  const HeadSlot slot{.generation = 0, .store = store, .timeline = timeline, .position = 0, .store_hash = {}};
  TRY(file->write_at(0, std::string(2 * kSlotSpacing, '\0')));
  TRY(file->write_at(slot_offset(slot.generation), encode(slot)));
  TRY(file->sync_data());
  TRY(files.rename(unfinished, head_path(directory)));
  TRY(files.sync_directory(directory));
  return DurableHead(std::move(file), slot);
}

Result<DurableHead> DurableHead::open(FileSystem& files, const std::string& directory, OpenMode mode) {
  TRY(auto file, files.open(head_path(directory), mode));
  TRY(const auto first, read_slot(*file, 0));
  TRY(const auto second, read_slot(*file, kSlotSpacing));
  if (!first && !second) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: neither slot of the durable head is valid, so how far the log must "
                            "reach is not known",
                            head_path(directory)));
  }
  const bool use_second = !first || (second && second->generation > first->generation);
  return DurableHead(std::move(file), use_second ? *second : *first);
}

Result<void> DurableHead::advance(std::uint64_t position, const base::Digest& store_hash) {
  HeadSlot next = current_;
  ++next.generation;
  next.position = position;
  next.store_hash = store_hash;
  TRY(file_->write_at(slot_offset(next.generation), encode(next)));
  TRY(file_->sync_data());
  current_ = next;
  return {};
}

}  // namespace symphainy::public_works
