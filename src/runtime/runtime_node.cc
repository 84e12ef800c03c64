// SPDX-License-Identifier: Apache-2.0
#include "runtime/runtime_node.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <future>
#include <utility>

#include "symphainy/version.h"

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/register_service.h"
#include "runtime/spawn.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

constexpr std::int64_t kFoldLingerUs = 20'000;

std::string store_created_payload() {
  std::string payload;
  base::JsonWriter(payload)
      .begin_object()
      .member("feature_level", kKnownFeatureLevel)
      .member("release", kVersion)
      .end_object();
  return payload;
}

std::string partition_opened_payload(std::uint64_t epoch) {
  std::string payload;
  base::JsonWriter(payload).begin_object().member("epoch", epoch).member("release", kVersion).end_object();
  return payload;
}

std::string events_published_payload(const std::string& publisher, std::uint64_t position) {
  std::string payload;
  base::JsonWriter(payload).begin_object().member("position", position).member("publisher", publisher).end_object();
  return payload;
}

Task<void> run_into(Task<Result<void>> task, std::promise<Result<void>>& outcome) {
  outcome.set_value(co_await std::move(task));
}

// What the promise's keeper says, which is done by work of this executor.
template <typename T>
T answer(std::promise<T>& promise, public_works::Executor& executor) {
  auto future = promise.get_future();
  while (future.wait_for(std::chrono::seconds(0)) != std::future_status::ready && executor.lend_thread()) {
  }
  return future.get();
}

}  // namespace

Result<std::unique_ptr<RuntimeNode>> RuntimeNode::open(NodeAdapters adapters, const RuntimeOptions& options) {
  // Only what the projections may lag anyway is caught up with behind; the rest would be too much to remember.
  const std::uint64_t end = adapters.log.durable_position();
  TRY(fold_log(adapters.log, adapters.state, end - std::min(end, options.max_fold_lag_records)));
  CRASH_POINT("open-after-fold");
  TRY(const std::uint64_t position, adapters.state.position());
  std::unique_ptr<RuntimeNode> node(new RuntimeNode(std::move(adapters), options, position));
  TRY(node->start());
  return node;
}

RuntimeNode::RuntimeNode(NodeAdapters adapters, const RuntimeOptions& options, std::uint64_t position)
    : adapters_(std::move(adapters)),
      options_(options),
      decisions_(adapters_.state, adapters_.lineage),
      admission_(options.max_fold_lag_records, options.max_fold_lag_bytes, position),
      log_(
          adapters_.log, adapters_.partition, adapters_.log.recovery().last_epoch + 1,
          [this](const DurableBatches& batches) { on_batches(batches); },
          // Whoever waits for admission would wait for ever: nothing is folded any more.
          [this](const Error& error) {
            admission_.close(Error{ErrorCode::stopped, "the runtime has stopped: " + error.message, "", {}});
          }) {}

RuntimeNode::~RuntimeNode() {
  (void)close();
}

Result<void> RuntimeNode::start() {
  TRY(surface_, StateSurface::open(adapters_.state, adapters_.fold,
                                   [this](Result<std::uint64_t> folded) { on_folded(std::move(folded)); },
                                   {&adapters_.clock, kFoldLingerUs}));
  TRY(auto registrations, adapters_.state.registrations());
  TRY(decisions_.load());
  TRY(auto cursors, adapters_.state.cursors());
  // What the log holds behind that decides too, before the projections have it: intents are taken at once.
  const std::uint64_t end = adapters_.log.durable_position();
  if (end > surface_->folded()) admission_.appended(end, 0);
  Result<void> seen;
  TRY(surface_->catch_up(adapters_.log, [&](const public_works::StateChanges& decided) {
    if (seen) seen = decisions_.see(decided);
    registrations.insert(registrations.end(), decided.registrations.begin(), decided.registrations.end());
    for (const auto& [publisher, position] : decided.cursors) cursors[publisher] = position;
  }));
  TRY(std::move(seen));
  registry_.load(registrations);

  context_services_.emplace(ContextServices{*surface_, adapters_.lineage, adapters_.artifacts, adapters_.log,
                                            adapters_.clock, adapters_.log_sink});
  lifecycle_.emplace(LifecycleParts{adapters_.partition, adapters_.handlers, adapters_.clock, adapters_.random, log_,
                                    decisions_, registry_, admission_, *context_services_, options_.intent_limits,
                                    [this] { enter(); }, [this] { leave(); }});
  if (adapters_.publisher != nullptr) {
    const auto cursor = cursors.find(adapters_.publisher_name);
    outbox_.emplace(
        adapters_.publisher_name, *adapters_.publisher, adapters_.log, adapters_.relay, adapters_.clock,
        OutboxOrigin{adapters_.log.identity(), log_.epoch()}, cursor == cursors.end() ? 0 : cursor->second,
        [this](const std::string& publisher, std::uint64_t position) { mark_published(publisher, position); });
  }
  adapters_.log.start(log_);
  CRASH_POINT("open-before-epoch");
  TRY(run_and_wait(open_partition()));
  CRASH_POINT("open-after-epoch");
  if (outbox_) outbox_->wake();  // what an earlier process left unpublished
  return {};
}

