// SPDX-License-Identifier: Apache-2.0
#include "app/benchmark.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <semaphore>
#include <sys/resource.h>
#include <vector>

#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "base/try.h"

namespace symphainy::app {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::ptrdiff_t kMaxInFlight = 1'000'000;

double microseconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count();
}

Result<void> add_everything(const Intent& intent, ExecutionContext& context) {
  TRY(const Artifact artifact,
      context.add_artifact(
          {.name = "result.json", .media_type = "application/json", .content = std::string(200, 'x')}));
  TRY(const std::string made, context.register_reference({.type = "result",
                                                          .name = "result",
                                                          .digest = artifact.digest,
                                                          .size = artifact.size,
                                                          .media_type = artifact.media_type,
                                                          .location = artifact.location}));
  if (const Json* source = intent.parameters.find("source")) {
    TRY(context.track_provenance(made, std::string(source->as_string().value_or(""))));
  }
  TRY(context.add_event(
      {.type = "bench.executed", .data = Json::object({{"reference_id", made}}), .subject = made, .topic = {}}));
  return {};
}

Task<Result<HandlerResult>> bench_handler(const Intent& intent, ExecutionContext& context) {
  if (auto added = add_everything(intent, context); !added) co_return std::unexpected(added.error());
  co_return HandlerResult{Json::object({{"ok", true}})};
}

Intent bench_intent(const Json& parameters) {
  return Intent::create("bench", "bench", "bench", "bench", {"service", "bench"}, parameters);
}

double percentile(std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// Keeps `in_flight` intents under way for as long as told, and notes how long each took.
class LoadGenerator {
 public:
  LoadGenerator(Runtime& runtime, std::size_t in_flight)
      : runtime_(runtime), free_(static_cast<std::ptrdiff_t>(in_flight)) {}

  void run_for(double seconds, const Json& parameters) {
    const auto start = SteadyClock::now();
    const auto end = start + std::chrono::duration<double>(seconds);
    while (SteadyClock::now() < end) {
      free_.acquire();
      const auto submitted = SteadyClock::now();
      ++submitted_;
      runtime_.submit(bench_intent(parameters), [this, submitted](const Result<ExecutionResult>& result) {
        ended(result, microseconds_since(submitted));
      });
    }
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return latencies_us_.size() == submitted_; });
  }

  [[nodiscard]] std::vector<float>& latencies_us() { return latencies_us_; }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  void ended(const Result<ExecutionResult>& result, double latency_us) {
    {
      const std::lock_guard lock(mutex_);
      latencies_us_.push_back(static_cast<float>(latency_us));
      if (!result)
        failure_ = result.error();
      else if (result->error)
        failure_ = result->error;
      all_ended_.notify_one();
    }
    free_.release();
  }

  Runtime& runtime_;
  std::counting_semaphore<kMaxInFlight> free_;
  std::size_t submitted_ = 0;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  std::vector<float> latencies_us_;  // guarded by mutex_, like the next
  std::optional<Error> failure_;
};

std::uint64_t log_bytes(const DataDirectory& directory) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.wal())) bytes += entry.file_size();
  return bytes;
}

}  // namespace

Result<Json> run_benchmark(const BenchmarkOptions& options) {
  std::error_code ignored;
  if (std::filesystem::exists(options.data_directory, ignored) &&
      !std::filesystem::is_empty(options.data_directory, ignored)) {
    return fail(ErrorCode::invalid_argument,
                options.data_directory + " is not empty; name a new directory with --data");
  }
  RuntimeOptions runtime_options;
  runtime_options.data_directory = options.data_directory;
  runtime_options.handler_threads = 1;  // the handler does not block: more threads would only take turns
  runtime_options.max_in_flight = options.in_flight + 1;
  TRY(const auto runtime, Runtime::open(runtime_options));
  TRY(runtime->register_intent({.intent_type = "bench", .schema = Json::object({{"type", "object"}})}, "bench", "bench",
                               bench_handler));
  // Every measured execution derives its reference from this one's.
  TRY(const ExecutionResult first, runtime->execute(bench_intent(Json::object())));
  if (first.references.empty()) return fail(ErrorCode::internal, "the first execution registered no reference");

  LoadGenerator load(*runtime, options.in_flight);
  const auto start = SteadyClock::now();
  load.run_for(options.seconds, Json::object({{"source", first.references.front().reference_id}}));
  TRY(runtime->drain());
  const double seconds = microseconds_since(start) / 1e6;
  if (load.failure()) return std::unexpected(*load.failure());
  TRY(runtime->close());

  auto& latencies = load.latencies_us();
  std::ranges::sort(latencies);
  const double executions = static_cast<double>(latencies.size());
  const DataDirectory directory{options.data_directory};
  const auto bytes = static_cast<std::size_t>(static_cast<double>(log_bytes(directory)) / executions);
  TRY(const Limit limit, measure_limit({.directory = options.data_directory + "/limit",
                                        .in_flight = options.in_flight,
                                        .seconds = std::min(options.seconds, 3.0),
                                        .log_bytes_per_execution = std::clamp<std::size_t>(bytes, 500, 4'000)}));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double throughput = executions / seconds;
  return Json::object({{"executions", latencies.size()},
                       {"fdatasync_us", limit.fdatasync_p50_us},
                       {"in_flight", options.in_flight},
                       {"limit", limit.executions_per_second},
                       {"log_bytes_per_execution", bytes},
                       {"p50_us", percentile(latencies, 0.5)},
                       {"p99_us", percentile(latencies, 0.99)},
                       {"peak_rss_mib", static_cast<double>(usage.ru_maxrss) / 1024.0},
                       {"ratio", throughput / limit.executions_per_second},
                       {"throughput", throughput}});
}

}  // namespace symphainy::app
