// SPDX-License-Identifier: Apache-2.0
// import_portfolio: one portfolio file becomes the policies of the new system. It does nothing itself: ingest_portfolio
// takes the file in, an import_rows for each slice of it has the rows migrated, and it adds up what they answer.
#pragma once

#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

namespace policy_migration {

inline constexpr std::string_view kImportPortfolio = "import_portfolio";

class ImportPortfolioService : public symphainy::DomainService {
 public:
  [[nodiscard]] std::string_view name() const override { return "portfolio_import"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  /// {"path", "copies"?, "rows"?, "slice_rows"?} → ImportCounts and {"portfolio": reference id}. Completes when each
  /// row has come to an end, whichever.
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;
};

}  // namespace policy_migration
