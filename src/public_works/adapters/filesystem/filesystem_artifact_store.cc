// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/filesystem/filesystem_artifact_store.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kVerifyBytes = 256 * 1024;

class Reader final : public ArtifactReader {
 public:
  Reader(std::unique_ptr<File> file, std::uint64_t size) noexcept : file_(std::move(file)), size_(size) {}

  std::uint64_t size() const override { return size_; }

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    const std::uint64_t rest = size_ - std::min(offset, size_);
    return file_->read_at(offset, static_cast<std::size_t>(std::min<std::uint64_t>(length, rest)), out);
  }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t size_;
};

}  // namespace

class FilesystemArtifactStore::Writer final : public ArtifactWriter {
 public:
  Writer(FilesystemArtifactStore& store, std::unique_ptr<File> file, std::string temporary)
      : store_(store), file_(std::move(file)), temporary_(std::move(temporary)) {}

  ~Writer() override {
    file_.reset();
    // What cannot be removed now is removed when the store is opened next.
    if (!temporary_.empty()) static_cast<void>(store_.files_.remove(temporary_));
  }

  Result<void> write(std::string_view bytes) override {
    CHECK(file_ != nullptr);
    TRY(file_->write_at(size_, bytes));
    hash_.update(bytes);
    size_ += bytes.size();
    return {};
  }

  Result<StoredArtifact> commit() override {
    CHECK(file_ != nullptr);
    const StoredArtifact artifact{.digest = hash_.finish(), .size = size_};
    const std::unique_ptr<File> file = std::move(file_);
    TRY(store_.ensure_shard(artifact.digest));
    TRY(const bool present, store_.holds(artifact));
    if (!present) {
      CRASH_POINT("artifact-before-sync");
      TRY(file->sync_data());
      CRASH_POINT("artifact-before-rename");
      TRY(store_.files_.rename(temporary_, store_.path_of(artifact.digest)));
      temporary_.clear();
      CRASH_POINT("artifact-after-rename");
    }
    // Also when the content was there: whoever renamed it may have died, or not come yet, to its sync.
    TRY(store_.files_.sync_directory(store_.shard_of(artifact.digest)));
    CRASH_POINT("artifact-after-directory-sync");
    return artifact;
  }

 private:
  FilesystemArtifactStore& store_;
  std::unique_ptr<File> file_;  // none once committed
  std::string temporary_;       // empty once renamed
  base::Sha256 hash_;
  std::uint64_t size_ = 0;
};

FilesystemArtifactStore::FilesystemArtifactStore(FileSystem& files, std::string root, ArtifactAccess access)
    : files_(files), root_(std::move(root)), access_(access) {}

Result<std::unique_ptr<FilesystemArtifactStore>> FilesystemArtifactStore::open(FileSystem& files, std::string root,
                                                                               ArtifactAccess access) {
  std::unique_ptr<FilesystemArtifactStore> store(new FilesystemArtifactStore(files, std::move(root), access));
  if (access == ArtifactAccess::read_write) TRY(store->prepare());
  return store;
}

Result<void> FilesystemArtifactStore::prepare() {
  const std::string temporaries = root_ + "/tmp";
  TRY(files_.create_directories(root_ + "/sha256"));
  TRY(files_.create_directories(temporaries));
  TRY(const std::vector<std::string> leftovers, files_.list(temporaries));
  for (const std::string& name : leftovers) TRY(files_.remove(temporaries + "/" + name));
  return {};
}

std::string FilesystemArtifactStore::location(const base::Digest& digest) const {
  const std::string hex = digest.hex();
  return fmt::format("sha256/{}/{}", std::string_view(hex).substr(0, 2), hex);
}

std::string FilesystemArtifactStore::path_of(const base::Digest& digest) const {
  return root_ + "/" + location(digest);
}

std::string FilesystemArtifactStore::shard_of(const base::Digest& digest) const {
  return fmt::format("{}/sha256/{}", root_, digest.hex().substr(0, 2));
}

// The shard's own entry is durable on return, whoever made it: a folder found in place may be a crash's, never synced.
Result<void> FilesystemArtifactStore::ensure_shard(const base::Digest& digest) {
  bool& durable = durable_shards_[static_cast<unsigned char>(digest.bytes[0])];
  const std::lock_guard lock(shards_mutex_);
  if (durable) return {};
  TRY(files_.create_directories(shard_of(digest)));
  TRY(files_.sync_directory(root_ + "/sha256"));
  durable = true;
  return {};
}

// Whether the content is stored, and sound: reading it again costs less than syncing it again, and a damaged file gives
// way to the good bytes at hand.
Result<bool> FilesystemArtifactStore::holds(const StoredArtifact& artifact) {
  const std::string path = path_of(artifact.digest);
  TRY(const std::optional<FileStat> found, files_.stat(path));
  if (!found || found->size != artifact.size) return false;
  TRY(const std::unique_ptr<File> file, files_.open(path, OpenMode::read));
  base::Sha256 hash;
  std::string piece;
  for (std::uint64_t offset = 0; offset < artifact.size; offset += piece.size()) {
    TRY(file->read_at(offset, kVerifyBytes, piece));
    if (piece.empty()) return false;
    hash.update(piece);
  }
  return hash.finish() == artifact.digest;
}

Result<std::unique_ptr<ArtifactWriter>> FilesystemArtifactStore::create() {
  if (access_ == ArtifactAccess::read_only) {
    return fail(ErrorCode::invalid_argument, fmt::format("the artifact store {} was opened for reading only", root_),
                "read_only");
  }
  std::string temporary = fmt::format("{}/tmp/{}", root_, next_temporary_.fetch_add(1));
  TRY(std::unique_ptr<File> file, files_.open(temporary, OpenMode::create_new));
  return std::make_unique<Writer>(*this, std::move(file), std::move(temporary));
}

Result<std::unique_ptr<ArtifactReader>> FilesystemArtifactStore::open(const base::Digest& digest) {
  Result<std::unique_ptr<File>> file = files_.open(path_of(digest), OpenMode::read);
  if (!file) return std::unexpected(std::move(file).error());
  TRY(const FileStat found, (*file)->stat());
  return std::make_unique<Reader>(*std::move(file), found.size);
}

}  // namespace symphainy::public_works
