// SPDX-License-Identifier: Apache-2.0
#include "app/benchmark.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <mutex>
#include <semaphore>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>
#include <utility>
#include <vector>

#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "base/digest.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/durable_head.h"

namespace symphainy::app {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::ptrdiff_t kMaxInFlight = 1'000'000;
constexpr std::size_t kMillion = 1'000'000;

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

Task<Result<Json>> answer_step() {
  co_return Json::object({{"ok", true}});
}

Task<Result<Json>> fail_step() {
  co_return fail(ErrorCode::failed, "it fails, so that the others are undone", "wanted");
}

Task<Result<void>> undo_step() {
  co_return Result<void>();
}

Task<Result<HandlerResult>> bench_saga(std::size_t steps, ExecutionContext& context) {
  for (std::size_t i = 0; i < steps; ++i) {
    const bool last = i + 1 == steps;
    const StepFunction does = [last](const StepRun&) { return last ? fail_step() : answer_step(); };
    auto step = co_await context.undoable_step("step", Json(i), does, {[](const UndoRun&) { return undo_step(); }});
    if (!step) co_return std::unexpected(step.error());
  }
  co_return fail(ErrorCode::internal, "the last step did not fail");
}

Task<Result<HandlerResult>> bench_handler(std::size_t steps, const Intent& intent, ExecutionContext& context) {
  for (std::size_t i = 0; i < steps; ++i) {
    auto step = co_await context.step("step", Json(i), [](const StepRun&) { return answer_step(); });
    if (!step) co_return std::unexpected(step.error());
  }
  if (auto added = add_everything(intent, context); !added) co_return std::unexpected(added.error());
  co_return HandlerResult{Json::object({{"ok", true}})};
}

Intent bench_intent(const Json& parameters) {
  return Intent::create("bench", "bench", "bench", "bench", {"service", "bench"}, parameters);
}

Intent random_intent(const Json& parameters) {
  Intent intent = bench_intent(parameters);
  // Not in the order of time, as the usual ids are: every index is written to in another place.
  const std::string digits = base::sha256(intent.intent_id).hex();
  intent.intent_id = digits.substr(0, 32);
  intent.idempotency_key = digits.substr(32);
  return intent;
}

// How long things took, in as much memory after ten million as after one. A bucket is half a percent wide.
class Latencies {
 public:
  void add(double microseconds) {
    const double bucket = std::log2(std::max(microseconds, 1.0)) * kBucketsPerDoubling;
    ++counts_[std::min(static_cast<std::size_t>(bucket), counts_.size() - 1)];
    ++total_;
  }
  [[nodiscard]] std::size_t total() const noexcept { return total_; }
  [[nodiscard]] double percentile(double share) const {
    const auto wanted = static_cast<std::size_t>(std::ceil(share * static_cast<double>(total_)));
    std::size_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) return std::exp2(static_cast<double>(i + 1) / kBucketsPerDoubling);
    }
    return 0;
  }

 private:
  static constexpr double kBucketsPerDoubling = 128;
  std::array<std::size_t, 4'096> counts_{};  // up to 2^32 us
  std::size_t total_ = 0;
};

// Submits, and notes how long each took: as many as may be in flight, or so many in a second whatever happens to them.
class LoadGenerator {
 public:
  LoadGenerator(Runtime& runtime, const BenchmarkOptions& options)
      : runtime_(runtime), options_(options), free_(static_cast<std::ptrdiff_t>(options.in_flight)) {}

  void run(const Json& parameters) {
    start_ = SteadyClock::now();
    while (goes_on()) {
      const auto due = options_.rate > 0 ? wait_until_due() : wait_until_free();
      ++submitted_;
      runtime_.submit(options_.random_ids ? random_intent(parameters) : bench_intent(parameters),
                      [this, due](const Result<ExecutionResult>& result) { ended(result, microseconds_since(due)); });
    }
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return latencies_.total() == submitted_; });
  }

  [[nodiscard]] const Latencies& latencies() const { return latencies_; }
  /// Executions a second in each million of them.
  [[nodiscard]] Json rates_by_million() const {
    Json rates = Json::array();
    double before = 0;
    for (const double at : seconds_at_millions_) rates.push_back(kMillion / (at - std::exchange(before, at)));
    return rates;
  }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  bool goes_on() const {
    if (options_.stopped && options_.stopped()) return false;
    if (options_.executions > 0) return submitted_ < options_.executions;
    return SteadyClock::now() - start_ < std::chrono::duration<double>(options_.seconds);
  }
  SteadyClock::time_point wait_until_free() {
    free_.acquire();
    return SteadyClock::now();
  }
  // What is submitted late because something stood in the way has waited since it was due.
  SteadyClock::time_point wait_until_due() const {
    const auto due = start_ + std::chrono::duration_cast<SteadyClock::duration>(
                                  std::chrono::duration<double>(static_cast<double>(submitted_) / options_.rate));
    std::this_thread::sleep_until(due);
    return due;
  }

  void ended(const Result<ExecutionResult>& result, double latency_us) {
    {
      const std::lock_guard lock(mutex_);
      latencies_.add(latency_us);
      if (latencies_.total() % kMillion == 0) seconds_at_millions_.push_back(microseconds_since(start_) / 1e6);
      if (!result)
        failure_ = result.error();
      else if (result->status != wanted_)
        failure_ = result->error;
      all_ended_.notify_one();
    }
    if (options_.rate <= 0) free_.release();
  }

  Runtime& runtime_;
  const BenchmarkOptions& options_;
  const ExecutionStatus wanted_ = options_.saga ? ExecutionStatus::compensated : ExecutionStatus::completed;
  std::counting_semaphore<kMaxInFlight> free_;
  SteadyClock::time_point start_;
  std::size_t submitted_ = 0;
  std::mutex mutex_;
  std::condition_variable all_ended_;
  Latencies latencies_;  // guarded by mutex_, like the next two
  std::vector<double> seconds_at_millions_;
  std::optional<Error> failure_;
};

