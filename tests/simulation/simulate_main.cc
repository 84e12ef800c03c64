// SPDX-License-Identifier: Apache-2.0
// symphainy_simulate [--seed S | --seeds N [--from S]] [--until-broken] [--verbose]: runs simulated lives of a store
// and checks each of them. Exits with 1 when an invariant was broken.
#include <cstdlib>
#include <fmt/format.h>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

#include "simulation/simulation.h"

namespace {

using symphainy::simulation::simulate;

struct Arguments {
  std::uint64_t from = 1;
  std::uint64_t count = 1;
  bool until_broken = false;  ///< a seed that breaks an invariant is the last
  bool verbose = false;
};

int run(const Arguments& arguments) {
  std::map<std::string, std::uint64_t> counts;
  std::uint64_t steps = 0;
  std::int64_t simulated_us = 0;
  std::uint64_t broken = 0;
  std::uint64_t seed = arguments.from;
  for (; seed < arguments.from + arguments.count && !(arguments.until_broken && broken > 0); ++seed) {
    const auto report = simulate(seed, arguments.verbose);
    for (const auto& [name, count] : report.counts) counts[name] += count;
    steps += report.steps;
    simulated_us += report.simulated_us;
    if (arguments.count == 1) fmt::print("trace hash {:016x}\n", report.trace_hash);
    if (report.violations.empty()) continue;
    ++broken;
    for (const auto& violation : report.violations)
      fmt::print("seed {}: {}: {}\n", seed, violation.invariant, violation.what);
    fmt::print("repeat with: symphainy_simulate --seed {} --verbose\n", seed);
  }
  fmt::print("{} seeds, {} broke an invariant; {} steps, {:.1f} simulated seconds\n", seed - arguments.from, broken,
             steps, static_cast<double>(simulated_us) / 1e6);
  for (const auto& [name, count] : counts) fmt::print("  {:<24} {:>10}\n", name, count);
  return broken == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const bool has_value = i + 1 < argc;
    if (name == "--verbose") {
      arguments.verbose = true;
    } else if (name == "--until-broken") {
      arguments.until_broken = true;
    } else if ((name == "--seed" || name == "--from") && has_value) {
      arguments.from = std::strtoull(argv[++i], nullptr, 10);
    } else if (name == "--seeds" && has_value) {
      arguments.count = std::strtoull(argv[++i], nullptr, 10);
    } else {
      fmt::print(stderr, "usage: symphainy_simulate [--seed S | --seeds N [--from S]] [--until-broken] [--verbose]\n");
      return 2;
    }
  }
  return run(arguments);
}
