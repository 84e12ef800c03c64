// SPDX-License-Identifier: Apache-2.0
// Artifacts as files: ROOT/sha256/ab/<64 hex digits>, written under ROOT/tmp first. A file under sha256 is always whole
// and synced, because it gets there by a rename that follows its sync. One writable store per root at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

enum class ArtifactAccess { read_only, read_write };

class FilesystemArtifactStore final : public ArtifactStore {
 public:
  /// read_write makes the folders and removes what a crash left in ROOT/tmp; read_only touches nothing. The file system
  /// must outlive the store, and the store its writers and readers.
  [[nodiscard]] static Result<std::unique_ptr<FilesystemArtifactStore>> open(FileSystem& files, std::string root,
                                                                             ArtifactAccess access);

  [[nodiscard]] Result<std::unique_ptr<ArtifactWriter>> create() override;
  [[nodiscard]] Result<std::unique_ptr<ArtifactReader>> open(const base::Digest& digest) override;
  [[nodiscard]] std::string location(const base::Digest& digest) const override;

 private:
  class Writer;
  FilesystemArtifactStore(FileSystem& files, std::string root, ArtifactAccess access);

  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] std::string path_of(const base::Digest& digest) const;
  [[nodiscard]] std::string shard_of(const base::Digest& digest) const;
  [[nodiscard]] Result<void> ensure_shard(const base::Digest& digest);
  [[nodiscard]] Result<bool> holds(const StoredArtifact& artifact);

  FileSystem& files_;
  const std::string root_;
  const ArtifactAccess access_;
  std::atomic<std::uint64_t> next_temporary_{1};

  std::mutex shards_mutex_;
  std::array<bool, 256> durable_shards_{};  // guarded by shards_mutex_
};

}  // namespace symphainy::public_works
