// SPDX-License-Identifier: Apache-2.0
// import_rows: has each row of one slice of a portfolio migrated by a child, a migrate_policy saga, waits for all of
// them, and tells the world of those that were not migrated.
//
// An execution that fails or is compensated publishes nothing, because what it adds is committed only when it
// completes: so policy.rejected is told here, by its parent, which completes whatever became of the rows.
#pragma once

#include <string>
#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

#include "ingest_portfolio_service.h"

namespace policy_migration {

inline constexpr std::string_view kImportRows = "import_rows";
/// Of one slice: an execution can have 10,000 children, and 50 MiB of what they answer.
inline constexpr std::uint64_t kMostSliceRows = 5'000;

/// `copy`: 0 for the rows themselves, from 1 for further policies made of them.
[[nodiscard]] symphainy::Json import_rows_parameters(std::string_view portfolio, const Slice& slice,
                                                     std::uint64_t copy);

/// The policy of a row: what the old system calls it, and for a copy of the row which one. A row whose number cannot be
/// is known by its place; it will be refused.
[[nodiscard]] std::string policy_number_of(std::string_view row, std::uint64_t row_number, std::uint64_t copy);

class ImportRowsService : public symphainy::DomainService {
 public:
  [[nodiscard]] std::string_view name() const override { return "row_import"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  /// Answers ImportCounts.
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;
};

}  // namespace policy_migration
