// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/chain_file.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"

namespace symphainy::public_works {
namespace {

constexpr std::string_view kMagic = "SYMPHCHN";
constexpr std::uint32_t kFormat = 1;

std::string path_in(const std::string& directory) {
  return directory + "/chain";
}

}  // namespace

Result<void> write_chain_file(FileSystem& files, const std::string& directory, const ChainFile& content) {
  std::string bytes(kMagic);
  base::append_integer(bytes, kFormat);
  bytes.append(content.log.store.view()).append(content.log.timeline.view());
  content.chain.save(bytes);
  base::append_integer(bytes, base::crc32c(bytes));
  return replace_file(files, path_in(directory), bytes, CRASH_STEP("chain-file"));
}

Result<std::optional<ChainFile>> read_chain_file(FileSystem& files, const std::string& directory) {
  auto file = files.open(path_in(directory), OpenMode::read);
  if (!file && file.error().code == ErrorCode::not_found) return std::nullopt;
  if (!file) return std::unexpected(file.error());
  TRY(const FileStat stat, (*file)->stat());
  std::string bytes;
  TRY((*file)->read_at(0, stat.size, bytes));
  if (bytes.size() < sizeof(std::uint32_t) || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string_view covered = std::string_view(bytes).substr(0, bytes.size() - sizeof(std::uint32_t));
  if (base::load_integer<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) return std::nullopt;
  base::ByteReader reader(covered.substr(kMagic.size()));
  if (reader.integer<std::uint32_t>() != kFormat) return std::nullopt;
  ChainFile content;
  content.log.store = base::Uuid::from_bytes(reader.bytes(16));
  content.log.timeline = base::Uuid::from_bytes(reader.bytes(16));
  content.chain = base::LogChain::restored(reader);
  if (!reader.ok() || reader.remaining() != 0) return std::nullopt;
  return content;
}

}  // namespace symphainy::public_works
