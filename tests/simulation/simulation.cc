// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulation.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "base/try.h"
#include "crash/course_counts.h"
#include "crash/whole_log.h"
#include "simulation/replayed_executions.h"
#include "simulation/simulated_node.h"
#include "simulation/workload.h"

namespace symphainy::simulation {
namespace {

constexpr std::uint64_t kMostLives = 6;
constexpr std::uint64_t kLongestLifeOperations = 500;  // of the disk
constexpr std::uint64_t kMostRetentionOperations = 60;
constexpr std::int64_t kLongestLifeUs = 2'000'000;
constexpr std::int64_t kVeryLongLifeUs = 200'000'000;
constexpr std::int64_t kLongestQuietUs = 3'600'000'000;
constexpr std::int64_t kLastActsUs = 120'000'000;  // somebody may be stalled for nearly as long
constexpr std::int64_t kFirstOutageUs = 300'000;
constexpr std::int64_t kLongestOutageUs = 200'000;
constexpr std::int64_t kVeryLongOutageUs = 100'000'000;  // longer than the runtime waits for most things
constexpr std::int64_t kLongestAfterFailureUs = 50'000;
constexpr std::int64_t kHourUs = 3'600'000'000;

// What goes wrong between a start and the next, drawn when it starts.
struct Faults {
  std::optional<std::uint64_t> power_off_at;   ///< the disk's operation, counted from the start
  std::optional<std::uint64_t> sync_error_at;  ///< the next such operation from here, like the next two
  std::optional<std::uint64_t> write_error_at;
  std::optional<std::uint64_t> name_error_at;           ///< creating, renaming, removing or syncing names
  std::optional<std::uint64_t> retention_power_off_at;  ///< the same, of the operations while retention is at work
  std::optional<std::uint64_t> retention_error_at;
  bool machine_fails = false;  ///< when it ends: not only the process
  bool ends_well = false;      ///< it is closed when its time is up
};

class World {
 public:
  World(std::uint64_t seed, bool verbose)
      : simulator_(seed),
        files_(simulator_, [this](const DiskOperation& operation) { return decide(operation); }),
        executors_{simulator_.add_executor("partition", 1),  simulator_.add_executor("fold", 1),
                   simulator_.add_executor("relay", 1),      simulator_.add_executor("handler", 3),
                   simulator_.add_executor("log writer", 1), simulator_.add_executor("log background", 1)},
        chaos_(simulator_.add_executor("chaos", 1)),
        workload_(simulator_, executors_.handlers, simulator_.add_executor("clients", 1),
                  [this] { return files_.is_off(); }),
        snapshots_(files_),
        retention_(simulator_, files_, snapshots_, simulator_.add_executor("retention", 1),
                   [this](const std::string& name, std::uint64_t count) { report_.counts[name] += count; }) {
    if (verbose) simulator_.be_verbose();
    options_.segment_bytes = 12'288 + 4'096 + simulator_.below(40'000);
    options_.max_fold_lag_records = 16 + simulator_.below(2'000);
    options_.max_in_flight = 2 + simulator_.below(30);
  }

  SimulationReport run() {
    for (std::uint64_t lives = 1 + simulator_.below(kMostLives); lives > 0 && report_.violations.empty(); --lives)
      live();
    if (report_.violations.empty()) live_in_peace();
    for (const tests::ClientOperation& operation : workload_.history()) {
      ++report_.counts["operations"];
      if (operation.outcome == tests::ClientOperation::Outcome::acknowledged) ++report_.counts["acknowledged"];
      if (operation.status == "completed") ++report_.counts["completed"];
      report_.counts["events"] += operation.event_ids.size();
      if (operation.outcome == tests::ClientOperation::Outcome::unknown) ++report_.counts["unknown"];
      if (operation.outcome == tests::ClientOperation::Outcome::retired) ++report_.counts["answer_retired"];
    }
    report_.trace_hash = simulator_.trace_hash();
    report_.steps = simulator_.steps();
    report_.simulated_us = simulator_.clock().steady_us();
    return std::move(report_);
  }

 private:
  // --- faults

  DiskFault decide(const DiskOperation& operation) {
    ++operations_;
    if (retention_.is_at_work()) {
      ++retention_operations_;
      if (due(faults_.retention_power_off_at, retention_operations_))
        return happened(DiskFault::power_off, "power_off_in_retention");
      if (due(faults_.retention_error_at, retention_operations_)) return failed("retention_error");
    }
    if (due(faults_.power_off_at)) return happened(DiskFault::power_off, "power_off_in_operation");
    switch (operation.kind) {
      case DiskOperation::Kind::sync_data:
        if (due(faults_.sync_error_at)) return failed("sync_error");
        break;
      case DiskOperation::Kind::write:
      case DiskOperation::Kind::truncate:
        if (due(faults_.write_error_at)) return failed("write_error");
        break;
      default:
        if (due(faults_.name_error_at)) return failed("name_error");
    }
    const bool needs_room = operation.growth > 0 || operation.kind == DiskOperation::Kind::create;
    if (needs_room && is_full_) return happened(DiskFault::no_space, "no_space");
    return DiskFault::none;
  }

  // Whoever runs a node starts it anew when its log has stopped; sooner or later.
  DiskFault failed(const std::string& name) {
    at(simulator_.clock().steady_us() + time_below(kLongestAfterFailureUs), [this] { time_is_up_ = true; });
    return happened(DiskFault::io_error, name);
  }

  bool due(std::optional<std::uint64_t>& at) const { return due(at, operations_); }
  static bool due(std::optional<std::uint64_t>& at, std::uint64_t operations) {
    if (!at || operations < *at) return false;
    at.reset();
    return true;
  }

  DiskFault happened(DiskFault fault, const std::string& name) {
    ++report_.counts[name];
    simulator_.trace(name);
    return fault;
  }

  void draw_faults() {
    operations_ = retention_operations_ = 0;
    faults_ = {};
    const auto sometime = [this] { return 1 + simulator_.below(kLongestLifeOperations); };
    if (simulator_.one_in(2)) faults_.power_off_at = sometime();
    if (simulator_.one_in(5)) faults_.power_off_at = 1 + simulator_.below(30);  // while it starts
    if (simulator_.one_in(4)) faults_.sync_error_at = sometime();
    if (simulator_.one_in(8)) faults_.write_error_at = sometime();
    if (simulator_.one_in(8)) faults_.name_error_at = sometime();
    if (simulator_.one_in(4)) faults_.retention_power_off_at = 1 + simulator_.below(kMostRetentionOperations);
    if (simulator_.one_in(8)) faults_.retention_error_at = 1 + simulator_.below(kMostRetentionOperations);
    faults_.machine_fails = simulator_.one_in(2);
    faults_.ends_well = simulator_.one_in(3);
    for (std::uint64_t left = simulator_.below(6); left > 0; --left) draw_outage();
  }

  void draw_outage() {
    const std::int64_t from = simulator_.clock().steady_us() + time_below(kFirstOutageUs);
    const std::int64_t duration = 1 + time_below(simulator_.one_in(10) ? kVeryLongOutageUs : kLongestOutageUs);
    switch (simulator_.below(5)) {
      case 0:
        return outage("disk_full", is_full_, from, duration);
      case 1:
        return outage("state_store_busy", state_store_is_out_, from, duration);
      case 2:
        return outage("publisher_down", publisher_is_out_, from, duration);
      case 3:
        return at(from, [this, duration] {
          ++report_.counts["stalled"];
          simulator_.stall_one(duration);
        });
      default:
        return at(from, [this] {
          ++report_.counts["clock_jumped"];
          highest_wall_us_ = std::max(highest_wall_us_, simulator_.clock().wall_us());
          simulator_.clock().set_wall_us(simulator_.clock().wall_us() + time_below(2 * kHourUs) - kHourUs);
        });
    }
  }

  void outage(const std::string& name, bool& is_out, std::int64_t from, std::int64_t duration) {
    at(from, [this, name, &is_out, until = from + duration] {
      ++report_.counts[name];
      simulator_.trace(name);
      is_out = true;
      at(until, [&is_out] { is_out = false; });
    });
  }

  // Void when the process that it is meant for has ended.
  void at(std::int64_t steady_us, public_works::Work work) {
    chaos_.post_at(steady_us, [this, life = life_, work = std::move(work)]() mutable {
      if (life == life_) work();
    });
  }

  std::int64_t time_below(std::int64_t us) {
    return static_cast<std::int64_t>(simulator_.below(static_cast<std::uint64_t>(us)));
  }

  // --- a process's life

  void live() {
    draw_faults();
    const std::int64_t time = time_below(simulator_.one_in(10) ? kVeryLongLifeUs : kLongestLifeUs);
    if (auto node = open_node()) work(std::move(node), simulator_.clock().steady_us() + time);
    restart();
    look_at_the_log();
  }

  // Nothing when a fault ended it already.
  std::unique_ptr<SimulatedNode> open_node(bool in_peace = false) {
    auto node = SimulatedNode::open(simulator_, files_, executors_, projections_, snapshots_,
                                    {.state_store = [this] { return state_store_is_out_; },
                                     .disk_is_full = [this] { return is_full_; },
                                     .publisher = [this] { return publisher_is_out_; }},
                                    options_);
    if (node) {
      ++report_.counts["opened"];
      if ((*node)->began_with_a_snapshot()) ++report_.counts["began_with_a_snapshot"];
      const auto registered = workload_.register_handlers((*node)->runtime(), in_peace);
      if (registered && !*registered) ++report_.counts["handler_missing"];
      const auto resumed = registered ? (*node)->runtime().resume() : std::unexpected(registered.error());
      if (resumed) {
        report_.counts["resumed"] += *resumed;
        return *std::move(node);
      }
      why_not_open_ = resumed.error();
      return nullptr;
    }
    why_not_open_ = node.error();
    ++report_.counts["not_opened"];
    // Whatever happened to it, what is on the disk is not damaged.
    const bool damaged = node.error().code == ErrorCode::corrupt || node.error().code == ErrorCode::conflict;
    if (damaged) violation("I1", "the store does not open: " + node.error().message);
    return nullptr;
  }

  void work(std::unique_ptr<SimulatedNode> node, std::int64_t until_us) {
    at(until_us, [this] { time_is_up_ = true; });
    workload_.go_on(node->runtime());
    retention_.start(node->log(), node->state());
    simulator_.run_until([&] { return time_is_up_ || files_.is_off() || workload_.is_done(); });
    if (faults_.ends_well && !files_.is_off()) {
      ++report_.counts["closed"];
    } else {
      ++report_.counts[faults_.machine_fails ? "machine_failed" : "process_killed"];
      files_.power_off();
    }
    // Closing goes on with what has begun; whoever asked hears of it, unless the process is dead.
    retention_.stop();
    node.reset();
    workload_.runtime_is_gone();
    if (faults_.machine_fails && !files_.is_off()) {
      ++report_.counts["machine_failed_closed"];
      files_.power_off();
    }
  }

  void restart() {
    workload_.runtime_is_gone();
    simulator_.drop_all_work();
    ++life_;
    is_full_ = state_store_is_out_ = publisher_is_out_ = time_is_up_ = false;
    const bool machine_failed = files_.is_off() && faults_.machine_fails;
    faults_ = {};
    files_.restart(machine_failed);
    projections_.fall_back(simulator_, machine_failed);
    if (!simulator_.one_in(8)) return;
    const auto damaged = snapshots_.damage_newest();
    CHECK(damaged);
    if (*damaged) ++report_.counts["snapshot_damaged"];
  }

  // What is there after a crash, before anybody repairs it.
  void look_at_the_log() {
    auto log = open_log();
    if (!log && log.error().code == ErrorCode::not_found && acknowledged_nothing()) return;
    if (!log) return violation("I1", "the log does not open: " + log.error().message);
    tests::Evidence evidence;
    evidence.history = workload_.history();
    evidence.acts = workload_.acts();
    evidence.ledger = workload_.ledger();
    evidence.noting_types = Workload::noting_types();
    evidence.log = log->get();
    evidence.ends_seen = ends_seen_;
    evidence.wall_clock_is_set = true;
    report(tests::check_history(evidence));
    report(replay_every_execution(*log->get(), workload_, report_.counts));
    // What a head speaks of was synced before: it never goes back.
    const auto head = public_works::read_durable_head(files_, kWal);
    if (head) ends_seen_.push_back({head->newest.position, head->newest.store_hash.hex()});
  }

  Result<std::unique_ptr<tests::WholeLog>> open_log() {
    return tests::WholeLog::open(files_, simulator_.clock(), reader_random_, kWal, kArchive);
  }

  bool acknowledged_nothing() const {
    return std::ranges::none_of(workload_.history(), [](const tests::ClientOperation& operation) {
      return operation.outcome == tests::ClientOperation::Outcome::acknowledged;
    });
  }

  // --- the end

  void live_in_peace() {
    faults_ = {};
    faults_.ends_well = true;
    auto node = open_node(true);
    if (!node) return violation("I1", "without faults the store does not open: " + why_not_open_.message);
    workload_.go_on(node->runtime());
    retention_.start(node->log(), node->state());
    // What waits for a time of day, or since before the last process, waits for longer when the clock was set back.
    const std::int64_t set_back_us = std::max<std::int64_t>(0, highest_wall_us_ - simulator_.clock().wall_us());
    const std::int64_t until_us = simulator_.clock().steady_us() + set_back_us + kLongestQuietUs;
    simulator_.run_until([&] { return workload_.is_done() || simulator_.clock().steady_us() > until_us; });
    report(workload_.complaints());
    if (!workload_.is_done()) violation("I14", "clients still wait for answers an hour after the faults stopped");
    // What operators brought about last, and nobody waits for, ends too, or is parked.
    simulator_.run_until_time(simulator_.clock().steady_us() + kLastActsUs);
    retention_.stop();
    if (const auto closed = node->runtime().close(); !closed)
      violation("I14", "without faults the node does not close: " + closed.error().message);
    if (workload_.frames() > 0) {
      violation("I16", fmt::format("{} handlers that waited are still here", workload_.frames()));
    }
    // What counts is what is on the disk.
    files_.power_off();
    files_.restart(true);
    check(*node);
  }

  void check(SimulatedNode& node) {
    auto log = open_log();
    if (!log) return violation("I1", "the log does not open: " + log.error().message);
    tests::Evidence evidence;
    evidence.history = workload_.history();
    evidence.acts = workload_.acts();
    evidence.ledger = workload_.ledger();
    evidence.noting_types = Workload::noting_types();
    evidence.log = log->get();
    evidence.state = &node.state();
    evidence.lineage = &node.state();
    evidence.artifacts = &node.artifacts();
    evidence.publisher = kPublisher;
    evidence.streams = streams();
    evidence.ends_seen = ends_seen_;
    evidence.wall_clock_is_set = true;
    evidence.faults_stopped = true;
    report(tests::check_history(evidence));
    report(replay_every_execution(*log->get(), workload_, report_.counts));
    count_executions(*log->get());
  }

  void count_executions(const public_works::EventLog& log) {
    std::vector<tests::Violation> told_already;
    const tests::LogFacts facts = tests::read_log(log, UINT64_MAX, told_already);
    for (const auto& [course, count] : tests::count_courses(facts)) report_.counts["executions_" + course] += count;
  }

  std::map<public_works::StreamName, std::vector<std::string>> streams() {
    std::map<public_works::StreamName, std::vector<std::string>> streams;
    const auto tenants = files_.list(kEvents);
    if (!tenants) return streams;
    for (const std::string& tenant : *tenants) {
      for (const std::string& name : files_.list(kEvents + "/" + tenant).value()) {
        std::string text;
        const auto file = files_.open(kEvents + "/" + tenant + "/" + name, public_works::OpenMode::read);
        CHECK(file && (*file)->read_at(0, SIZE_MAX, text));
        auto& lines = streams[{tenant, name.substr(0, name.find(".ndjson"))}];
        for (std::size_t begin = 0; begin < text.size();) {
          const std::size_t end = text.find('\n', begin);
          lines.push_back(text.substr(begin, end - begin));
          begin = end == std::string::npos ? end : end + 1;
        }
      }
    }
    return streams;
  }

  void violation(const std::string& invariant, std::string what) {
    report_.violations.push_back({.invariant = invariant, .what = std::move(what)});
  }
  void report(const std::vector<tests::Violation>& found) {
    report_.violations.insert(report_.violations.end(), found.begin(), found.end());
  }

  Simulator simulator_;
  SimulatedFileSystem files_;
  SimulatedNode::Executors executors_;
  public_works::Executor& chaos_;
  Workload workload_;
  ProjectionHistory projections_;
  ProjectionSnapshots snapshots_;
  SimulatedRetention retention_;
  public_works::SeededRandom reader_random_{1};  // who reads a log asks for none
  RuntimeOptions options_;
  Faults faults_;
  Error why_not_open_;
  std::uint64_t life_ = 0;
  std::uint64_t operations_ = 0;  // of the disk, in this life
  std::uint64_t retention_operations_ = 0;
  std::vector<tests::LogEnd> ends_seen_;
  std::int64_t highest_wall_us_ = 0;
  bool time_is_up_ = false;
  bool is_full_ = false;
  bool state_store_is_out_ = false;
  bool publisher_is_out_ = false;
  SimulationReport report_;
};

}  // namespace

SimulationReport simulate(std::uint64_t seed, bool verbose) {
  return World(seed, verbose).run();
}

}  // namespace symphainy::simulation
