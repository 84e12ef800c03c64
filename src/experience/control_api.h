// SPDX-License-Identifier: Apache-2.0
// The control socket's requests (docs/reference/control-api.md): each is turned into a call of the runtime, and the
// runtime's answer into HTTP. Owns no state but whether it still takes requests.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>

#include "symphainy/runtime.h"

#include "experience/http_message.h"
#include "experience/node_metrics.h"

namespace boost::asio {
class thread_pool;
}

namespace symphainy::experience {

/// What ExecutionResult::to_json() leaves out travels in these headers of an answer.
inline constexpr const char* kPositionHeader = "Symphainy-Position";
inline constexpr const char* kErrorCodeHeader = "Symphainy-Error-Code";

/// The longest text that is read as an intent, and how deep it may be: some more than a valid one can have, so that its
/// refusal can say what is too large.
[[nodiscard]] JsonLimits intent_text_limits(const IntentLimits& limits) noexcept;

class ControlApi : public HttpHandler {
 public:
  /// Called, from any thread and perhaps more than once, when the runtime has stopped after an unknown outcome: it
  /// takes nothing more and must be opened again.
  using OnStopped = std::function<void()>;

  /// `runtime` and `metrics` outlive it.
  ControlApi(Runtime& runtime, NodeMetrics& metrics, const IntentLimits& limits, OnStopped on_stopped);
  /// Waits for what it does on threads of its own.
  ~ControlApi() override;

  void handle(HttpRequest request, Reply reply) override;
  [[nodiscard]] std::size_t body_limit() const noexcept override { return limits_.max_bytes; }

  /// From now on every request but that for health is answered 503, reason "stopping".
  void stop_taking() noexcept { stopping_ = true; }

 private:
  void start_execution(const std::string& body, const Reply& reply);
  void take_command(const std::string& body, const Reply& reply);
  void take_intent(const std::string& body, const Reply& reply);
  void drain(Reply reply);
  [[nodiscard]] HttpAnswer health() const;
  [[nodiscard]] HttpAnswer problem_of(const Error& error) const;
  [[nodiscard]] HttpAnswer answer_of(const Result<ExecutionResult>& outcome) const;

  Runtime& runtime_;
  NodeMetrics& metrics_;
  const IntentLimits intent_limits_;
  const JsonLimits limits_;
  const OnStopped on_stopped_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<boost::asio::thread_pool> blocking_;  ///< for calls that wait
};

}  // namespace symphainy::experience
