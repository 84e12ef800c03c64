// SPDX-License-Identifier: Apache-2.0
// The lifecycle over memory adapters, on one thread: time, threads and syncs move when the test says so, and every
// test sees each interleaving it wants, every time.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/held_event_log.h"
#include "runtime/spawn.h"
#include "runtime/state_surface.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {

/// What a submitter has heard so far: nothing, or once the answer.
using Heard = std::shared_ptr<std::optional<Result<ExecutionResult>>>;

// --- handlers

using HandlerBody = std::function<Result<HandlerResult>(const Intent&, ExecutionContext&)>;

inline Task<Result<HandlerResult>> run_body(HandlerBody body, const Intent& intent, ExecutionContext& context) {
  co_return body(intent, context);
}
/// A handler that answers at once.
inline IntentHandler answering(HandlerBody body) {
  return [body = std::move(body)](const Intent& intent, ExecutionContext& context) {
    return run_body(body, intent, context);
  };
}

/// co_await gate: goes on when the test opens it.
class Gate {
 public:
  void open() {
    open_ = true;
    if (waiting_) std::exchange(waiting_, nullptr).resume();
  }
  [[nodiscard]] bool reached() const noexcept { return waiting_ != nullptr; }

  [[nodiscard]] bool await_ready() const noexcept { return open_; }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  void await_resume() const noexcept {}

 private:
  bool open_ = false;
  std::coroutine_handle<> waiting_;
};

inline Task<Result<HandlerResult>> run_gated(Gate* gate, HandlerBody body, const Intent& intent,
                                             ExecutionContext& context) {
  co_await *gate;
  co_return body(intent, context);
}
/// A handler that answers when the gate is open.
inline IntentHandler gated(Gate& gate, HandlerBody body) {
  return [&gate, body = std::move(body)](const Intent& intent, ExecutionContext& context) {
    return run_gated(&gate, body, intent, context);
  };
}

// --- the runtime

