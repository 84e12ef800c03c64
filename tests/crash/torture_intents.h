// SPDX-License-Identifier: Apache-2.0
// The intents of the torture: handlers that do what real ones do, with content, references, state and events that
// depend on their parameters alone, so that two runs of the same work can be compared.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "symphainy/domain_service.h"
#include "symphainy/runtime.h"

namespace symphainy::tests {

/// Every run of a handler with outside effects, a line of JSON each, in one write, so that a kill leaves it or not.
/// Any thread.
class Ledger {
 public:
  /// Ends the process when the file cannot be opened for appending.
  explicit Ledger(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  /// `step`: the key of the step that runs; empty: the handler.
  void note(const ExecutionContext& context, const std::string& step = "") const;

 private:
  int descriptor_;
};

/// What is done to an execution that is parked, by the `number` among its parameters.
[[nodiscard]] Action action_on_parked(std::int64_t number);
/// The same, or when it is stuck in being undone, for any of them.
[[nodiscard]] Action action_on_waiting(const std::string& intent_type, std::int64_t number);
/// The ledger outlives the service.
[[nodiscard]] std::shared_ptr<DomainService> make_torture_service(const Ledger& ledger);
/// The intent types whose handlers note every run.
[[nodiscard]] std::set<std::string> noting_intent_types();

}  // namespace symphainy::tests
