// SPDX-License-Identifier: Apache-2.0
#include "public_works/abstractions/replace_file.h"

#include "base/try.h"

namespace symphainy::public_works {

Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view bytes, base::CrashStep step) {
  const std::string unfinished = path + ".new";
  TRY(const auto file, files.open(unfinished, OpenMode::create));
  TRY(file->truncate(0));
  TRY(file->write_at(0, bytes));
  CRASH_POINT_OF(step, "-before-sync");
  TRY(file->sync_data());
  CRASH_POINT_OF(step, "-before-rename");
  TRY(files.rename(unfinished, path));
  CRASH_POINT_OF(step, "-after-rename");
  const std::size_t slash = path.rfind('/');
  TRY(files.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash)));
  CRASH_POINT_OF(step, "-after-directory-sync");
  return {};
}

}  // namespace symphainy::public_works
