// SPDX-License-Identifier: Apache-2.0
#include "app/staged_directory.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "base/try.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;

std::unexpected<Error> unusable(std::string message, std::string reason) {
  return fail(ErrorCode::invalid_argument, std::move(message), std::move(reason));
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool lies_in(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

}  // namespace

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<void> refuse_inside(const std::string& target, const std::string& source) {
  const std::string name = without_slash(target);
  std::error_code failed;
  const auto inner = std::filesystem::weakly_canonical(name, failed);
  const auto outer = failed ? std::filesystem::path() : std::filesystem::canonical(source, failed);
  if (failed || name.empty()) {
    return unusable(fmt::format("cannot copy {} to '{}': {}", source, target,
                                name.empty() ? "no directory is named" : failed.message()),
                    "unusable_directory");
  }
  if (lies_in(inner, outer)) {
    return unusable(fmt::format("{} lies in {} itself; name a directory outside of it", target, source),
                    "inside_itself");
  }
  return {};
}

Result<void> StagedDirectory::check(FileSystem& files, const std::string& target, const std::string& source) {
  TRY(refuse_inside(target, source));
  const std::string name = without_slash(target);
  TRY(const auto found, files.stat(name));
  bool taken = found && !found->is_directory;
  if (found && !taken) {
    TRY(const auto entries, files.list(name));
    taken = !entries.empty();
  }
  if (taken) {
    return unusable(
        fmt::format("{} exists already, and nothing is written over; name a directory that does not exist", target),
        "target_exists");
  }
  return {};
}

Result<StagedDirectory> StagedDirectory::create(FileSystem& files, const std::string& target,
                                                const std::string& source) {
  TRY(check(files, target, source));
  StagedDirectory staged(files, without_slash(target));
  std::error_code failed;
  TRY(files.create_directories(parent_of(staged.path_)));
  // Made by this call or not at all: of two processes one goes on.
  if (!std::filesystem::create_directory(staged.path_, failed)) {
    const std::string unfinished = std::exchange(staged.path_, {});
    return unusable(
        failed ? fmt::format("cannot make the directory {}: {}", unfinished, failed.message())
               : fmt::format("{} is in the way: another process is at work there, or was interrupted; remove it when "
                             "none is, and try again",
                             unfinished),
        failed ? "unusable_directory" : "unfinished_exists");
  }
  std::filesystem::permissions(staged.path_, std::filesystem::perms::owner_all, failed);
  TRY(files.create_directories(staged.path_));
  return staged;
}

StagedDirectory::StagedDirectory(StagedDirectory&& other) noexcept
    : files_(other.files_), target_(std::move(other.target_)), path_(std::exchange(other.path_, {})) {}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Result<void> StagedDirectory::commit(base::CrashStep step) {
  CRASH_POINT_OF(step, "-before-sync");
  TRY(files_.sync_directory(path_));
  CRASH_POINT_OF(step, "-before-rename");
  TRY(files_.rename(path_, target_));
  CRASH_POINT_OF(step, "-after-rename");
  path_.clear();
  TRY(files_.sync_directory(parent_of(target_)));
  CRASH_POINT_OF(step, "-after-directory-sync");
  return {};
}

}  // namespace symphainy::app