class ManualRuntime {
 public:
  /// Opens what the contents hold, as a process does that starts: fold, load, a higher epoch.
  explicit ManualRuntime(std::shared_ptr<public_works::MemoryLogContents> log_contents =
                             std::make_shared<public_works::MemoryLogContents>(),
                         std::uint64_t random_seed = 1, std::int64_t wall_us = 1'700'000'000'000'000)
      : clock(wall_us, 5'000'000),
        random(random_seed),
        contents(std::move(log_contents)),
        log(clock, random, contents) {
    surface = open_surface();
    CHECK(decisions.load());
    services.emplace(ContextServices{*surface, store, artifacts, log, clock, [](auto&&...) {}});
    lifecycle.emplace(LifecycleParts{partition, handlers, clock, random, wal, decisions, registry, admission, *services,
                                     IntentLimits()});
    log.start(wal);
  }
  ManualRuntime(const ManualRuntime&) = delete;
  ManualRuntime& operator=(const ManualRuntime&) = delete;
  /// Lets everything end, because a coroutine that waits for ever would be leaked.
  ~ManualRuntime() {
    log.release();
    run();
  }

  void support(IntentSupport support, IntentHandler handler) {
    CHECK(registry.register_intent(std::move(support), "things", "handle", std::move(handler)));
  }
  void support(const std::string& type, IntentHandler handler, Effects effects = Effects::external,
               Json schema = Json::object(), std::uint32_t version = 1) {
    IntentSupport support{type, std::move(schema), version, effects};
    CHECK(registry.register_intent(std::move(support), "things", "handle", std::move(handler)));
  }

  /// Until nothing is left to do now.
  void run() {
    do {
      run_without_folding();
    } while (folding.run_until_idle() > 0);
  }
  void run_without_folding() {
    while (partition.run_until_idle() + handlers.run_until_idle() > 0) {
    }
  }
  Heard submit(Intent intent) {
    return start([this, intent = std::move(intent)]() mutable { return lifecycle->execute(std::move(intent)); });
  }
  Heard resume(TrackedPtr execution) {
    return start([this, execution = std::move(execution)] { return lifecycle->resume(execution); });
  }
  /// For whoever does not wait for its end.
  Heard start_execution(Intent intent) {
    return answered([this, intent = std::move(intent)](auto answer) { return lifecycle->start(intent, answer); });
  }
  Heard command(ExecutionCommand command) {
    return answered([this, command = std::move(command)](auto answer) { return lifecycle->command(command, answer); });
  }
  Heard reject(Json refused, Error why) {
    return start(
        [this, refused = std::move(refused), why = std::move(why)] { return lifecycle->reject(refused, why); });
  }
  /// Submits, lets everything run, and answers what was heard.
  Result<ExecutionResult> execute(Intent intent) {
    const Heard heard = submit(std::move(intent));
    run();
    return heard->value();
  }

  /// The names of the records appended (durable or not) since the batch with this number, batch by batch.
  [[nodiscard]] std::vector<std::vector<std::string>> recorded(std::size_t since = 0) const {
    std::vector<std::vector<std::string>> batches;
    for (std::size_t i = since; i < contents->batches.size(); ++i) {
      batches.emplace_back();
      for (const base::LogRecord& record : contents->batches[i]->records) {
        batches.back().emplace_back(record_name(record.type));
      }
    }
    return batches;
  }
  [[nodiscard]] std::size_t batches() const { return contents->batches.size(); }
  /// The last record of that type; there must be one.
  [[nodiscard]] const base::LogRecord& last(RecordType type) const {
    const base::LogRecord* found = nullptr;
    for (const auto& batch : contents->batches) {
      for (const base::LogRecord& record : batch->records) {
        if (static_cast<RecordType>(record.type) == type) found = &record;
      }
    }
    CHECK(found != nullptr);
    return *found;
  }
  [[nodiscard]] Json last_payload(RecordType type) const { return Json::parse(last(type).payload).value(); }
  /// What a process that dies now leaves.
  [[nodiscard]] std::shared_ptr<public_works::MemoryLogContents> copy_of_log() const {
    return std::make_shared<public_works::MemoryLogContents>(*contents);
  }

  // In the order in which they are opened.
  public_works::ManualClock clock;
  public_works::SeededRandom random;
  std::shared_ptr<public_works::MemoryLogContents> contents;
  tests::HeldEventLog log;
  public_works::ManualExecutor partition{clock};
  public_works::ManualExecutor handlers{clock};
  public_works::ManualExecutor folding{clock};
  bool fold_at_once = true;  ///< a handler that asks would block until the fold, which runs on this thread
  public_works::MemoryStateStore store;
  public_works::MemoryArtifactStore artifacts;
  IntentRegistry registry;
  std::unique_ptr<StateSurface> surface;
  DecisionState decisions{store, store};
  Admission admission{1'000'000, 1'000'000'000, log.recovery().last_position};
  WriteAheadLog wal{log, partition, log.recovery().last_epoch + 1, [this](const DurableBatches& durable) {
                      surface->hand_over(durable);
                      if (fold_at_once) folding.run_until_idle();
                    }};
  std::optional<ContextServices> services;
  std::optional<ExecutionLifecycleManager> lifecycle;

 private:
  std::unique_ptr<StateSurface> open_surface() {
    CHECK(fold_log(log, store));
    return StateSurface::open(store, folding,
                              [this](const Result<std::uint64_t>& folded) {
                                partition.post([this, folded] {
                                  decisions.folded(folded.value());
                                  admission.folded(folded.value());
                                });
                              })
        .value();
  }
  template <typename Begin>
  Heard answered(Begin begin) {
    auto heard = std::make_shared<std::optional<Result<ExecutionResult>>>();
    partition.post([begin = std::move(begin), heard] {
      spawn(begin([heard](Result<ExecutionResult> result) {
        CHECK(!*heard);  // everybody is answered once
        *heard = std::move(result);
      }));
    });
    return heard;
  }
  template <typename Begin>
  Heard start(Begin begin) {
    auto heard = std::make_shared<std::optional<Result<ExecutionResult>>>();
    partition.post([begin = std::move(begin), heard]() mutable { spawn(hear(begin(), heard)); });
    return heard;
  }
  static Task<void> hear(Task<Result<ExecutionResult>> task, Heard heard) {
    auto result = co_await std::move(task);
    CHECK(!*heard);  // everybody is answered once
    *heard = std::move(result);
  }
};

inline Intent intent_for(const std::string& type, Json parameters = Json::object(),
                         const std::string& tenant = "acme") {
  Intent intent = Intent::create(type, tenant, "session", "solution", {"user", "maria"}, std::move(parameters));
  intent.created_at_us = 1'700'000'000'000'000;
  return intent;
}

/// One of everything, so that every kind of record is written: `source`, when set, is what the new reference is made
/// of.
inline Result<HandlerResult> add_everything(ExecutionContext& context, const std::string& source = "") {
  TRY(const Artifact artifact, context.add_artifact({"report", "text/plain", "content"}));
  TRY(context.add_event({"thing.made", Json::object({{"n", 1}}), "subject", ""}));
  ReferenceDraft draft{.type = "thing", .name = "", .digest = "", .media_type = "", .location = artifact.location};
  TRY(const std::string reference, context.register_reference(draft));
  TRY(const std::string second, context.register_reference(draft));
  TRY(context.track_provenance(second, source.empty() ? reference : source));
  TRY(context.put_state("latest", Json(reference)));
  return HandlerResult{Json::object({{"reference", reference}})};
}

}  // namespace symphainy::runtime
