// SPDX-License-Identifier: Apache-2.0
// The durable head: how far the log is known to reach, so that a cut end shows. It is written in turn into two slots,
// so that a torn write leaves the other one; the valid slot with the highest generation counts.
//
// There are slots in two places. Those in the last segment are written with every group, by the group's own sync. Those
// in the file `head` outlive a segment that is lost; they cost a sync of their own and are written when the log is
// opened, idle or closed, and once for each segment.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  bool closed = false;  ///< nothing was written behind it: all of the log can be held to it, torn tails included
};

inline constexpr std::size_t kHeadSlotBytes = 8 + 8 + 16 + 16 + 8 + 32 + 4 + 4;

[[nodiscard]] std::string encode_head_slot(const HeadSlot& slot);
/// Nothing when it is no valid slot.
[[nodiscard]] std::optional<HeadSlot> decode_head_slot(std::string_view bytes);

/// What can be read of the durable head: every valid slot tells a point that the log must pass through.
struct KnownHead {
  HeadSlot newest;
  std::vector<HeadSlot> slots;  ///< all that are valid, the newest among them
  bool foreign = false;         ///< they are not all of one store and timeline
};

/// From DIRECTORY/head and the last segment there. not_found when there is no head file; corrupt when neither of its
/// slots is valid.
[[nodiscard]] Result<KnownHead> read_durable_head(FileSystem& files, const std::string& directory);

/// What the writing process knows of it. Used by one thread at a time.
class DurableHead {
 public:
  /// Creates DIRECTORY/head at position 0 and makes it durable.
  [[nodiscard]] static Result<DurableHead> create(FileSystem& files, const std::string& directory, base::Uuid store,
                                                  base::Uuid timeline);
  /// Goes on from `current` (read_durable_head).
  [[nodiscard]] static Result<DurableHead> open(FileSystem& files, const std::string& directory,
                                                const HeadSlot& current);

  [[nodiscard]] const HeadSlot& current() const noexcept { return current_; }
  /// The next slot, for the caller to write.
  [[nodiscard]] const HeadSlot& advance(std::uint64_t position, const base::Digest& store_hash);
  /// Writes the next slot into the head file and syncs it.
  [[nodiscard]] Result<void> store(std::uint64_t position, const base::Digest& store_hash, bool closed = false);

 private:
  DurableHead(std::unique_ptr<File> file, HeadSlot current, std::uint64_t offset)
      : file_(std::move(file)), current_(current), offset_(offset) {}

  std::unique_ptr<File> file_;
  HeadSlot current_;
  std::uint64_t offset_;  // of the file's slot to write next: never the newest one
};

}  // namespace symphainy::public_works
