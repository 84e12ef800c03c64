// SPDX-License-Identifier: Apache-2.0
#include "cli/temporary_store.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

namespace symphainy::cli {

Result<TemporaryStore> TemporaryStore::create(const std::string& prefix, After after) {
  std::error_code failed;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(failed);
  std::string path = ((failed ? std::filesystem::path("/tmp") : parent) / (prefix + "-XXXXXX")).string();
  if (::mkdtemp(path.data()) == nullptr)
    return fail(ErrorCode::io_error,
                fmt::format("cannot make a directory like {}: {}; set TMPDIR or name one with --data", path,
                            std::strerror(errno)));
  return TemporaryStore(std::move(path), after);
}

TemporaryStore::TemporaryStore(std::string path, After after) : path_(std::move(path)), after_(after) {}

TemporaryStore::TemporaryStore(TemporaryStore&& other) noexcept
    : path_(std::exchange(other.path_, {})), after_(other.after_) {}

TemporaryStore& TemporaryStore::operator=(TemporaryStore&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(after_, other.after_);
  return *this;
}

TemporaryStore::~TemporaryStore() {
  if (path_.empty() || after_ == After::keep) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace symphainy::cli
