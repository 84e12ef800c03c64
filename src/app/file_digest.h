// SPDX-License-Identifier: Apache-2.0
// Files by their content: read and copied in pieces, known by size and SHA-256.
#pragma once

#include <cstdint>
#include <string>

#include "symphainy/error.h"

#include "base/digest.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::app {

struct FileDigest {
  base::Digest sha256;
  std::uint64_t size = 0;
};
[[nodiscard]] Result<FileDigest> digest_of(public_works::FileSystem& files, const std::string& path);
/// Into a new file. The source's digest; the copy is synced, but its name is not.
[[nodiscard]] Result<FileDigest> copy_content(public_works::FileSystem& files, const public_works::File& source,
                                              const std::string& to);

}  // namespace symphainy::app
