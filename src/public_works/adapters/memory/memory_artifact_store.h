// SPDX-License-Identifier: Apache-2.0
// Artifacts in memory, for tests and throw-away stores. Readers keep their content when the store is gone.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "public_works/abstractions/artifact_store.h"

namespace symphainy::public_works {

class MemoryArtifactStore final : public ArtifactStore {
 public:
  MemoryArtifactStore();

  [[nodiscard]] Result<std::unique_ptr<ArtifactWriter>> create() override;
  [[nodiscard]] Result<std::unique_ptr<ArtifactReader>> open(const base::Digest& digest) override;
  [[nodiscard]] std::string location(const base::Digest& digest) const override;

  /// How many different contents it holds.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Contents {
    mutable std::mutex mutex;
    std::map<std::string, std::shared_ptr<const std::string>> by_hex;  // guarded by mutex
  };
  class Writer;

  std::shared_ptr<Contents> contents_;
};

}  // namespace symphainy::public_works
