// SPDX-License-Identifier: Apache-2.0
// reject_policy: tells the world of a row that was not migrated. It is an intent of its own because what an execution
// adds is committed only when it completes: one that fails, or is compensated, publishes nothing.
#pragma once

#include <string_view>
#include <symphainy/domain_service.h>
#include <vector>

namespace policy_migration {

inline constexpr std::string_view kRejectPolicy = "reject_policy";

class RejectPolicyService : public symphainy::DomainService {
 public:
  [[nodiscard]] std::string_view name() const override { return "policy_rejection"; }
  [[nodiscard]] std::vector<symphainy::IntentSupport> supported_intents() const override;
  /// Registers the row, and adds policy.rejected with why and by which execution.
  [[nodiscard]] symphainy::Task<symphainy::Result<symphainy::HandlerResult>> handle_intent(
      const symphainy::Intent& intent, symphainy::ExecutionContext& context) override;
};

}  // namespace policy_migration
