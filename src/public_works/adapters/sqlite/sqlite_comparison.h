// SPDX-License-Identifier: Apache-2.0
// Holds the projections as they are against projections that were folded anew, row by row, every table and the schema
// itself. What is compared is one snapshot of the first: their owner may go on writing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy::public_works {

class SqliteDatabase;

struct TableComparison {
  std::string table;
  std::uint64_t live_rows = 0;
  std::uint64_t rebuilt_rows = 0;
  bool equal = false;
};

/// A column that differs; or, with no column, a row that only one of them has: it is then an object, and null on the
/// other side.
struct RowDifference {
  std::string table;
  Json key;  ///< an object: the primary key's columns
  std::string column;
  Json live;
  Json rebuilt;
};

struct ProjectionComparison {
  std::vector<TableComparison> tables;
  std::vector<RowDifference> differences;  ///< the first ones

  [[nodiscard]] bool equal() const;
};

/// One snapshot of a state.db. Used by one thread. It holds a read transaction, which keeps that database's write-ahead
/// log from starting over: not for long.
class ProjectionSnapshot {
 public:
  [[nodiscard]] static Result<ProjectionSnapshot> open(const std::string& live_path, const std::string& rebuilt_path);
  ProjectionSnapshot(ProjectionSnapshot&&) noexcept;
  ProjectionSnapshot& operator=(ProjectionSnapshot&&) = delete;
  ~ProjectionSnapshot();

  /// How far of the log the snapshot is the fold of.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Call it when the rebuilt projections have reached position(). At most `max_differences` are told; `stopped` is
  /// asked now and then, and ends it as `cancelled`.
  [[nodiscard]] Result<ProjectionComparison> compare(std::size_t max_differences,
                                                     const std::function<bool()>& stopped) const;

 private:
  explicit ProjectionSnapshot(std::unique_ptr<SqliteDatabase> database) noexcept;

  std::unique_ptr<SqliteDatabase> database_;
  std::uint64_t position_ = 0;
};

}  // namespace symphainy::public_works
