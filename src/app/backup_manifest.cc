// SPDX-License-Identifier: Apache-2.0
#include "app/backup_manifest.h"

#include <algorithm>
#include <fmt/format.h>

#include "symphainy/version.h"

#include "app/manifest_members.h"
#include "base/bytes.h"
#include "base/time.h"
#include "base/try.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;
using public_works::OpenMode;

constexpr std::uint64_t kFormat = 1;
constexpr std::string_view kKind = "symphainy.backup";

Json body_of(const BackupManifest& manifest) {
  Json list = Json::array();
  for (const BackedUpFile& file : manifest.files) {
    list.push_back(
        Json::object({{"path", file.path}, {"sha256", file.digest.sha256.hex()}, {"size", file.digest.size}}));
  }
  return Json::object({{"created_at", base::format_time(manifest.created_us)},
                       {"files", std::move(list)},
                       {"format", kFormat},
                       {"kind", kKind},
                       {"missing", to_json(manifest.missing)},
                       {"position", manifest.position},
                       {"release", kVersion},
                       {"store", manifest.store.text()},
                       {"store_hash", manifest.store_hash.hex()},
                       {"time", base::format_time(manifest.time_us)},
                       {"timeline", manifest.timeline.text()}});
}

// Members need no checks of their own: the digest has vouched for all of it.
BackupManifest manifest_of(const Json& json) {
  BackupManifest manifest;
  manifest.created_us = base::parse_time(text_member(json, "created_at")).value_or(0);
  manifest.store = base::Uuid::parse(text_member(json, "store")).value_or(base::Uuid{});
  manifest.timeline = base::Uuid::parse(text_member(json, "timeline")).value_or(base::Uuid{});
  manifest.position = number_member(json, "position");
  manifest.time_us = base::parse_time(text_member(json, "time")).value_or(0);
  manifest.store_hash = digest_member(json, "store_hash");
  const Json* files = json.find("files");
  for (std::size_t i = 0; files != nullptr && i < files->size(); ++i) {
    const Json& file = files->at(i);
    manifest.files.push_back({text_member(file, "path"), {digest_member(file, "sha256"), number_member(file, "size")}});
  }
  const Json* missing = json.find("missing");
  for (std::size_t i = 0; missing != nullptr && i < missing->size(); ++i) {
    manifest.missing.push_back({text_member(missing->at(i), "path"), text_member(missing->at(i), "reason")});
  }
  return manifest;
}

}  // namespace

std::unexpected<Error> backup_damaged(const std::string& path, const std::string& reason) {
  return fail(ErrorCode::corrupt,
              fmt::format("the backup is damaged: {}: {}; nothing was restored, use another backup", path, reason),
              "backup_damaged");
}

// One line of canonical JSON; "sha256" is that of the rest.
Result<void> write_manifest(FileSystem& files, const std::string& backup, const BackupManifest& manifest) {
  Json json = body_of(manifest);
  json["sha256"] = base::sha256(json.dump()).hex();
  TRY(const auto file, files.open(DataDirectory{backup}.backup_manifest(), OpenMode::create_new));
  TRY(file->write_at(0, json.dump() + "\n"));
  return file->sync_data();
}

Result<BackupManifest> read_manifest(FileSystem& files, const std::string& backup) {
  const std::string path = DataDirectory{backup}.backup_manifest();
  const auto file = files.open(path, OpenMode::read);
  if (!file && file.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is no backup: there is no {}; name a directory that `symphainy backup create` made",
                            backup, path),
                "no_backup");
  }
  if (!file) return std::unexpected(file.error());
  TRY(const public_works::FileStat stat, (*file)->stat());
  std::string text;
  TRY((*file)->read_at(0, stat.size, text));
  Json json;
  if (auto parsed = Json::parse(text)) {
    json = *std::move(parsed);
  } else {
    return backup_damaged(path, parsed.error().message);
  }
  if (text_member(json, "kind") == kKind && number_member(json, "format") > kFormat) {
    return fail(
        ErrorCode::corrupt,
        fmt::format("{}: the backup has format {}, which is newer than this release; restore it with release {} "
                    "or a later one",
                    path, number_member(json, "format"), text_member(json, "release")),
        "unknown_format");
  }
  const std::string claimed = text_member(json, "sha256");
  const std::string whole = json.dump() + "\n";
  if (json.is_object()) json.erase("sha256");
  if (text_member(json, "kind") != kKind || whole != text || base::sha256(json.dump()).hex() != claimed) {
    return backup_damaged(path, "it is not what was written: its SHA-256 does not match");
  }
  return manifest_of(json);
}

}  // namespace symphainy::app
