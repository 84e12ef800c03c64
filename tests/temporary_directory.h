// SPDX-License-Identifier: Apache-2.0
// A fresh directory under TMPDIR for one test, gone with everything in it when the object is.
#pragma once

#include <filesystem>
#include <stdlib.h>
#include <string>
#include <system_error>

#include "base/try.h"

namespace symphainy::tests {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path =
        (std::filesystem::canonical(std::filesystem::temp_directory_path()) / "symphainy-XXXXXX").string();
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = std::move(path);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace symphainy::tests