Task<Result<void>> RuntimeNode::open_partition() {
  std::vector<base::RecordDraft> drafts;
  const std::string system(base::kSystemTenant);
  if (adapters_.log.recovery().last_position == 0) {
    drafts.push_back(draft_record(RecordType::store_created, system, store_created_payload()));
  }
  drafts.push_back(draft_record(RecordType::partition_opened, system, partition_opened_payload(log_.epoch())));
  const auto receipt = log_.append(std::move(drafts));
  if (!receipt) co_return std::unexpected(receipt.error());
  last_appended_ = receipt->last_position;
  co_return co_await log_.durable(receipt->last_position);
}

// --- registering
// ------------------------------------------------------------------------------------------------------

Result<void> RuntimeNode::register_intent(IntentSupport support, std::string domain_service, std::string handler_name,
                                          IntentHandler handler) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_)
      return fail(ErrorCode::cancelled, "the runtime is closing; register with a newly opened one", "closing");
    ++in_flight_;  // closing waits for it
  }
  auto recorded = run_and_wait(
      record_registration(std::move(support), std::move(domain_service), std::move(handler_name), std::move(handler)));
  leave();
  return recorded;
}

Task<Result<void>> RuntimeNode::record_registration(IntentSupport support, std::string domain_service,
                                                    std::string handler_name, IntentHandler handler) {
  auto draft = registry_.register_intent(std::move(support), std::move(domain_service), std::move(handler_name),
                                         std::move(handler));
  if (!draft) co_return std::unexpected(draft.error());
  if (!*draft) co_return Result<void>();
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(**std::move(draft));
  const auto receipt = log_.append(std::move(drafts));
  if (!receipt) co_return std::unexpected(receipt.error());
  last_appended_ = receipt->last_position;
  co_return co_await log_.durable(receipt->last_position);
}

Result<void> RuntimeNode::register_service(std::shared_ptr<DomainService> service) {
  return register_every_intent(*this, service);
}

// --- submitting
// -------------------------------------------------------------------------------------------------------

bool RuntimeNode::enter(const Done& done, Admits admits) {
  std::optional<Error> refusal;
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      refusal = Error{ErrorCode::cancelled, "the runtime is closing; submit to a newly opened one", "closing", {}};
    } else if (admits == Admits::up_to_limit && in_flight_ >= options_.max_in_flight) {
      refusal = Error{
          ErrorCode::overloaded,
          fmt::format("{} intents are in flight, which is the limit; submit again when some have ended", in_flight_),
          "overloaded",
          {}};
    } else {
      ++in_flight_;
    }
  }
  if (!refusal) return true;
  done(std::unexpected(*std::move(refusal)));
  return false;
}

void RuntimeNode::enter() {
  const std::lock_guard lock(mutex_);
  ++in_flight_;
}

void RuntimeNode::leave() {
  const std::lock_guard lock(mutex_);
  if (--in_flight_ == 0) idle_.notify_all();
}

void RuntimeNode::submit(Intent intent, Done done) {
  if (!enter(done)) return;
  adapters_.partition.post([this, intent = std::move(intent), done = std::move(done)]() mutable {
    spawn(run(std::move(intent), std::move(done)));
  });
}

