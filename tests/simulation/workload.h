// SPDX-License-Identifier: Apache-2.0
// What clients ask for in a simulation, and the handlers that do it. A client does one thing after the other; when it
// does not hear how an intent ended, it asks again with the same intent, as it is told to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "crash/history_checker.h"
#include "simulation/operators.h"
#include "simulation/simulator.h"

namespace symphainy::simulation {

/// What lasts while nodes come and go: clients, and the world that handlers act on.
class Workload {
 public:
  /// `handlers` and `clients` are where they run. While the process is dead, what it still seems to do does not count.
  Workload(Simulator& simulator, public_works::Executor& handlers, public_works::Executor& clients,
           std::function<bool()> is_dead);

  /// Not `every` one: now and then a process lacks one. Whether it has them all.
  [[nodiscard]] Result<bool> register_handlers(Runtime& runtime, bool every);
  /// All of them, to be replayed: they do nothing but what their context answers. They keep nothing of the runtime.
  [[nodiscard]] Result<void> register_replayed_handlers(Runtime& runtime);
  /// Clients go on with this runtime, from time to time, until they have nothing left to ask.
  void go_on(Runtime& runtime);
  /// The runtime is gone: nothing that it still says counts, and what was under way is unknown.
  void runtime_is_gone();
  [[nodiscard]] bool is_done() const;

  [[nodiscard]] const std::vector<tests::ClientOperation>& history() const noexcept { return history_; }
  [[nodiscard]] const std::vector<tests::ActSeen>& acts() const noexcept { return operators_.acts(); }
  [[nodiscard]] const std::vector<tests::LedgerEntry>& ledger() const noexcept { return ledger_; }
  [[nodiscard]] static std::set<std::string> noting_types();
  /// What handlers were answered, and should not have been.
  [[nodiscard]] const std::vector<tests::Violation>& complaints() const noexcept { return complaints_; }
  /// Handlers that wait, or may wait, and are here.
  [[nodiscard]] std::size_t frames() const noexcept { return frames_; }

 private:
  struct Client {
    std::string name;
    std::string tenant;
    std::uint64_t left = 0;         ///< new intents to come
    std::optional<Intent> pending;  ///< under way, or to be asked again
    bool waits = false;             ///< for an answer
  };

  struct Nap {
    std::uint64_t generation = 0;
    std::int64_t began_us = 0;  ///< on the steady clock
  };
  // Those that an earlier process left behind do not count.
  class Frame {
   public:
    explicit Frame(Workload& workload) : workload_(workload), generation_(workload.generation_) { ++workload.frames_; }
    ~Frame() {
      if (generation_ == workload_.generation_) --workload_.frames_;
    }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

   private:
    Workload& workload_;
    const std::uint64_t generation_;
  };

  void next(Client& client, std::uint64_t generation);
  void submit_garbage(const Client& client);
  [[nodiscard]] Intent new_intent(Client& client);
  void heard(Client& client, std::uint64_t generation, Result<ExecutionResult> result);
  [[nodiscard]] tests::ClientOperation operation(const Client& client) const;
  void come_back_later(Client& client);
  [[nodiscard]] Result<void> register_types(Runtime& runtime, const std::set<std::string>& types,
                                            const IntentHandler& handler);
  [[nodiscard]] Task<Result<HandlerResult>> handle(const Intent& intent, ExecutionContext& context);
  [[nodiscard]] Task<Result<HandlerResult>> replay(const Intent& intent, ExecutionContext& context);
  [[nodiscard]] Task<Result<Json>> take_all_steps(const Intent& intent, ExecutionContext& context);
  void note(const ExecutionContext& context, std::string step = "");
  [[nodiscard]] Task<Result<Json>> take_steps(const Intent& intent, ExecutionContext& context);
  [[nodiscard]] Task<Result<Json>> take_saga(const Intent& intent, ExecutionContext& context);
  [[nodiscard]] Task<Result<Json>> take_live_waits(const Intent& intent, ExecutionContext& context);
  [[nodiscard]] Task<Result<Json>> take_waits(const Intent& intent, ExecutionContext& context, bool live);
  [[nodiscard]] Task<Result<Json>> nap(std::string place, ExecutionContext& context, bool live);
  [[nodiscard]] Task<Result<Json>> wait_for_approval(std::string place, const Intent& intent, ExecutionContext& context,
                                                     bool live);
  void answered_alike(const std::string& place, const std::string& answer);
  [[nodiscard]] Task<Result<void>> take_back(std::string key, const ExecutionContext& context);
  [[nodiscard]] Task<Result<Json>> run_step(std::string key, const ExecutionContext& context, std::uint64_t eighths);
  [[nodiscard]] Result<Json> act(const Intent& intent, ExecutionContext& context);

  Simulator& simulator_;
  public_works::Executor& handlers_;
  public_works::Executor& clients_executor_;
  const std::function<bool()> is_dead_;
  Operators operators_;
  Runtime* runtime_ = nullptr;
  std::uint64_t generation_ = 0;  // of the runtime
  std::vector<Client> clients_;
  std::map<std::string, std::vector<std::string>> references_;  // by tenant, as far as clients heard of them
  std::vector<Intent> asked_;                                   // to be asked again by somebody
  std::vector<tests::ClientOperation> history_;
  std::vector<tests::LedgerEntry> ledger_;
  std::map<std::string, Nap> naps_;             // by execution and which of its waits
  std::map<std::string, std::string> answers_;  // likewise
  std::vector<tests::Violation> complaints_;
  std::size_t frames_ = 0;
};

}  // namespace symphainy::simulation
