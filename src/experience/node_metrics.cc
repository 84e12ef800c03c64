// SPDX-License-Identifier: Apache-2.0
#include "experience/node_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "symphainy/version.h"

#include "experience/routes.h"

namespace symphainy::experience {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

constexpr std::string_view kTextFormat = "text/plain; version=0.0.4; charset=utf-8";

/// Seconds: from a commit on a fast disk to what a person would wait for.
prometheus::Histogram::BucketBoundaries buckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60};
}

}  // namespace

struct NodeMetrics::Families {
  prometheus::Registry registry;
  prometheus::Counter& submitted = BuildCounter()
                                       .Name("symphainy_intents_submitted_total")
                                       .Help("Intents that came over the control socket")
                                       .Register(registry)
                                       .Add({});
  prometheus::Family<prometheus::Counter>& answered = BuildCounter()
                                                          .Name("symphainy_intents_answered_total")
                                                          .Help("Of them, those answered, by the execution's status")
                                                          .Register(registry);
  prometheus::Histogram& duration = BuildHistogram()
                                        .Name("symphainy_intent_duration_seconds")
                                        .Help("From an intent's arrival to its answer")
                                        .Register(registry)
                                        .Add({}, buckets());
  prometheus::Gauge& in_flight = BuildGauge()
                                     .Name("symphainy_intents_in_flight")
                                     .Help("Intents that have not been answered, resumed ones included")
                                     .Register(registry)
                                     .Add({});
  prometheus::Gauge& durable = BuildGauge()
                                   .Name("symphainy_log_durable_position")
                                   .Help("Position of the last record that is synced")
                                   .Register(registry)
                                   .Add({});
  prometheus::Gauge& lag = BuildGauge()
                               .Name("symphainy_fold_lag_records")
                               .Help("Durable records that the projections have not folded yet")
                               .Register(registry)
                               .Add({});
  prometheus::Family<prometheus::Gauge>& build =
      BuildGauge().Name("symphainy_build_info").Help("The release; always 1").Register(registry);
};

NodeMetrics::NodeMetrics() : families_(std::make_unique<Families>()) {
  families_->build.Add({{"version", std::string(kVersion)}}).Set(1);
  // A rate needs its zero: what has never happened is told too.
  using enum ExecutionStatus;
  for (const ExecutionStatus status : {running, pending, completed, failed, rejected, cancelled, terminated, parked,
                                       waiting, compensating, compensated, compensation_stuck})
    families_->answered.Add({{"status", std::string(to_string(status))}});
  families_->answered.Add({{"status", "error"}});
}

NodeMetrics::~NodeMetrics() = default;

void NodeMetrics::submitted() {
  families_->submitted.Increment();
}

void NodeMetrics::answered(std::string_view status, std::chrono::nanoseconds taken) {
  families_->answered.Add({{"status", std::string(status)}}).Increment();
  families_->duration.Observe(std::chrono::duration<double>(taken).count());
}

std::string NodeMetrics::text(const RuntimeStatistics& now) {
  families_->in_flight.Set(static_cast<double>(now.in_flight));
  families_->durable.Set(static_cast<double>(now.durable_position));
  families_->lag.Set(static_cast<double>(now.durable_position - now.folded_position));
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

void MetricsPage::handle(HttpRequest request, Reply reply) {
  if (auto refusal = refuse_route(request, {{"/metrics", "GET"}})) return reply_with(reply, *std::move(refusal));
  reply_with(reply, {200, std::string(kTextFormat), metrics_.text(runtime_.statistics()), {}});
}

}  // namespace symphainy::experience
