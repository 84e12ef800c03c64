// SPDX-License-Identifier: Apache-2.0
// `symphainy bench`: how fast this machine executes intents, beside what its disk and processor would allow at most.
#include <fmt/format.h>

#include "app/benchmark.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/stop_signal.h"
#include "cli/temporary_store.h"

namespace symphainy::cli {
namespace {

struct BenchArguments {
  std::optional<std::uint64_t> in_flight;
  std::optional<double> seconds;
  std::optional<std::uint64_t> steps;
};

void print(const Output& out, const Json& answer) {
  if (out.json()) return out.json_line(answer);
  std::vector<std::pair<std::string, Cell>> facts;
  answer.for_each_member([&](std::string_view key, const Json& value) {
    const auto number = value.as_double();
    const bool whole = value.as_int64().has_value();
    facts.emplace_back(std::string(key), number && !whole ? fmt::format("{:.2f}", *number) : plain(value));
  });
  out.facts(facts);
}

Result<int> bench(Invocation& invocation, const BenchArguments& arguments) {
  app::BenchmarkOptions options;
  options.in_flight = arguments.in_flight.value_or(options.in_flight);
  options.seconds = arguments.seconds.value_or(options.seconds);
  if (options.in_flight == 0 || options.in_flight > 1'000'000)
    return fail(ErrorCode::invalid_argument, "--in-flight takes 1 to 1000000");
  // Also refuses NaN, which compares with nothing.
  if (!(options.seconds > 0 && options.seconds <= 3'600))
    return fail(ErrorCode::invalid_argument, "--seconds takes more than 0 and at most 3600");
  options.steps = arguments.steps.value_or(0);
  if (options.steps > 1'000) return fail(ErrorCode::invalid_argument, "--steps takes at most 1000");
  const StopSignal stop;  // before there is something temporary to be removed
  options.stopped = [&stop] { return stop.raised(); };
  std::optional<TemporaryStore> temporary;
  if (invocation.data_flag()) {
    options.data_directory = *invocation.data_flag();
  } else {
    // The configured directory holds somebody's data; measuring leaves it alone.
    TRY(auto created, TemporaryStore::create("symphainy-bench", TemporaryStore::After::remove));
    temporary.emplace(std::move(created));
    options.data_directory = temporary->path();
  }
  TRY(const Json answer, app::run_benchmark(options));
  print(invocation.out(), answer);
  return kOk;
}

}  // namespace

void add_bench(Command root) {
  auto arguments = std::make_shared<BenchArguments>();
  root.add("bench",
           "measure executions per second on this machine, in a directory under TMPDIR (else /tmp) that is removed "
           "afterwards; --data names an empty or new one, which is kept")
      .takes_data()
      .option("--in-flight", arguments->in_flight, "executions under way at the same time (default: 64)")
      .option("--seconds", arguments->seconds, "how long (default: 5)")
      .option("--steps", arguments->steps, "durable steps that each execution takes (default: 0)")
      .examples({"symphainy bench --in-flight 256 --seconds 10", "symphainy bench --data /mnt/fast/bench -o json"})
      .runs([arguments](Invocation& invocation) { return bench(invocation, *arguments); });
}

}  // namespace symphainy::cli
