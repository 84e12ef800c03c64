// SPDX-License-Identifier: Apache-2.0
// ingest_portfolio: takes a portfolio file in, as an artifact with a reference, and finds where its slices begin.
//
// import_portfolio has it done by a child, because what an execution registers is there for others only when it has
// completed, and those that import the rows read the file by its reference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

namespace policy_migration {

inline constexpr std::string_view kIngestPortfolio = "ingest_portfolio";

/// So many rows that follow each other in a portfolio file, and where they stand in it.
struct Slice {
  std::uint64_t first_row = 1;  ///< from 1
  std::uint64_t rows = 0;
  std::uint64_t offset = 0;  ///< bytes
  std::uint64_t size = 0;    ///< bytes, from the first row's first to the last row's last

  [[nodiscard]] symphainy::Json to_json() const;
  [[nodiscard]] static Slice from_json(const symphainy::Json& json);
};

/// The slices of up to `slice_rows` (from 1) of a file's first `rows` rows. invalid_argument, reason "not_a_portfolio",
/// when its header is another.
[[nodiscard]] symphainy::Result<std::vector<Slice>> slices_of(std::string_view file, std::uint64_t rows,
                                                              std::uint64_t slice_rows);

class IngestPortfolioService : public symphainy::DomainService {
 public:
  /// Portfolio files are read from `directory`.
  explicit IngestPortfolioService(std::string directory) : directory_(std::move(directory)) {}

  [[nodiscard]] std::string_view name() const override { return "portfolio_ingest"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  /// {"path", "slice_rows", "rows"?} → {"portfolio": reference id, "slices": [...]}
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;

 private:
  std::string directory_;
};

}  // namespace policy_migration
