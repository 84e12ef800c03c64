// SPDX-License-Identifier: Apache-2.0
// The durable head: how far the log is known to reach, kept outside it so that a cut end shows. Two slots are written
// in turn, so that a torn write leaves the other one; the valid slot with the higher generation counts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "symphainy/error.h"

#include "base/digest.h"
#include "base/ids.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

struct HeadSlot {
  std::uint64_t generation = 0;
  base::Uuid store;
  base::Uuid timeline;
  std::uint64_t position = 0;
  base::Digest store_hash;
};

/// Used by one thread at a time.
class DurableHead {
 public:
  /// Creates DIRECTORY/head at position 0 and makes it durable.
  [[nodiscard]] static Result<DurableHead> create(FileSystem& files, const std::string& directory, base::Uuid store,
                                                  base::Uuid timeline);
  /// not_found when there is no head file, corrupt when neither slot is valid.
  [[nodiscard]] static Result<DurableHead> open(FileSystem& files, const std::string& directory, OpenMode mode);

  [[nodiscard]] const HeadSlot& current() const noexcept { return current_; }
  /// Writes the other slot and syncs it.
  [[nodiscard]] Result<void> advance(std::uint64_t position, const base::Digest& store_hash);

 private:
  DurableHead(std::unique_ptr<File> file, HeadSlot current) : file_(std::move(file)), current_(current) {}

  std::unique_ptr<File> file_;
  HeadSlot current_;
};

}  // namespace symphainy::public_works
