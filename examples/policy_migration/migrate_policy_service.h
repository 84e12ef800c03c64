// SPDX-License-Identifier: Apache-2.0
// migrate_policy: one row of a portfolio file becomes one policy of the new system, or leaves nothing there.
//
// validate → map → write → confirm. The write is a step with an undo: the record waits there, and is withdrawn when the
// saga fails. Confirming is the pivot: it makes the policy active, which others act upon, so nothing that comes while
// its outcome is unknown (a kill, a cancellation, the deadline) may take the policy away again; it is asked for until
// it is known. Refused for good, it has failed, and the write is withdrawn. What follows it is only the commit.
#pragma once

#include <memory>
#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

#include "policy_system.h"

namespace policy_migration {

inline constexpr std::string_view kMigratePolicy = "migrate_policy";

/// {"portfolio": reference id, "row_number": from 1, "policy_number", "row": the line}
[[nodiscard]] symphainy::Json migrate_policy_parameters(std::string_view portfolio, std::uint64_t row_number,
                                                        std::string_view policy_number, std::string_view row);

/// Registers the row, derived from its portfolio file. Returns its reference id.
[[nodiscard]] symphainy::Result<std::string> register_row(const symphainy::Json& parameters,
                                                          symphainy::ExecutionContext& context);

class MigratePolicyService : public symphainy::DomainService {
 public:
  explicit MigratePolicyService(std::shared_ptr<PolicySystem> policies) : policies_(std::move(policies)) {}

  [[nodiscard]] std::string_view name() const override { return "policy_migration"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;

 private:
  std::shared_ptr<PolicySystem> policies_;
};

}  // namespace policy_migration
