// SPDX-License-Identifier: Apache-2.0
// Content by its digest: what is too large for the log. Equal content is stored once; stored content never changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "base/digest.h"

namespace symphainy::public_works {

struct StoredArtifact {
  base::Digest digest;  ///< SHA-256 of the content
  std::uint64_t size = 0;

  friend bool operator==(const StoredArtifact&, const StoredArtifact&) = default;
};

/// Takes content in pieces. Dropped without commit(), it leaves nothing behind.
class ArtifactWriter {
 public:
  virtual ~ArtifactWriter() = default;
  [[nodiscard]] virtual Result<void> write(std::string_view bytes) = 0;
  /// The content is durable under its digest when this succeeds: synced, renamed, directory synced. Call once.
  [[nodiscard]] virtual Result<StoredArtifact> commit() = 0;
};

/// Reads stored content in pieces of the caller's size.
class ArtifactReader {
 public:
  virtual ~ArtifactReader() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Up to `length` bytes at `offset`; fewer only at the end.
  [[nodiscard]] virtual Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const = 0;
};

/// Thread-safe; each writer and reader belongs to one thread at a time.
class ArtifactStore {
 public:
  virtual ~ArtifactStore() = default;
  [[nodiscard]] virtual Result<std::unique_ptr<ArtifactWriter>> create() = 0;
  /// not_found when there is no such content.
  [[nodiscard]] virtual Result<std::unique_ptr<ArtifactReader>> open(const base::Digest& digest) = 0;
  /// Where the content is, for people and tools: "sha256/ab/abcd…", relative to the store's root.
  [[nodiscard]] virtual std::string location(const base::Digest& digest) const = 0;
};

}  // namespace symphainy::public_works
