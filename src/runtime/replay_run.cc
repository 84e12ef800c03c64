// SPDX-License-Identifier: Apache-2.0
#include "runtime/replay_run.h"

#include <thread>
#include <vector>

#include "runtime/handler_run.h"

namespace symphainy::runtime {
namespace {

// What threads that could not be stopped still use. Never destroyed, also not when the process ends.
void keep_for_ever(std::shared_ptr<ReplayRun> run) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::shared_ptr<ReplayRun>>();
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(run));
}

}  // namespace

struct ReplayRun::Over {
  ReplayRun& run;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> /*done*/) const noexcept { run.end(); }
  void await_resume() const noexcept {}
};

ReplayRun::ReplayRun(std::shared_ptr<void> stores, RegisteredPtr handler, std::unique_ptr<ReplayContext> context)
    : stores_(std::move(stores)), handler_(std::move(handler)), context_(std::move(context)), root_(drive(*this)) {
  context_->on_left([this] { end(); });
}

ReplayRun::Root ReplayRun::drive(ReplayRun& run) {
  run.answer_ = co_await answer_of(run.handler_->handler, *run.context_);
  co_await Over{run};
}

bool ReplayRun::run(const std::shared_ptr<ReplayRun>& run, std::chrono::milliseconds time_limit) {
  std::thread thread([run] { run->root_.resume(); });
  if (run->wait(time_limit)) {
    thread.join();  // it has nothing more to do
    return true;
  }
  run->context_->time_is_up();
  keep_for_ever(run);
  thread.detach();
  return false;
}

// Notified under the lock: the one who waits may destroy this as soon as it has it.
void ReplayRun::end() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  ended_.notify_all();
}

bool ReplayRun::wait(std::chrono::milliseconds time_limit) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, time_limit, [this] { return over_; });
}

}  // namespace symphainy::runtime
