// SPDX-License-Identifier: Apache-2.0
#include "app/file_digest.h"

#include <algorithm>
#include <functional>

#include "base/try.h"

namespace symphainy::app {
namespace {

using public_works::File;
using public_works::FileSystem;
using public_works::OpenMode;

constexpr std::size_t kPieceBytes = 1024 * 1024;

// Calls take(piece) for a file's content up to the size it had.
Result<void> read_pieces(const File& file, const std::function<Result<void>(std::string_view)>& take) {
  TRY(const public_works::FileStat stat, file.stat());
  std::string piece;
  for (std::uint64_t offset = 0; offset < stat.size; offset += piece.size()) {
    TRY(file.read_at(offset, static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, stat.size - offset)),
                     piece));
    if (piece.empty()) break;
    TRY(take(piece));
  }
  return {};
}

}  // namespace

Result<FileDigest> copy_content(FileSystem& files, const File& source, const std::string& to) {
  TRY(const auto target, files.open(to, OpenMode::create_new));
  base::Sha256 hash;
  FileDigest copied;
  TRY(read_pieces(source, [&](std::string_view piece) -> Result<void> {
    hash.update(piece);
    TRY(target->write_at(copied.size, piece));
    copied.size += piece.size();
    return {};
  }));
  TRY(target->sync_data());
  copied.sha256 = hash.finish();
  return copied;
}

Result<FileDigest> digest_of(FileSystem& files, const std::string& path) {
  TRY(const auto file, files.open(path, OpenMode::read));
  base::Sha256 hash;
  FileDigest found;
  TRY(read_pieces(*file, [&](std::string_view piece) -> Result<void> {
    hash.update(piece);
    found.size += piece.size();
    return {};
  }));
  found.sha256 = hash.finish();
  return found;
}

}  // namespace symphainy::app
