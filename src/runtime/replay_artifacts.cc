// SPDX-License-Identifier: Apache-2.0
#include "runtime/replay_artifacts.h"

namespace symphainy::runtime {
namespace {

class HashingWriter final : public public_works::ArtifactWriter {
 public:
  HashingWriter() { hash_.begin(); }

  Result<void> write(std::string_view bytes) override {
    hash_.update(bytes);
    size_ += bytes.size();
    return {};
  }
  Result<public_works::StoredArtifact> commit() override {
    return public_works::StoredArtifact{.digest = hash_.finish(), .size = size_};
  }

 private:
  base::Sha256 hash_;
  std::uint64_t size_ = 0;
};

}  // namespace

Result<std::unique_ptr<public_works::ArtifactWriter>> ReplayArtifacts::create() {
  return std::make_unique<HashingWriter>();
}

}  // namespace symphainy::runtime
