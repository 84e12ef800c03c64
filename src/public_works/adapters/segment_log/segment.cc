// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log_record.h"
#include "base/try.h"

namespace symphainy::public_works {
namespace {

constexpr std::string_view kMagic = "SYMPHWAL";
constexpr std::uint16_t kSegmentFormat = 1;
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 20;

}  // namespace

std::string SegmentHeader::encode() const {
  std::string out;
  out.append(kMagic);
  base::append_integer(out, kSegmentFormat);
  base::append_integer(out, std::uint16_t{0});
  base::append_integer(out, static_cast<std::uint32_t>(kSegmentBatchesOffset));
  out.append(store.view());
  out.append(timeline.view());
  base::append_integer(out, first_position);
  out.append(previous_hash.view());
  out.resize(kSegmentHeaderBytes - sizeof(std::uint32_t), '\0');
  base::append_integer(out, base::crc32c(out));
  return out;
}

Result<SegmentHeader> SegmentHeader::decode(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kMagic)) {
    return fail(ErrorCode::corrupt, "this is not a log segment");
  }
  const std::string_view covered = bytes.substr(0, kSegmentHeaderBytes - sizeof(std::uint32_t));
  if (base::load_integer<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) {
    return fail(ErrorCode::corrupt, "the segment header's CRC-32C does not match");
  }
  base::ByteReader reader(covered.substr(kMagic.size()));
  if (const auto format = reader.integer<std::uint16_t>(); format != kSegmentFormat) {
    return fail(
        ErrorCode::corrupt,
        fmt::format("segment format {} is newer than this release; open it with the release that wrote it", format),
        std::string(base::kUnknownFormat));
  }
  const std::size_t used = kMagic.size() + 2 + 2 + 4 + 16 + 16 + 8 + 32;
  const std::string_view reserved = covered.substr(used);
  if (covered.substr(kMagic.size() + 2, 2) != std::string_view("\0\0", 2) ||
      reserved.find_first_not_of('\0') != std::string_view::npos) {
    return fail(ErrorCode::corrupt, "the segment header's reserved bytes are not zero");
  }
  reader.integer<std::uint16_t>();
  if (const auto offset = reader.integer<std::uint32_t>(); offset != kSegmentBatchesOffset) {
    return fail(ErrorCode::corrupt,
                fmt::format("the first batch is said to begin at offset {}, not {}", offset, kSegmentBatchesOffset));
  }
  SegmentHeader header;
  header.store = base::Uuid::from_bytes(reader.bytes(16));
  header.timeline = base::Uuid::from_bytes(reader.bytes(16));
  header.first_position = reader.integer<std::uint64_t>();
  std::ranges::copy(reader.bytes(header.previous_hash.bytes.size()), header.previous_hash.bytes.begin());
  return header;
}

std::string segment_name(std::uint64_t first_position) {
  return fmt::format("{:020}{}", first_position, kSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t position = 0;
  const char* end = name.data() + kNameDigits;
  const auto [stopped, error] = std::from_chars(name.data(), end, position);
  return error == std::errc{} && stopped == end ? std::optional(position) : std::nullopt;
}

Result<std::vector<std::string>> segment_paths(FileSystem& files, const std::string& directory) {
  TRY(const auto names, files.list(directory));
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    if (parse_segment_name(name)) paths.push_back(directory + "/" + name);
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace symphainy::public_works
