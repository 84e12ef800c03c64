// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/memory_artifact_store.h"

#include <utility>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

class Reader final : public ArtifactReader {
 public:
  explicit Reader(std::shared_ptr<const std::string> content) noexcept : content_(std::move(content)) {}

  std::uint64_t size() const override { return content_->size(); }

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    out.clear();
    if (offset < content_->size()) out = content_->substr(offset, length);
    return {};
  }

 private:
  std::shared_ptr<const std::string> content_;
};

}  // namespace

class MemoryArtifactStore::Writer final : public ArtifactWriter {
 public:
  explicit Writer(std::shared_ptr<Contents> contents) noexcept : contents_(std::move(contents)) {}

  Result<void> write(std::string_view bytes) override {
    CHECK(contents_ != nullptr);
    content_.append(bytes);
    return {};
  }

  Result<StoredArtifact> commit() override {
    CHECK(contents_ != nullptr);
    const std::shared_ptr<Contents> contents = std::move(contents_);
    const StoredArtifact artifact{.digest = base::sha256(content_), .size = content_.size()};
    auto stored = std::make_shared<const std::string>(std::move(content_));
    const std::lock_guard lock(contents->mutex);
    contents->by_hex.try_emplace(artifact.digest.hex(), std::move(stored));
    return artifact;
  }

 private:
  std::shared_ptr<Contents> contents_;  // none once committed
  std::string content_;
};

MemoryArtifactStore::MemoryArtifactStore() : contents_(std::make_shared<Contents>()) {}

Result<std::unique_ptr<ArtifactWriter>> MemoryArtifactStore::create() {
  return std::make_unique<Writer>(contents_);
}

Result<std::unique_ptr<ArtifactReader>> MemoryArtifactStore::open(const base::Digest& digest) {
  const std::lock_guard lock(contents_->mutex);
  const auto found = contents_->by_hex.find(digest.hex());
  if (found == contents_->by_hex.end()) return fail(ErrorCode::not_found, "no artifact has the digest " + digest.hex());
  return std::make_unique<Reader>(found->second);
}

std::string MemoryArtifactStore::location(const base::Digest& digest) const {
  const std::string hex = digest.hex();
  return "sha256/" + hex.substr(0, 2) + "/" + hex;
}

std::size_t MemoryArtifactStore::size() const {
  const std::lock_guard lock(contents_->mutex);
  return contents_->by_hex.size();
}

}  // namespace symphainy::public_works
