// SPDX-License-Identifier: Apache-2.0
// New directories that are there as a whole or not at all.
#pragma once

#include <string>

#include "symphainy/error.h"

#include "base/fault_points.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::app {

[[nodiscard]] std::string parent_of(const std::string& path);
/// invalid_argument, reason "inside_itself", when `target` is `source`, which must exist, or lies in it; the target
/// need not exist.
[[nodiscard]] Result<void> refuse_inside(const std::string& target, const std::string& source);

/// A directory that gets its name when everything in it is there: a crash leaves TARGET.unfinished, which is no store
/// and no backup, and an error leaves nothing.
class StagedDirectory {
 public:
  /// invalid_argument unless `target` does not exist or is empty, and does not lie in `source`, which must exist.
  [[nodiscard]] static Result<void> check(public_works::FileSystem& files, const std::string& target,
                                          const std::string& source);
  /// Checks that too.
  [[nodiscard]] static Result<StagedDirectory> create(public_works::FileSystem& files, const std::string& target,
                                                      const std::string& source);
  StagedDirectory(StagedDirectory&& other) noexcept;
  StagedDirectory& operator=(StagedDirectory&&) = delete;
  ~StagedDirectory();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& target() const noexcept { return target_; }
  /// Under its name, durably.
  [[nodiscard]] Result<void> commit(base::CrashStep step);

 private:
  StagedDirectory(public_works::FileSystem& files, std::string target)
      : files_(files), target_(std::move(target)), path_(target_ + ".unfinished") {}

  public_works::FileSystem& files_;
  std::string target_;
  std::string path_;  // empty once renamed
};

}  // namespace symphainy::app
