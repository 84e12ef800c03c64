// SPDX-License-Identifier: Apache-2.0
// One node: the rooms of the runtime put together over whatever adapters it is given, behind the public Runtime
// interface. Opening folds what the projections miss, opens the partition under a new epoch, and only then takes
// intents.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "symphainy/runtime.h"

#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/random.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/transactional_outbox.h"

namespace symphainy::runtime {

/// What a node stands on. All of it outlives the node; `owner`, when set, is kept for exactly as long.
struct NodeAdapters {
  std::shared_ptr<void> owner;
  public_works::EventLog& log;
  public_works::StateStore& state;
  public_works::LineageStore& lineage;
  public_works::ArtifactStore& artifacts;
  public_works::EventPublisher* publisher = nullptr;  ///< nullptr: events stay pending
  std::string publisher_name;
  public_works::Executor& partition;  ///< a strand, like the next two
  public_works::Executor& fold;
  public_works::Executor& relay;
  public_works::Executor& handlers;
  public_works::Clock& clock;
  public_works::Random& random;
  LogSink log_sink;
};

class RuntimeNode final : public Runtime {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RuntimeNode>> open(NodeAdapters adapters, const RuntimeOptions& options);
  ~RuntimeNode() override;

  [[nodiscard]] Result<void> register_intent(IntentSupport support, std::string domain_service,
                                             std::string handler_name, IntentHandler handler) override;
  [[nodiscard]] Result<void> register_service(std::shared_ptr<DomainService> service) override;
  [[nodiscard]] Result<std::size_t> resume() override;
  void submit(Intent intent, Done done) override;
  [[nodiscard]] Result<ExecutionResult> execute(Intent intent) override;
  void start(Intent intent, Done done) override;
  void submit_json(Json intent, Done done) override;
  void command(ExecutionCommand command, Done done) override;
  [[nodiscard]] Result<ExecutionResult> command(ExecutionCommand command) override;
  [[nodiscard]] RuntimeStatistics statistics() const override;
  [[nodiscard]] Result<void> drain() override;
  void begin_closing() override;
  Result<void> close() override;

  [[nodiscard]] IntentRegistry& registry() noexcept { return registry_; }

 private:
  RuntimeNode(NodeAdapters adapters, const RuntimeOptions& options, std::uint64_t position);
  [[nodiscard]] Result<void> start();

  [[nodiscard]] Task<void> run(Intent intent, Done done);
  [[nodiscard]] Task<void> run_started(Intent intent, Done done);
  [[nodiscard]] Task<void> run_rejection(Json intent, Error why, Done done);
  [[nodiscard]] Task<void> run_command(ExecutionCommand command, Done done);
  [[nodiscard]] Task<void> run_resumed(TrackedPtr execution);
  [[nodiscard]] Task<Result<void>> open_partition();
  [[nodiscard]] Task<Result<void>> record_registration(IntentSupport support, std::string domain_service,
                                                       std::string handler_name, IntentHandler handler);
  [[nodiscard]] Task<Result<void>> everything_durable();
  void on_batches(const DurableBatches& batches);
  void on_folded(Result<std::uint64_t> folded);
  void mark_published(const std::string& publisher, std::uint64_t position);

  void tell(const Done& done, Result<ExecutionResult> result) const;
  enum class Admits { up_to_limit, always };
  [[nodiscard]] bool enter(const Done& done, Admits admits = Admits::up_to_limit);
  void enter();
  void leave();
  [[nodiscard]] Result<void> run_and_wait(Task<Result<void>> task);
  void wait_for(public_works::Executor& executor);

  NodeAdapters adapters_;
  const RuntimeOptions options_;
  std::unique_ptr<StateSurface> surface_;
  std::optional<ContextServices> context_services_;
  IntentRegistry registry_;
  DecisionState decisions_;
  Admission admission_;
  WriteAheadLog log_;
  std::optional<ExecutionLifecycleManager> lifecycle_;
  std::optional<TransactionalOutbox> outbox_;
  std::uint64_t last_appended_ = 0;  // by the node itself; the partition's

  std::mutex close_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t in_flight_ = 0;  // guarded by mutex_, like the next two
  bool closing_ = false;
  bool closed_ = false;
};

}  // namespace symphainy::runtime
