// SPDX-License-Identifier: Apache-2.0
// The new policy system as the migration calls it. Every call carries a token and happens once, however often it is
// made: the system keeps the token in the transaction of the call's effect and answers it again as it did before.
//
// A call that fails says so on stderr in one line, "policy system: OPERATION POLICY: REASON".
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <symphainy/error.h>
#include <symphainy/json.h>
#include <vector>

#include "fault_plan.h"
#include "policy_connection.h"

namespace policy_migration {

struct PolicyCall {
  std::string token;          ///< a UUID: the same in every try
  std::string policy_number;  ///< whose policy it is about
  std::uint64_t number = 1;   ///< tells its tries apart, for the fault plan
};

/// All calls may come from any thread, and block for as long as the statement timeout and two seconds to connect.
class PolicySystem {
 public:
  struct Options {
    std::string conninfo;  ///< as libpq has it
    std::chrono::milliseconds statement_timeout = std::chrono::seconds(5);
    FaultPlan faults = {};
  };
  explicit PolicySystem(Options options);

  // Errors of all: unavailable ("refused", "unreachable", "server_error") and unknown ("answer_lost", "no_answer"),
  // which another try with the same token may get over; failed with a reason of final_refusals() which none does.

  /// The record waits to be confirmed from then on. "policy_exists" when it stands there under another token.
  [[nodiscard]] symphainy::Result<symphainy::Json> write(const PolicyCall& call, const symphainy::Json& record);
  /// Makes active what was written with `write_token`. "policy_on_hold" when it must not be.
  [[nodiscard]] symphainy::Result<symphainy::Json> confirm(const PolicyCall& call, const std::string& write_token);
  /// Takes the write back, accepts that it never happened, and has the system refuse it when it comes late
  /// ("write_withdrawn").
  [[nodiscard]] symphainy::Result<symphainy::Json> withdraw(const PolicyCall& call, const std::string& write_token);

  /// Errors that another try does not help.
  [[nodiscard]] static std::vector<std::string> final_refusals();

 private:
  struct Statement {
    std::string_view operation;
    std::string sql;
    std::vector<std::string> values;
  };

  [[nodiscard]] symphainy::Result<symphainy::Json> call(const PolicyCall& call, const Statement& statement);
  [[nodiscard]] symphainy::Result<std::string> attempt(Fault fault, const Statement& statement);
  [[nodiscard]] symphainy::Result<PolicyConnection> lease();
  void give_back(PolicyConnection connection);
  void forget_idle();

  const Options options_;
  std::mutex mutex_;
  std::vector<PolicyConnection> idle_;  // guarded by mutex_
};

}  // namespace policy_migration
