// SPDX-License-Identifier: Apache-2.0
// What an import came to: how the migrations of its rows ended, and the sum of those that were migrated.
#pragma once

#include <cstdint>
#include <symphainy/json.h>

namespace policy_migration {

struct ImportCounts {
  std::uint64_t rows = 0;
  std::uint64_t migrated = 0;
  std::uint64_t compensated = 0;    ///< written, and withdrawn
  std::uint64_t failed = 0;         ///< refused before their write
  std::uint64_t stopped = 0;        ///< somebody cancelled or terminated them
  std::int64_t tiv_2012_cents = 0;  ///< of the migrated

  void add(const ImportCounts& other);
  [[nodiscard]] symphainy::Json to_json() const;
  [[nodiscard]] static ImportCounts from_json(const symphainy::Json& json);
};

}  // namespace policy_migration
