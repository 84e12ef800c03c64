// SPDX-License-Identifier: Apache-2.0
// What `make bench` runs: executions per second at several depths, each beside the limit measured in the same run.
// symphainy_bench [--json FILE] [--seconds S]
#include <array>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include "app/benchmark.h"
#include "app/process.h"

namespace {

using symphainy::Json;

constexpr std::array<std::size_t, 4> kInFlight = {1, 64, 256, 1'024};

double number(const Json& row, std::string_view key) {
  const Json* value = row.find(key);
  return value == nullptr ? 0 : value->as_double().value_or(0);
}

void add(Json& out, const std::string& name, double value, const char* unit, double limit, double ratio) {
  out.push_back(Json::object({{"name", name}, {"value", value}, {"unit", unit}, {"limit", limit}, {"ratio", ratio}}));
}

/// In a process of its own, because peak memory is a process's. Null when it failed; it has said why.
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
  return Json::parse(text).value_or(Json());
}

int run(const std::string& json_file, double seconds) {
  std::signal(SIGINT, SIG_IGN);  // the child ends, and what it leaves is removed here
  Json out = Json::array();
  fmt::print("{:>9} {:>14} {:>10} {:>10} {:>14} {:>6} {:>13} {:>16} {:>9}\n", "in flight", "executions/s", "p50 us",
             "p99 us", "limit/s", "ratio", "batches/sync", "2 fdatasyncs us", "RSS MiB");
  for (const std::size_t in_flight : kInFlight) {
    const auto directory =
        std::filesystem::temp_directory_path() / fmt::format("symphainy-bench-{}-{}", getpid(), in_flight);
    const Json row = measured_alone({directory.string(), in_flight, seconds, {}});
    std::filesystem::remove_all(directory);
    if (row.is_null()) return 1;
    const double two_syncs_us = 2 * number(row, "fdatasync_us");
    fmt::print("{:>9} {:>14.0f} {:>10.0f} {:>10.0f} {:>14.0f} {:>6.2f} {:>13.1f} {:>16.0f} {:>9.0f}\n", in_flight,
               number(row, "throughput"), number(row, "p50_us"), number(row, "p99_us"), number(row, "limit"),
               number(row, "ratio"), number(row, "batches_per_group"), two_syncs_us, number(row, "peak_rss_mib"));
    std::fflush(stdout);  // before the next fork, which would print it again
    const std::string name = fmt::format("executions_{}_in_flight", in_flight);
    add(out, name, number(row, "throughput"), "executions/s", number(row, "limit"), number(row, "ratio"));
    add(out, name + "_p50", number(row, "p50_us"), "us", two_syncs_us, number(row, "p50_us") / two_syncs_us);
    add(out, name + "_p99", number(row, "p99_us"), "us", two_syncs_us, number(row, "p99_us") / two_syncs_us);
    add(out, name + "_peak_rss", number(row, "peak_rss_mib"), "MiB", 0, 0);
  }
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << out.dump() << '\n';
  return file.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  symphainy::app::stop_counting_memory();
  std::string json_file;
  double seconds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--json") json_file = argv[i + 1];
    if (flag == "--seconds") seconds = std::stod(argv[i + 1]);
  }
  return run(json_file, seconds);
}