void RuntimeNode::start(Intent intent, Done done) {
  if (!enter(done)) return;
  adapters_.partition.post([this, intent = std::move(intent), done = std::move(done)]() mutable {
    spawn(run_started(std::move(intent), std::move(done)));
  });
}

void RuntimeNode::submit_json(Json intent, Done done) {
  auto parsed = Intent::from_json(intent, options_.intent_limits);
  if (parsed) return submit(*std::move(parsed), std::move(done));
  if (!enter(done)) return;
  adapters_.partition.post(
      [this, intent = std::move(intent), why = std::move(parsed).error(), done = std::move(done)]() mutable {
        spawn(run_rejection(std::move(intent), std::move(why), std::move(done)));
      });
}

// An exception of the caller's must not end the thread that everybody's work runs on.
void RuntimeNode::tell(const Done& done, Result<ExecutionResult> result) const {
  const std::string execution_id = result ? result->execution_id : std::string();
  CRASH_POINT("acknowledge-before");
  try {
    done(std::move(result));
  } catch (const std::exception& exception) {
    if (!adapters_.log_sink) return;
    adapters_.log_sink(LogLevel::error, execution_id,
                       std::string("the submitter's callback threw: ") + exception.what());
  } catch (...) {
    if (!adapters_.log_sink) return;
    adapters_.log_sink(LogLevel::error, execution_id, "the submitter's callback threw what is no std::exception");
  }
}

Task<void> RuntimeNode::run(Intent intent, Done done) {
  auto result = co_await lifecycle_->execute(std::move(intent));
  tell(done, std::move(result));
  leave();
}

Task<void> RuntimeNode::run_started(Intent intent, Done done) {
  co_await lifecycle_->start(std::move(intent),
                             [this, done](Result<ExecutionResult> result) { tell(done, std::move(result)); });
  leave();
}

Task<void> RuntimeNode::run_rejection(Json intent, Error why, Done done) {
  auto result = co_await lifecycle_->reject(std::move(intent), std::move(why));
  tell(done, std::move(result));
  leave();
}

Task<void> RuntimeNode::run_resumed(TrackedPtr execution) {
  (void)co_await lifecycle_->resume(std::move(execution));  // its outcome is in the log, for whoever asks
  leave();
}

Result<ExecutionResult> RuntimeNode::execute(Intent intent) {
  std::promise<Result<ExecutionResult>> outcome;
  submit(std::move(intent), [&](Result<ExecutionResult> result) { outcome.set_value(std::move(result)); });
  return answer(outcome, adapters_.partition);
}

// Also when too much is in flight: that may be what somebody acts upon.
void RuntimeNode::command(ExecutionCommand command, Done done) {
  if (!enter(done, Admits::always)) return;
  adapters_.partition.post([this, command = std::move(command), done = std::move(done)]() mutable {
    spawn(run_command(std::move(command), std::move(done)));
  });
}

Result<ExecutionResult> RuntimeNode::command(ExecutionCommand command) {
  std::promise<Result<ExecutionResult>> outcome;
  this->command(std::move(command), [&](Result<ExecutionResult> result) { outcome.set_value(std::move(result)); });
  return answer(outcome, adapters_.partition);
}

Task<void> RuntimeNode::run_command(ExecutionCommand command, Done done) {
  co_await lifecycle_->command(std::move(command),
                               [this, done](Result<ExecutionResult> result) { tell(done, std::move(result)); });
  leave();
}

Result<std::size_t> RuntimeNode::resume() {
  std::promise<std::size_t> found;
  adapters_.partition.post([this, &found] {
    const auto unfinished = decisions_.live();
    std::size_t count = 0;
    std::vector<TrackedPtr> to_resume;
    for (const TrackedPtr& execution : unfinished) {
      if (lifecycle_->goes_on_by_itself(*execution)) to_resume.push_back(execution);
      if (execution->row.status == "waiting") lifecycle_->take_up_waiting(execution);
      if (execution->row.status == "pending") lifecycle_->take_up_pending(execution);
    }
    count = to_resume.size();
    {
      const std::lock_guard lock(mutex_);
      in_flight_ += count;
    }
    found.set_value(count);
    for (const TrackedPtr& execution : to_resume) {
      CRASH_POINT("resume-before-execution");
      spawn(run_resumed(execution));
    }
  });
  return answer(found, adapters_.partition);
}

