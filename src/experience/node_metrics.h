// SPDX-License-Identifier: Apache-2.0
// What a serving node tells a Prometheus server about itself: counted as intents come and go, the rest read from the
// runtime when it is asked for.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "symphainy/runtime.h"

#include "experience/http_message.h"

namespace symphainy::experience {

/// Any thread; never blocks for long.
class NodeMetrics {
 public:
  NodeMetrics();
  ~NodeMetrics();

  void submitted();
  /// `status` is the execution's, or "error" when there is none.
  void answered(std::string_view status, std::chrono::nanoseconds taken);
  /// In Prometheus' text format.
  [[nodiscard]] std::string text(const RuntimeStatistics& now);

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

/// GET /metrics and nothing else.
class MetricsPage : public HttpHandler {
 public:
  /// Both outlive it; the runtime is asked as long as requests come.
  MetricsPage(const Runtime& runtime, NodeMetrics& metrics) : runtime_(runtime), metrics_(metrics) {}

  void handle(HttpRequest request, Reply reply) override;
  [[nodiscard]] std::size_t body_limit() const noexcept override { return 0; }

 private:
  const Runtime& runtime_;
  NodeMetrics& metrics_;
};

}  // namespace symphainy::experience
