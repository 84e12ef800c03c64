// SPDX-License-Identifier: Apache-2.0
// Bounds what one question in SQL may put into temporary files. Sorting, DISTINCT and recursion write there what does
// not fit into SQLite's small caches, and SQLite itself sets no limit. It is a VFS of its own name: other connections
// of the process do not go through it.
#pragma once

#include <cstdint>

namespace symphainy::public_works {

/// To be named when the connection is opened. Null when it cannot be registered.
[[nodiscard]] const char* bounded_temporary_vfs();

/// While it lives, temporary files opened on this thread through that VFS take their space from it; when there is none
/// left, SQLite answers SQLITE_FULL. Must outlive the statements that run meanwhile.
class TemporarySpace {
 public:
  explicit TemporarySpace(std::uint64_t bytes) noexcept;
  TemporarySpace(const TemporarySpace&) = delete;
  TemporarySpace& operator=(const TemporarySpace&) = delete;
  ~TemporarySpace();

  [[nodiscard]] bool take(std::uint64_t bytes) noexcept;
  void give_back(std::uint64_t bytes) noexcept { left_ += bytes; }
  /// Nothing when this thread has none.
  [[nodiscard]] static TemporarySpace* current() noexcept;

 private:
  std::uint64_t left_;
  TemporarySpace* before_;
};

}  // namespace symphainy::public_works
