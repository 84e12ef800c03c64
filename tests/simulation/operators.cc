// SPDX-License-Identifier: Apache-2.0
#include "simulation/operators.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "public_works/abstractions/event_log.h"

namespace symphainy::simulation {
namespace {

constexpr std::uint64_t kLatestUs = 80'000;
constexpr std::uint64_t kVeryLateUs = 3'000'000;
constexpr std::uint64_t kMostAtTheBeginning = 4;
constexpr std::size_t kRecent = 6;

}  // namespace

void Operators::go_on(Runtime& runtime) {
  runtime_ = &runtime;
  ++generation_;
  for (std::uint64_t left = simulator_.below(kMostAtTheBeginning); left > 0 && !known_.empty(); --left) {
    const std::size_t recent = std::min(known_.size(), kRecent);
    act_later(known_[known_.size() - 1 - simulator_.below(recent)]);
  }
  for (const auto& [id, command] : to_send_) send_later(command);
}

void Operators::send_signal(const std::string& tenant, const std::string& execution_id, std::string name,
                            std::string signal_id) {
  if (is_dead_() || sent_.contains(signal_id)) return;
  ExecutionCommand command{.action = Action::signal,
                           .tenant_id = tenant,
                           .execution_id = execution_id,
                           .actor = {"user", "sender"},
                           .reason = "",
                           .wait_for_end = simulator_.one_in(3),
                           .signal = SignalDraft{std::move(name), Json(signal_id), signal_id}};
  const auto& known = to_send_.try_emplace(signal_id, std::move(command)).first->second;
  if (runtime_ == nullptr) return;  // go_on() sends it
  send_later(known);
  if (simulator_.one_in(4)) send_later(known);  // twice
}

void Operators::send_later(const ExecutionCommand& command) {
  const std::int64_t at =
      simulator_.clock().steady_us() +
      static_cast<std::int64_t>(
          simulator_.one_in(3) ? 0 : simulator_.below(simulator_.one_in(2) ? kLatestUs : kVeryLateUs));
  executor_.post_at(at, [this, command, generation = generation_] { send(command, generation); });
}

void Operators::send(const ExecutionCommand& command, std::uint64_t generation) {
  if (generation != generation_ || is_dead_()) return;
  runtime_->command(command, [this, command, generation](const Result<ExecutionResult>& result) {
    if (generation != generation_ || is_dead_()) return;
    heard(command, generation, result);
    const bool is_over = result || result.error().reason == "has_ended" ||
                         result.error().code == ErrorCode::not_found ||
                         result.error().reason == public_works::kHistoryRetired;
    if (!is_over) return;  // the process closes, or lacks the handler, so that it cannot tell
    to_send_.erase(command.signal->signal_id);
    sent_.insert(command.signal->signal_id);
  });
}

SignalDraft Operators::any_signal() {
  SignalDraft signal{simulator_.one_in(6) ? "nonsense" : "approved", Json(simulator_.below(2)), ""};
  if (simulator_.one_in(8)) signal.value = Json();  // against the schema
  if (!simulator_.one_in(3)) signal.signal_id = fmt::format("any-{}", simulator_.below(3));
  return signal;
}

void Operators::runtime_is_gone() {
  runtime_ = nullptr;
  ++generation_;
}

void Operators::hear_of(const std::string& tenant, const std::string& execution_id) {
  if (is_dead_() || runtime_ == nullptr) return;
  known_.push_back({tenant, execution_id});
  if (simulator_.one_in(6)) act_later(known_.back());
}

void Operators::hear_of_waiting(const std::string& tenant, const std::string& execution_id) {
  hear_of(tenant, execution_id);
  if (runtime_ != nullptr && !simulator_.one_in(4)) act_later({tenant, execution_id});
}

void Operators::act_later(Known known) {
  // At once: while what it led to is being synced, as that takes no simulated time.
  const std::uint64_t within_us = simulator_.one_in(2) ? kLatestUs : 1;
  const std::int64_t at = simulator_.clock().steady_us() + static_cast<std::int64_t>(simulator_.below(within_us));
  executor_.post_at(at, [this, known = std::move(known), generation = generation_] { act(known, generation); });
}

void Operators::act(const Known& known, std::uint64_t generation) {
  if (generation != generation_ || is_dead_()) return;
  static constexpr std::array<Action, 7> kActions = {Action::cancel, Action::terminate, Action::resume, Action::resume,
                                                     Action::resume, Action::signal,    Action::signal};
  ExecutionCommand command{.action = kActions[simulator_.below(kActions.size())],
                           .tenant_id = known.tenant,
                           .execution_id = known.execution_id,
                           .actor = {"user", "operator"},
                           .reason = "as the dice say",
                           .wait_for_end = simulator_.one_in(2)};
  if (command.action == Action::signal) command.signal = any_signal();
  runtime_->command(command, [this, command, generation](const Result<ExecutionResult>& result) {
    heard(command, generation, result);
  });
}

void Operators::heard(const ExecutionCommand& command, std::uint64_t generation,
                      const Result<ExecutionResult>& result) {
  if (generation != generation_ || is_dead_()) return;
  simulator_.trace(fmt::format("{} {} {}", to_string(command.action), command.execution_id,
                               result ? to_string(result->status) : result.error().reason));
  if (!result) return;
  acts_.push_back({.tenant = command.tenant_id,
                   .execution_id = command.execution_id,
                   .action = std::string(to_string(command.action)),
                   .status = std::string(to_string(result->status)),
                   .position = result->position,
                   .signal_id = command.signal ? command.signal->signal_id : ""});
  if (is_waiting(result->status)) hear_of_waiting(command.tenant_id, command.execution_id);
}

}  // namespace symphainy::simulation
