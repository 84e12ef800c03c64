// SPDX-License-Identifier: Apache-2.0
// The artifact store of a replay: what is stored can be read; what would be stored is only hashed.
#pragma once

#include "public_works/abstractions/artifact_store.h"

namespace symphainy::runtime {

class ReplayArtifacts final : public public_works::ArtifactStore {
 public:
  explicit ReplayArtifacts(public_works::ArtifactStore& stored) : stored_(stored) {}

  [[nodiscard]] Result<std::unique_ptr<public_works::ArtifactWriter>> create() override;
  [[nodiscard]] Result<std::unique_ptr<public_works::ArtifactReader>> open(const base::Digest& digest) override {
    return stored_.open(digest);
  }
  [[nodiscard]] std::string location(const base::Digest& digest) const override { return stored_.location(digest); }

 private:
  public_works::ArtifactStore& stored_;
};

}  // namespace symphainy::runtime
