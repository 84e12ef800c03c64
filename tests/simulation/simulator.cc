// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulator.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::simulation {
namespace {

constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;
constexpr std::uint64_t kMostStepsInAPause = 12;

}  // namespace

class Simulator::SimulatedExecutor final : public public_works::Executor {
 public:
  SimulatedExecutor(Simulator& simulator, std::string name, std::size_t threads)
      : simulator_(simulator), name_(std::move(name)), threads_(threads) {}

  void post(public_works::Work work) override { queue_.push_back(std::move(work)); }
  void post_at(std::int64_t steady_us, public_works::Work work) override {
    timers_.emplace(steady_us, std::move(work));
  }
  bool lend_thread() override {
    if (simulator_.step()) return true;
    fmt::print(stderr, "simulation: somebody waits for {}, where nothing is left to do\n", name_);
    std::abort();
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool can_work(std::int64_t now_us) const {
    const auto next = next_us();
    return next && *next <= now_us;
  }
  // When it has something to do; nothing also while its threads are all busy.
  [[nodiscard]] std::optional<std::int64_t> next_us() const {
    if (busy_ == threads_ || (queue_.empty() && timers_.empty())) return std::nullopt;
    return std::max(stalled_until_us_, queue_.empty() ? timers_.begin()->first : 0);
  }
  void stall_until(std::int64_t steady_us) { stalled_until_us_ = steady_us; }
  void work(std::int64_t now_us) {
    while (!timers_.empty() && timers_.begin()->first <= now_us) {
      queue_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    // Threads of a pool take in order, and overtake each other afterwards.
    const std::size_t which = threads_ == 1 ? 0 : simulator_.below(std::min(queue_.size(), threads_));
    public_works::Work work = std::move(queue_[which]);
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(which));
    ++busy_;
    work();
    --busy_;
  }
  void drop() {
    // What is destroyed may post.
    while (!queue_.empty() || !timers_.empty()) {
      const auto queue = std::exchange(queue_, {});
      const auto timers = std::exchange(timers_, {});
    }
  }

 private:
  Simulator& simulator_;
  const std::string name_;
  const std::size_t threads_;
  std::size_t busy_ = 0;
  std::int64_t stalled_until_us_ = 0;
  std::deque<public_works::Work> queue_;
  std::multimap<std::int64_t, public_works::Work> timers_;  // equal times stay in the order posted
};

Simulator::Simulator(std::uint64_t seed) : dice_(seed), clock_(kNoonUs, 1'000'000) {}

Simulator::~Simulator() = default;

public_works::Executor& Simulator::add_executor(std::string name, std::size_t threads) {
  executors_.push_back(std::make_unique<SimulatedExecutor>(*this, std::move(name), threads));
  return *executors_.back();
}

void Simulator::drop_all_work() {
  for (const auto& executor : executors_) executor->drop();
}

bool Simulator::work_now() {
  std::vector<SimulatedExecutor*> ready;
  for (const auto& executor : executors_) {
    if (executor->can_work(clock_.steady_us())) ready.push_back(executor.get());
  }
  if (ready.empty()) return false;
  SimulatedExecutor& next = *ready[below(ready.size())];
  ++steps_;
  trace(next.name());
  next.work(clock_.steady_us());
  return true;
}

bool Simulator::let_time_pass(std::int64_t until_us) {
  std::optional<std::int64_t> next;
  for (const auto& executor : executors_) {
    const auto due = executor->next_us();
    if (due && (!next || *due < *next)) next = due;
  }
  if (!next || *next > until_us) return false;
  clock_.advance_us(std::max<std::int64_t>(*next - clock_.steady_us(), 0));
  return true;
}

bool Simulator::step() {
  return work_now() || (let_time_pass(INT64_MAX) && work_now());
}

void Simulator::run_until_time(std::int64_t steady_us) {
  while (work_now() || let_time_pass(steady_us)) {
  }
  clock_.advance_us(std::max<std::int64_t>(steady_us - clock_.steady_us(), 0));
}

void Simulator::pause() {
  for (std::uint64_t left = below(kMostStepsInAPause); left > 0; --left) {
    if (!work_now()) return;
  }
}

void Simulator::stall_one(std::int64_t duration_us) {
  SimulatedExecutor& slow = *executors_[below(executors_.size())];
  trace("stall");
  trace(slow.name());
  slow.stall_until(clock_.steady_us() + duration_us);
}

void Simulator::trace(std::string_view what) {
  for (const char c : what) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 1099511628211U;
  hash_ = (hash_ ^ static_cast<std::uint64_t>(clock_.steady_us())) * 1099511628211U;
  if (verbose_) fmt::print("{:>12} {:>8} {}\n", clock_.steady_us(), steps_, what);
}

}  // namespace symphainy::simulation
