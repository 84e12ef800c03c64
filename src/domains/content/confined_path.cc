// SPDX-License-Identifier: Apache-2.0
#include "domains/content/confined_path.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

#include "base/try.h"

namespace symphainy::domains::content {
namespace {

using public_works::File;
using public_works::FileStat;
using public_works::FileSystem;

bool is_below(const std::vector<std::string>& directories, std::string_view canonical) {
  return std::ranges::any_of(directories, [&](std::string_view directory) {
    if (!canonical.starts_with(directory)) return false;
    return directory.ends_with('/') || canonical.size() == directory.size() || canonical[directory.size()] == '/';
  });
}

bool is_inside(const ReadableDirectories& readable, std::string_view canonical) {
  return is_below(readable.roots, canonical) && !is_below(readable.reserved, canonical);
}

// Whether the deepest existing directory of a path that cannot be resolved is inside.
bool leads_inside(FileSystem& files, const ReadableDirectories& readable, std::string path) {
  while (path != "." && path != "/") {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
      path = ".";
    } else {
      path.resize(std::max<std::size_t>(slash, 1));
    }
    if (const auto canonical = files.canonical(path)) return is_inside(readable, *canonical);
  }
  return false;
}

std::unexpected<Error> outside(const std::string& path) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} is outside the directories that may be read (the data directory never may be); pass "
                          "--root DIR to allow another one",
                          path),
              "path_outside_roots");
}

std::unexpected<Error> not_found(const std::string& path) {
  return fail(ErrorCode::not_found,
              fmt::format("there is no file {}; check its path (relative paths start at the working directory)", path),
              "file_not_found");
}

std::unexpected<Error> not_a_file(const std::string& path, bool is_directory) {
  return fail(ErrorCode::invalid_argument,
              is_directory ? fmt::format("{} is a directory; name one file in it", path)
                           : fmt::format("{} is not a regular file but a pipe, socket or device; name a file", path),
              "not_a_file");
}

// The operating system's refusal as the submitter's error, unless it is the system's own passing trouble.
std::unexpected<Error> unreadable(const std::string& path, Error error) {
  if (error.code == ErrorCode::unavailable) return std::unexpected(std::move(error));
  if (error.code == ErrorCode::not_found || error.reason == "not_a_directory") return not_found(path);
  if (error.reason == "is_directory" || error.reason == "not_a_regular_file") {
    return not_a_file(path, error.reason == "is_directory");
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} cannot be read ({}); check its path and that this user may read it", path, error.message),
              "file_unreadable");
}

std::unexpected<Error> invalid_root(const std::string& directory, std::string_view why) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("the root {} cannot be used ({}); name an existing directory", directory, why),
              "invalid_root");
}

Result<std::vector<std::string>> canonical_directories(FileSystem& files, const std::vector<std::string>& directories) {
  std::vector<std::string> canonical;
  for (const std::string& directory : directories) {
    auto resolved = files.canonical(directory);
    if (!resolved) return invalid_root(directory, resolved.error().message);
    TRY(const std::optional<FileStat> stat, files.stat(*resolved));
    if (!stat || !stat->is_directory) return invalid_root(directory, "it is no directory");
    canonical.push_back(*std::move(resolved));
  }
  return canonical;
}

}  // namespace

Error file_changed(const std::string& given_path) {
  return {.code = ErrorCode::invalid_argument,
          .message = fmt::format("{} changed while it was read; send the intent again once it is complete", given_path),
          .reason = "file_changed",
          .details = {}};
}

Result<ReadableDirectories> readable_directories(FileSystem& files, const std::vector<std::string>& roots,
                                                 const std::vector<std::string>& reserved) {
  ReadableDirectories readable;
  TRY(readable.roots, canonical_directories(files, roots.empty() ? std::vector<std::string>{"."} : roots));
  TRY(readable.reserved, canonical_directories(files, reserved));
  return readable;
}

Result<ConfinedPath> confine_path(FileSystem& files, const ReadableDirectories& readable, const std::string& path) {
  // The operating system would stop reading the path there.
  if (path.empty() || path.contains('\0')) {
    return fail(ErrorCode::invalid_argument, "a path must not be empty or contain a NUL character; correct it",
                "invalid_path");
  }
  auto canonical = files.canonical(path);
  if (!canonical) {
    if (!leads_inside(files, readable, path)) return outside(path);
    return unreadable(path, std::move(canonical).error());
  }
  if (!is_inside(readable, *canonical)) return outside(path);
  auto stat = files.stat(*canonical);
  if (!stat) return unreadable(path, std::move(stat).error());
  if (!*stat) return not_found(path);
  if (!(*stat)->is_regular) return not_a_file(path, (*stat)->is_directory);
  return ConfinedPath{path, *std::move(canonical), **stat};
}

Result<std::unique_ptr<File>> open_confined(FileSystem& files, const ConfinedPath& path) {
  auto file = files.open(path.canonical, public_works::OpenMode::read);
  if (!file) return unreadable(path.given, std::move(file).error());
  TRY(const FileStat opened, (*file)->stat());
  // A link may have come into the path since it was checked: then this is another file, or the path leads elsewhere
  // now.
  const auto canonical = files.canonical(path.canonical);
  if (opened.device != path.stat.device || opened.inode != path.stat.inode || !canonical ||
      *canonical != path.canonical) {
    return std::unexpected(file_changed(path.given));
  }
  return file;
}

}  // namespace symphainy::domains::content
