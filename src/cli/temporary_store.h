// SPDX-License-Identifier: Apache-2.0
// A data directory of its own in the system's place for temporary files (TMPDIR, else /tmp), open to its user only.
#pragma once

#include <string>

#include "symphainy/error.h"

namespace symphainy::cli {

class TemporaryStore {
 public:
  enum class After { keep, remove };

  [[nodiscard]] static Result<TemporaryStore> create(const std::string& prefix, After after);
  TemporaryStore(TemporaryStore&& other) noexcept;
  TemporaryStore& operator=(TemporaryStore&& other) noexcept;
  ~TemporaryStore();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  TemporaryStore(std::string path, After after);

  std::string path_;  ///< empty: moved from
  After after_;
};

}  // namespace symphainy::cli
