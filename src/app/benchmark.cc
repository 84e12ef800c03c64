// SPDX-License-Identifier: Apache-2.0
#include "app/benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <semaphore>
#include <sys/resource.h>
#include <vector>

#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/durable_head.h"

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

  void run_for(double seconds, const Json& parameters, const std::function<bool()>& stopped) {
    const auto start = SteadyClock::now();
    const auto end = start + std::chrono::duration<double>(seconds);
    while (SteadyClock::now() < end && !(stopped && stopped())) {
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

/// Without the zeros behind what was written: segments are zeroed before they are used.
std::uint64_t written_bytes(const std::filesystem::path& path) {
  constexpr std::uint64_t kPieceBytes = 256 * 1024;
  std::ifstream file(path, std::ios::binary);
  std::string piece;
  for (std::uint64_t end = std::filesystem::file_size(path); end > 0;) {
    const std::uint64_t begin = end - std::min(end, kPieceBytes);
    piece.resize(end - begin);
    file.seekg(static_cast<std::streamoff>(begin));
    if (!file.read(piece.data(), static_cast<std::streamsize>(piece.size()))) return end;
    const auto last = piece.find_last_not_of('\0');
    if (last != std::string::npos) return begin + last + 1;
    end = begin;
  }
  return 0;
}

/// How much the log has written so far, and in how many groups: with every group, or a little behind it, goes one head.
struct LogUse {
  std::uint64_t bytes = 0;
  std::uint64_t groups = 0;
};

Result<LogUse> log_use(const DataDirectory& directory) {
  LogUse use;
  for (const auto& entry : std::filesystem::directory_iterator(directory.wal()))
    use.bytes += written_bytes(entry.path());
  public_works::PosixFileSystem files;
  TRY(const auto head, public_works::read_durable_head(files, directory.wal()));
  use.groups = head.newest.generation;
  return use;
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

  const DataDirectory directory{options.data_directory};
  TRY(const LogUse before, log_use(directory));
  LoadGenerator load(*runtime, options.in_flight);
  const auto start = SteadyClock::now();
  load.run_for(options.seconds, Json::object({{"source", first.references.front().reference_id}}), options.stopped);
  // Before anything is reckoned from it: there may be nothing.
  const auto stopped = [&options] { return options.stopped && options.stopped(); };
  if (stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
  TRY(runtime->drain());
  const double seconds = microseconds_since(start) / 1e6;
  if (load.failure()) return std::unexpected(*load.failure());
  TRY(runtime->close());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  TRY(const LogUse after, log_use(directory));

  auto& latencies = load.latencies_us();
  std::ranges::sort(latencies);
  const double executions = static_cast<double>(latencies.size());
  const double bytes = static_cast<double>(after.bytes - before.bytes) / executions;
  const double batches = 2 * executions / static_cast<double>(std::max<std::uint64_t>(after.groups - before.groups, 1));
  TRY(const Limit limit, measure_limit({.directory = options.data_directory + "/limit",
                                        .seconds = std::min(options.seconds, 3.0),
                                        .log_bytes_per_execution = bytes,
                                        .batches_per_group = std::max(batches, 1.0),
                                        .stopped = options.stopped}));
  if (stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
  const double throughput = executions / seconds;
  return Json::object({{"batches_per_group", batches},
                       {"executions", latencies.size()},
                       {"fdatasync_us", limit.fdatasync_p50_us},
                       {"in_flight", options.in_flight},
                       {"limit", limit.executions_per_second},
                       {"log_bytes_per_execution", std::llround(bytes)},
                       {"p50_us", percentile(latencies, 0.5)},
                       {"p99_us", percentile(latencies, 0.99)},
                       {"peak_rss_mib", static_cast<double>(usage.ru_maxrss) / 1024.0},
                       {"ratio", throughput / limit.executions_per_second},
                       {"throughput", throughput}});
}

}  // namespace symphainy::app
