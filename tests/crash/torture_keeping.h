// SPDX-License-Identifier: Apache-2.0
// What the torture does to a store to keep it: rounds of retention with snapshots and an archive, a backup, what is
// restored of it, what is repaired of a damaged copy, and a copy that its retired beginning is brought back into.
// Killed anywhere and begun again, it takes up where it was.
#pragma once

#include <functional>
#include <string>

#include "symphainy/runtime.h"

namespace symphainy::tests {

/// Where a case has what is beside its store.
struct KeptCase {
  std::string directory;

  [[nodiscard]] std::string data() const { return directory + "/data"; }
  [[nodiscard]] std::string archive() const { return directory + "/archive"; }
  [[nodiscard]] std::string backup() const { return directory + "/backup"; }
  [[nodiscard]] std::string restored() const { return directory + "/restored"; }
  [[nodiscard]] std::string damaged() const { return directory + "/damaged"; }
  [[nodiscard]] std::string repaired() const { return directory + "/repaired"; }
  [[nodiscard]] std::string unretired() const { return directory + "/unretired"; }
};

/// Gives up every sealed segment that nobody needs, archived; a snapshot is taken for it. conflict when the log begins
/// at position 1 all the same.
[[nodiscard]] Result<void> retain(const KeptCase& kept, const RuntimeOptions& options);

/// Makes backup(), restored() and repaired(), each whole or not at all, and opens the two stores with `open_and_close`.
/// What a kill left half made is removed as the command says that it may be.
[[nodiscard]] Result<void> make_copies(const KeptCase& kept,
                                       const std::function<Result<void>(const std::string& data)>& open_and_close);

/// Brings what was retired back into unretired(), a copy of data(), and opens it.
[[nodiscard]] Result<void> unretire_copy(const KeptCase& kept,
                                         const std::function<Result<void>(const std::string& data)>& open_and_close);

}  // namespace symphainy::tests
