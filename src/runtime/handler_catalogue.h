// SPDX-License-Identifier: Apache-2.0
// A runtime that only takes registrations: what a program supports, without opening a data directory to run it in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "public_works/abstractions/state_store.h"
#include "runtime/intent_registry.h"

namespace symphainy::runtime {

/// Everything but registering is refused as conflict, reason "registers_only".
class HandlerCatalogue final : public Runtime {
 public:
  /// What earlier processes registered in the directory: a registration that it would refuse is refused here, too.
  explicit HandlerCatalogue(const std::vector<public_works::RegistrationRow>& recorded) { registry_.load(recorded); }

  [[nodiscard]] const IntentRegistry& registry() const noexcept { return registry_; }

  [[nodiscard]] Result<void> register_intent(IntentSupport support, std::string domain_service,
                                             std::string handler_name, IntentHandler handler) override;
  [[nodiscard]] Result<void> register_service(std::shared_ptr<DomainService> service) override;
  /// 0: nothing is under way.
  [[nodiscard]] Result<std::size_t> resume() override { return 0; }

  void submit(Intent intent, Done done) override;
  [[nodiscard]] Result<ExecutionResult> execute(Intent intent) override;
  void start(Intent intent, Done done) override;
  void command(ExecutionCommand command, Done done) override;
  [[nodiscard]] Result<ExecutionResult> command(ExecutionCommand command) override;
  void submit_json(Json intent, Done done) override;
  [[nodiscard]] RuntimeStatistics statistics() const override { return {}; }
  [[nodiscard]] Result<void> drain() override { return {}; }
  void begin_closing() override {}
  Result<void> close() override { return {}; }

 private:
  IntentRegistry registry_;
};

}  // namespace symphainy::runtime