// --- what the log and the fold report
// ---------------------------------------------------------------------------------

void RuntimeNode::on_batches(const DurableBatches& batches) {
  surface_->hand_over(batches);
  if (outbox_) outbox_->offer(batches);
}

void RuntimeNode::on_folded(Result<std::uint64_t> folded) {
  adapters_.partition.post([this, folded = std::move(folded)] {
    if (!folded) return admission_.close(folded.error());
    decisions_.folded(*folded);
    admission_.folded(*folded);
  });
}

void RuntimeNode::mark_published(const std::string& publisher, std::uint64_t position) {
  adapters_.partition.post([this, publisher, position] {
    CRASH_POINT("mark-before-append");
    std::vector<base::RecordDraft> drafts;
    drafts.push_back(draft_record(RecordType::events_published, std::string(base::kSystemTenant),
                                  events_published_payload(publisher, position)));
    // When the log has stopped, the publisher's own mark settles it after reopening.
    if (const auto receipt = log_.append(std::move(drafts))) last_appended_ = receipt->last_position;
  });
}

// --- draining and closing
// ---------------------------------------------------------------------------------------------

Result<void> RuntimeNode::run_and_wait(Task<Result<void>> task) {
  std::promise<Result<void>> outcome;
  adapters_.partition.post([&outcome, task = std::move(task)]() mutable { spawn(run_into(std::move(task), outcome)); });
  return answer(outcome, adapters_.partition);
}

void RuntimeNode::wait_for(public_works::Executor& executor) {
  std::promise<void> reached;
  executor.post([&reached] { reached.set_value(); });
  answer(reached, executor);
}

Task<Result<void>> RuntimeNode::everything_durable() {
  const std::uint64_t target = last_appended_;
  if (target <= adapters_.log.durable_position()) co_return Result<void>();
  co_return co_await log_.durable(target);
}

RuntimeStatistics RuntimeNode::statistics() const {
  const auto identity = adapters_.log.identity();
  RuntimeStatistics now{.store_id = identity.store.text(),
                        .timeline = identity.timeline.text(),
                        .durable_position = 0,
                        .folded_position = surface_->folded(),
                        .in_flight = 0};
  // After the fold's: the log is never shown behind what was folded from it.
  now.durable_position = adapters_.log.durable_position();
  const std::lock_guard lock(mutex_);
  now.in_flight = in_flight_;
  return now;
}

Result<void> RuntimeNode::drain() {
  if (outbox_) {
    TRY(outbox_->wait_until(adapters_.log.durable_position()));
    wait_for(adapters_.partition);  // the relay's marks are appended
    TRY(run_and_wait(everything_durable()));
  }
  return surface_->wait_until(adapters_.log.durable_position());
}

void RuntimeNode::begin_closing() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(closing_, true)) return;
  adapters_.log.end_waiting_for_room();
  if (lifecycle_) adapters_.partition.post([this] { lifecycle_->stop_waiting(); });
}

Result<void> RuntimeNode::close() {
  const std::lock_guard closing(close_mutex_);  // a second caller returns when it is closed
  begin_closing();
  {
    std::unique_lock lock(mutex_);
    if (closed_) return {};
    public_works::wait_for_work(adapters_.partition, lock, idle_, [this] { return in_flight_ == 0; });
    closed_ = true;
  }
  // A handler whose execution ended at its deadline may still run, and use what is closed below.
  if (lifecycle_) lifecycle_->wait_for_handlers();
  Result<void> drained = surface_ && lifecycle_ ? drain() : Result<void>();
  Result<void> closed = adapters_.log.close();
  // Timers and work already posted refer to this node; they are void, or have run, when these have.
  if (outbox_) outbox_->close();
  if (surface_) surface_->close();
  for (public_works::Executor* executor : {&adapters_.relay, &adapters_.fold, &adapters_.partition})
    wait_for(*executor);
  if (!closed) return std::unexpected(outcome_unknown(closed.error()));
  return drained;
}

}  // namespace symphainy::runtime