// What the device under the directory has written, whoever asked for it; 0 where there is no device to ask. Not
// write_bytes of /proc/self/io: that counts a large folio whole when a page of it is dirtied.
double device_bytes(const std::string& directory) {
  constexpr double kSectorBytes = 512;
  constexpr int kSectorsWritten = 7;  // which number of the line
  struct stat found{};
  if (::stat(directory.c_str(), &found) != 0) return 0;
  std::ifstream counts(fmt::format("/sys/dev/block/{}:{}/stat", major(found.st_dev), minor(found.st_dev)));
  double value = 0;
  for (int i = 0; i < kSectorsWritten; ++i) {
    if (!(counts >> value)) return 0;
  }
  return value * kSectorBytes;
}

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
  runtime_options.max_in_flight = options.rate > 0 ? kMaxInFlight : options.in_flight + 1;
  TRY(const auto runtime, Runtime::open(runtime_options));
  TRY(runtime->register_intent({.intent_type = "bench", .schema = Json::object({{"type", "object"}})}, "bench", "bench",
                               [&options](const Intent& intent, ExecutionContext& context) {
                                 const bool is_first = intent.parameters.find("source") == nullptr;
                                 return options.saga && !is_first ? bench_saga(options.steps, context)
                                                                  : bench_handler(options.steps, intent, context);
                               }));
  // Every measured execution derives its reference from this one's.
  TRY(const ExecutionResult first, runtime->execute(bench_intent(Json::object())));
  if (first.references.empty()) return fail(ErrorCode::internal, "the first execution registered no reference");

  const DataDirectory directory{options.data_directory};
  TRY(const LogUse before, log_use(directory));
  const double stored_before = device_bytes(options.data_directory);
  LoadGenerator load(*runtime, options);
  const auto start = SteadyClock::now();
  load.run(Json::object({{"source", first.references.front().reference_id}}));
  // Before anything is reckoned from it: there may be nothing.
  const auto stopped = [&options] { return options.stopped && options.stopped(); };
  if (stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
  TRY(runtime->drain());
  const double seconds = microseconds_since(start) / 1e6;
  if (load.failure()) return std::unexpected(*load.failure());
  TRY(runtime->close());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double stored = device_bytes(options.data_directory) - stored_before;
  TRY(const LogUse after, log_use(directory));

  const Latencies& latencies = load.latencies();
  const double executions = static_cast<double>(latencies.total());
  const double bytes = static_cast<double>(after.bytes - before.bytes) / executions;
  const double groups = static_cast<double>(std::max<std::uint64_t>(after.groups - before.groups, 1));
  // Of an execution. In a saga its beginning, that of its first step, that undoing begins, and its end are commits too.
  const std::size_t steps = std::max<std::size_t>(options.steps, 1);
  const double commits = static_cast<double>(options.saga ? 2 * steps + 2 : 1 + steps);
  TRY(const Limit limit, measure_limit({.directory = options.data_directory + "/limit",
                                        .seconds = std::min(options.seconds, 3.0),
                                        .log_bytes_per_execution = bytes,
                                        .batches_per_group = std::max(2 * executions / groups, 1.0),
                                        .stopped = options.stopped}));
  if (stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
  const double throughput = executions / seconds;
  return Json::object({{"batches_per_group", commits * executions / groups},
                       {"commits_per_execution", commits},
                       {"device_bytes_per_execution", std::llround(stored / executions)},
                       {"executions", latencies.total()},
                       {"fdatasync_us", limit.fdatasync_p50_us},
                       {"in_flight", options.in_flight},
                       {"limit", limit.executions_per_second},
                       {"log_bytes_per_execution", std::llround(bytes)},
                       {"millions", load.rates_by_million()},
                       {"p50_us", latencies.percentile(0.5)},
                       {"p99_us", latencies.percentile(0.99)},
                       {"p999_us", latencies.percentile(0.999)},
                       {"peak_rss_mib", static_cast<double>(usage.ru_maxrss) / 1024.0},
                       {"ratio", throughput / limit.executions_per_second},
                       {"throughput", throughput}});
}

}  // namespace symphainy::app
