// SPDX-License-Identifier: Apache-2.0
// What `make bench` runs: executions per second at several depths, each beside the limit measured in the same run.
// symphainy_bench [--json FILE] [--seconds S]
#include <array>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>

#include "app/benchmark.h"

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

int run(const std::string& json_file, double seconds) {
  Json out = Json::array();
  fmt::print("{:>9} {:>14} {:>10} {:>10} {:>14} {:>6} {:>16} {:>9}\n", "in flight", "executions/s", "p50 us", "p99 us",
             "limit/s", "ratio", "2 fdatasyncs us", "RSS MiB");
  for (const std::size_t in_flight : kInFlight) {
    const auto directory =
        std::filesystem::temp_directory_path() / fmt::format("symphainy-bench-{}-{}", getpid(), in_flight);
    const auto row = symphainy::app::run_benchmark({directory.string(), in_flight, seconds});
    std::filesystem::remove_all(directory);
    if (!row) {
      fmt::print(stderr, "symphainy_bench: {}\n", row.error().message);
      return 1;
    }
    const double two_syncs_us = 2 * number(*row, "fdatasync_us");
    fmt::print("{:>9} {:>14.0f} {:>10.0f} {:>10.0f} {:>14.0f} {:>6.2f} {:>16.0f} {:>9.0f}\n", in_flight,
               number(*row, "throughput"), number(*row, "p50_us"), number(*row, "p99_us"), number(*row, "limit"),
               number(*row, "ratio"), two_syncs_us, number(*row, "peak_rss_mib"));
    const std::string name = fmt::format("executions_{}_in_flight", in_flight);
    add(out, name, number(*row, "throughput"), "executions/s", number(*row, "limit"), number(*row, "ratio"));
    add(out, name + "_p50", number(*row, "p50_us"), "us", two_syncs_us, number(*row, "p50_us") / two_syncs_us);
    add(out, name + "_p99", number(*row, "p99_us"), "us", two_syncs_us, number(*row, "p99_us") / two_syncs_us);
    add(out, name + "_peak_rss", number(*row, "peak_rss_mib"), "MiB", 0, 0);
  }
  if (json_file.empty()) return 0;
  std::ofstream file(json_file);
  file << out.dump() << '\n';
  return file.good() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string json_file;
  double seconds = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--json") json_file = argv[i + 1];
    if (flag == "--seconds") seconds = std::stod(argv[i + 1]);
  }
  return run(json_file, seconds);
}
