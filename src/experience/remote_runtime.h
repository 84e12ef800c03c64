// SPDX-License-Identifier: Apache-2.0
// The runtime of another process, over its control socket: what submits to a runtime works unchanged while
// `symphainy serve` owns the data directory.
//
// A few connections carry one request each at a time, on one thread; more submissions wait in a queue. What the node
// has no room for just now is sent again when it says so. A connection that is lost once a request was sent leaves its
// outcome unknown, and is never tried again by itself.
#pragma once

#include <memory>
#include <string>

#include "symphainy/runtime.h"

namespace symphainy::experience {

class RemoteRuntime final : public Runtime {
 public:
  /// unavailable: reason "not_serving" when nobody listens in that directory, "stopping" when the node there takes
  /// nothing more, "no_answer" when it is silent for 5 s. At most `max_in_flight` submissions are
  /// held; what is beyond them is refused as overloaded.
  [[nodiscard]] static Result<std::unique_ptr<RemoteRuntime>> connect(const std::string& data_directory,
                                                                      std::size_t max_in_flight);
  ~RemoteRuntime() override;

  /// conflict, reason "served": the serving process has registered what it supports.
  [[nodiscard]] Result<void> register_intent(IntentSupport support, std::string domain_service,
                                             std::string handler_name, IntentHandler handler) override;
  [[nodiscard]] Result<void> register_service(std::shared_ptr<DomainService> service) override;
  /// 0: the serving process has gone on with what was unfinished.
  [[nodiscard]] Result<std::size_t> resume() override;

  /// `done` is called from the connections' thread.
  void submit(Intent intent, Done done) override;
  void submit_json(Json intent, Done done) override;
  void start(Intent intent, Done done) override;
  [[nodiscard]] Result<ExecutionResult> execute(Intent intent) override;
  void command(ExecutionCommand command, Done done) override;
  [[nodiscard]] Result<ExecutionResult> command(ExecutionCommand command) override;
  /// The serving process's; when it cannot be asked, what was last known of it.
  [[nodiscard]] RuntimeStatistics statistics() const override;
  [[nodiscard]] Result<void> drain() override;
  /// Does nothing: what was sent is the serving process's to answer.
  void begin_closing() override {}
  /// Waits for what was submitted here and drains. What the node has no room for then is sent once more
  /// at most. The serving process goes on; when it has ended meanwhile, that is no
  /// error, because it drained by itself or will when it is opened again.
  Result<void> close() override;

 private:
  class Impl;
  explicit RemoteRuntime(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace symphainy::experience
