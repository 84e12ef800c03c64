// SPDX-License-Identifier: Apache-2.0
// import_portfolio: takes a portfolio file in, and writes down the migration of each of its rows.
//
// The file becomes an artifact with a reference; beside it stands the manifest, derived from it: one migrate_policy
// intent per line, each with an idempotency key of its own, ready for `run`. However often they are submitted each row
// is migrated once.
#pragma once

#include <string>
#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

namespace policy_migration {

inline constexpr std::string_view kImportPortfolio = "import_portfolio";

class ImportPortfolioService : public symphainy::DomainService {
 public:
  /// Portfolio files are read from `directory`.
  explicit ImportPortfolioService(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::string_view name() const override { return "portfolio_import"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  /// {"path", "copies"?, "rows"?} → {"portfolio", "manifest", "rows"}: reference ids, and how many intents.
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;

 private:
  std::string directory_;
};

}  // namespace policy_migration
