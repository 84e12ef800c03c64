// SPDX-License-Identifier: Apache-2.0
// What `make bench` runs: executions per second at several depths, each beside the limit measured in the same run.
// symphainy_bench [--json FILE] [--seconds S] [--only executions|steps|sagas|open-loop|log|fold|long] [--millions N]
// [--generation-keys N]
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/benchmark.h"
#include "app/process.h"
#include "fold_benchmark.h"
#include "log_benchmark.h"

namespace {

using symphainy::Json;

constexpr std::array<std::size_t, 4> kInFlight = {1, 64, 256, 1'024};
constexpr std::size_t kSteps = 3;
constexpr double kOpenLoopShare = 0.7;  // of the most executions a second

double number(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  return value == nullptr ? 0 : value->as_double().value_or(0);
}

void add(Json& out, const std::string& name, double value, const char* unit, double limit, double ratio) {
  out.push_back(Json::object({{"name", name}, {"value", value}, {"unit", unit}, {"limit", limit}, {"ratio", ratio}}));
}

std::string scratch(std::string_view what) {
  return std::filesystem::temp_directory_path() / fmt::format("symphainy-bench-{}-{}", getpid(), what);
}

/// In a process of its own, because peak memory is a process's, and a directory that is gone afterwards. Null when it
/// failed; it has said why.
Json measured_alone(const symphainy::app::BenchmarkOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGINT, SIG_DFL);
    const auto row = symphainy::app::run_benchmark(options);
    if (!row) fmt::print(stderr, "symphainy_bench: {}\n", row.error().message);
    const std::string text = row ? row->dump() : "";
    const bool sent = ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(row && sent ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char piece[4096];
  for (ssize_t count = 0; (count = ::read(ends[0], piece, sizeof piece)) > 0;) text.append(piece, count);
  ::close(ends[0]);
  int status = 0;
  if (child > 0) ::waitpid(child, &status, 0);
  std::filesystem::remove_all(options.data_directory);
  return Json::parse(text).value_or(Json());
}

/// False when it failed; it has said why.
bool measure_log(Json& out, double seconds) {
  const auto directory = scratch("log");
  const symphainy::bench::LogBenchmarkOptions options{.directory = directory, .seconds = seconds / 5};
  const auto appended = symphainy::bench::measure_append(options);
  const auto verified = appended ? symphainy::bench::measure_verify(options) : std::unexpected(appended.error());
  std::filesystem::remove_all(directory);
  if (!verified) {
    fmt::print(stderr, "symphainy_bench: {}\n", verified.error().message);
    return false;
  }
  fmt::print("{:<44} {:>9} {:>9} {:>6}\n", "the log alone", "GB/s", "limit", "ratio");
  const auto show = [&](const std::string& name, const std::string& told, const symphainy::bench::Figure& figure) {
    fmt::print("{:<44} {:>9.3f} {:>9.3f} {:>6.2f}\n", told, figure.value / 1e9, figure.limit / 1e9, figure.ratio);
    add(out, name, figure.value / 1e9, "GB/s", figure.limit / 1e9, figure.ratio);
  };
  show("log_append", fmt::format("append, groups of {:.0f} KiB", appended->group_bytes / 1024), *appended);
  show("log_verify", "verify, one processor", *verified);
  return true;
}

/// Executions a second at several depths. The most of them, for the open loop; 0 when it failed.
double measure_executions(Json& out, double seconds) {
  fmt::print("{:>9} {:>14} {:>10} {:>10} {:>14} {:>6} {:>13} {:>16} {:>9} {:>13}\n", "in flight", "executions/s",
             "p50 us", "p99 us", "limit/s", "ratio", "batches/sync", "2 fdatasyncs us", "RSS MiB", "stored B/exec");
  double most = 0;
  for (const std::size_t in_flight : kInFlight) {
    const Json row = measured_alone(
        {.data_directory = scratch("executions"), .in_flight = in_flight, .seconds = seconds, .stopped = {}});
    if (row.is_null()) return 0;
    const double two_syncs_us = 2 * number(row, "fdatasync_us");
    fmt::print("{:>9} {:>14.0f} {:>10.0f} {:>10.0f} {:>14.0f} {:>6.2f} {:>13.1f} {:>16.0f} {:>9.0f} {:>13.0f}\n",
               in_flight, number(row, "throughput"), number(row, "p50_us"), number(row, "p99_us"), number(row, "limit"),
               number(row, "ratio"), number(row, "batches_per_group"), two_syncs_us, number(row, "peak_rss_mib"),
               number(row, "device_bytes_per_execution"));
    std::fflush(stdout);  // before the next fork, which would print it again
    const std::string name = fmt::format("executions_{}_in_flight", in_flight);
    add(out, name, number(row, "throughput"), "executions/s", number(row, "limit"), number(row, "ratio"));
    add(out, name + "_p50", number(row, "p50_us"), "us", two_syncs_us, number(row, "p50_us") / two_syncs_us);
    add(out, name + "_p99", number(row, "p99_us"), "us", two_syncs_us, number(row, "p99_us") / two_syncs_us);
    add(out, name + "_peak_rss", number(row, "peak_rss_mib"), "MiB", 0, 0);
    const double log_bytes = number(row, "log_bytes_per_execution");
    const double stored = number(row, "device_bytes_per_execution");
    add(out, name + "_stored", stored, "bytes/execution", log_bytes, stored / log_bytes);
    most = std::max(most, number(row, "throughput"));
  }
  return most;
}

/// Executions of three durable steps each, or sagas whose third step fails, so that two are undone. One at a time waits
/// for one sync after the other.
bool measure_steps(Json& out, double seconds, bool saga) {
  fmt::print("{:>9} {:>20} {:>10} {:>10} {:>16} {:>6} {:>13}\n", "in flight",
             saga ? "sagas undone/s" : "3-step executions/s", "p50 us", "p99 us",
             saga ? "8 fdatasyncs us" : "4 fdatasyncs us", "ratio", "batches/sync");
  for (const std::size_t in_flight : kInFlight) {
    const Json row = measured_alone({.data_directory = scratch("steps"),
                                     .in_flight = in_flight,
                                     .seconds = seconds,
                                     .stopped = {},
                                     .steps = kSteps,
                                     .saga = saga});
    if (row.is_null()) return false;
    const double syncs_us = number(row, "commits_per_execution") * number(row, "fdatasync_us");
    const double ratio = number(row, "p50_us") / syncs_us;
    fmt::print("{:>9} {:>20.0f} {:>10.0f} {:>10.0f} {:>16.0f} {:>6.2f} {:>13.1f}\n", in_flight,
               number(row, "throughput"), number(row, "p50_us"), number(row, "p99_us"), syncs_us, ratio,
               number(row, "batches_per_group"));
    std::fflush(stdout);
    const std::string name = fmt::format("{}_{}_in_flight", saga ? "sagas" : "steps", in_flight);
    add(out, name, number(row, "throughput"), "executions/s", number(row, "limit"), number(row, "ratio"));
    add(out, name + "_p50", number(row, "p50_us"), "us", syncs_us, ratio);
  }
  return true;
}

bool measure_open_loop(Json& out, double most, double seconds) {
  const Json row = measured_alone({.data_directory = scratch("open-loop"),
                                   .in_flight = kInFlight.back(),
                                   .seconds = seconds,
                                   .stopped = {},
                                   .rate = kOpenLoopShare * most});
  if (row.is_null()) return false;
  const double sync_us = number(row, "fdatasync_us");
  fmt::print("open loop at {:.0f}/s: p50 {:.0f} us, p99 {:.0f} us, p99.9 {:.0f} us (one fdatasync: {:.0f} us)\n",
             kOpenLoopShare * most, number(row, "p50_us"), number(row, "p99_us"), number(row, "p999_us"), sync_us);
  std::fflush(stdout);
  for (const char* name : {"p50_us", "p99_us", "p999_us"})
    add(out, fmt::format("open_loop_{}", name), number(row, name), "us", sync_us, number(row, name) / sync_us);
  return true;
}

/// Millions of executions with ids in no order: whether the last million goes as fast as the first.
bool measure_long(Json& out, std::size_t millions) {
  const Json row = measured_alone({.data_directory = scratch("long"),
                                   .in_flight = kInFlight.back(),
                                   .stopped = {},
                                   .executions = millions * 1'000'000,
                                   .random_ids = true});
  const Json* rates = row.find("millions");
  if (rates == nullptr || rates->size() != millions) return false;
  const double first = rates->at(0).as_double().value_or(0);
  fmt::print("random intent ids and idempotency keys, {} in flight\n", kInFlight.back());
  for (std::size_t i = 0; i < millions; ++i) {
    const double rate = rates->at(i).as_double().value_or(0);
    fmt::print("million {:>2}: {:>8.0f} executions/s, {:.2f} of the first\n", i + 1, rate, rate / first);
    add(out, fmt::format("million_{}", i + 1), rate, "executions/s", first, rate / first);
  }
  fmt::print("peak RSS {:.0f} MiB, {:.0f} bytes written by the device for each execution\n",
             number(row, "peak_rss_mib"), number(row, "device_bytes_per_execution"));
  add(out, "long_peak_rss", number(row, "peak_rss_mib"), "MiB", 0, 0);
  add(out, "long_stored", number(row, "device_bytes_per_execution"), "bytes/execution", 0, 0);
  return true;
}

/// The fold alone: what every half of a million costs as state.db grows. False when it failed; it has said why.
bool measure_fold(Json& out, std::size_t millions, std::size_t keys_per_generation) {
  const auto directory = scratch("fold");
  fmt::print("{:>12} {:>14} {:>16} {:>14} {:>12} {:>12} {:>12}\n", "folded", "executions/s", "of the first",
             "processor us", "written B", "slowest ms", "question us");
  symphainy::bench::FoldBenchmarkOptions options{.directory = directory, .executions = millions * 1'000'000};
  if (keys_per_generation > 0) options.keys_per_generation = keys_per_generation;
  std::size_t folded = 0;
  double first = 0;
  const auto measured = symphainy::bench::measure_fold(options, [&](const symphainy::bench::FoldFigure& figure) {
    folded += options.executions_per_figure;
    if (first == 0) first = figure.executions_per_second;
    const double share = figure.executions_per_second / first;
    fmt::print("{:>12} {:>14.0f} {:>16.2f} {:>14.1f} {:>12.0f} {:>12.0f} {:>12.1f}\n", folded,
               figure.executions_per_second, share, figure.processor_us, figure.written_bytes, figure.slowest_ms,
               figure.question_us);
    std::fflush(stdout);
    add(out, fmt::format("fold_{}", folded), figure.executions_per_second, "executions/s", first, share);
    add(out, fmt::format("fold_written_{}", folded), figure.written_bytes, "bytes/execution", 0, 0);
    add(out, fmt::format("fold_question_{}", folded), figure.question_us, "us", 0, 0);
  });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(directory + "/state.db", ignored);
  std::filesystem::remove_all(directory);
  if (!measured) {
    fmt::print(stderr, "symphainy_bench: {}\n", measured.error().message);
    return false;
  }
  fmt::print("state.db {:.0f} bytes for each execution, peak RSS {:.0f} MiB\n",
             static_cast<double>(bytes) / static_cast<double>(options.executions),
             static_cast<double>(usage.ru_maxrss) / 1024);
  return true;
}

struct Arguments {
  std::string json_file;
  std::string only;  // executions, steps, sagas, log, open-loop, fold or long; empty: all but these two
  double seconds = 5;
  std::size_t millions = 10;            // of executions, with --only fold or long
  std::size_t keys_per_generation = 0;  // of the fold's key tables, with --only fold; 0: the usual number
};

bool run(const Arguments& arguments, Json& out) {
  const auto asked = [&](std::string_view what) { return arguments.only.empty() || arguments.only == what; };
  if (arguments.only == "fold") return measure_fold(out, arguments.millions, arguments.keys_per_generation);
  if (arguments.only == "long") return measure_long(out, arguments.millions);
  if (asked("steps") && !measure_steps(out, arguments.seconds, false)) return false;
  if (asked("sagas") && !measure_steps(out, arguments.seconds, true)) return false;
  double most = 0;
  if (asked("executions") || asked("open-loop")) most = measure_executions(out, arguments.seconds);
  if (most == 0 && (asked("executions") || asked("open-loop"))) return false;
  if (asked("open-loop") && !measure_open_loop(out, most, arguments.seconds)) return false;
  return !asked("log") || measure_log(out, arguments.seconds);
}

bool write_json(const std::string& path, const Json& out) {
  if (path.empty()) return true;
  std::ofstream file(path);
  file << out.dump() << '\n';
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  symphainy::app::stop_counting_memory();
  std::signal(SIGINT, SIG_IGN);  // the child ends, and what it leaves is removed here
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--json") arguments.json_file = argv[i + 1];
    if (flag == "--only") arguments.only = argv[i + 1];
    if (flag == "--millions") arguments.millions = std::stoul(argv[i + 1]);
    if (flag == "--generation-keys") arguments.keys_per_generation = std::stoul(argv[i + 1]);
    if (flag == "--seconds") arguments.seconds = std::stod(argv[i + 1]);
  }
  Json out = Json::array();
  return run(arguments, out) && write_json(arguments.json_file, out) ? 0 : 1;
}
