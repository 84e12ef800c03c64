// SPDX-License-Identifier: Apache-2.0
// The node that is tortured: a runtime on CASE/data with the torture's handlers, which note their runs in
// CASE/ledger.ndjson.
//
//   torture_node CASE serve        takes {"op", "intent"} lines on the socket CASE/socket until SIGTERM, then closes
//   torture_node CASE work FILE    runs FILE's intents one after another, history in CASE/history/work.ndjson; closes
//   torture_node CASE keep FILE    the same, but opens, closes and retires what it can for each; then makes the copies
//                                  (torture_keeping.h)
//
// Prints "ready" once everything unfinished is resumed. Exit 0: drained and closed without an error.
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "symphainy/runtime.h"

#include "base/digest.h"
#include "base/try.h"
#include "crash/torture_intents.h"
#include "crash/torture_keeping.h"
#include "crash/torture_waits.h"

namespace symphainy::tests {
namespace {

constexpr std::size_t kSegmentBytes = 64 * 1024;  // so that segments change all the time
constexpr std::uint64_t kRetainBytes = 2 * kSegmentBytes;
constexpr std::uint64_t kSnapshotEvery = 200;  // records; few, so that both are under way at every kill

// What a client may conclude: "ok", "fail" (nothing happened), or "unknown".
Json answer_to(const Json& op, const Result<ExecutionResult>& result) {
  Json answer = Json::object({{"op", op}});
  if (!result) {
    answer["type"] = next_step(result.error().code) == NextStep::stop ? "unknown" : "fail";
    answer["error"] = result.error().message;
    return answer;
  }
  Json events = Json::array();
  for (const PublishedEvent& event : result->events) events.push_back(event.event_id);
  answer["type"] = "ok";
  answer["event_ids"] = std::move(events);
  answer["execution_id"] = result->execution_id;
  answer["position"] = result->position;
  answer["status"] = to_string(result->status);
  const bool completed = result->status == ExecutionStatus::completed;
  answer["value_sha256"] = completed ? base::sha256(result->value.dump()).hex() : "";
  return answer;
}

// Of what shall be done once more.
bool is_to_be_retried(const Result<ExecutionResult>& result) {
  return result && result->status == ExecutionStatus::failed && result->intent_type == "torture.regret" &&
         result->successor.empty();
}

bool waits_for_somebody(const ExecutionResult& result) {
  return result.status == ExecutionStatus::parked || result.status == ExecutionStatus::compensation_stuck;
}

// Submits it; when it is parked, or stuck, acts on it as its parameters say. `done` hears the outcome of that. Whoever
// cannot learn that either hears that it was `waiting`, and not that nothing happened.
void submit_and_act(Runtime& runtime, const Json& intent, const Runtime::Done& done,
                    std::optional<ExecutionResult> waiting = std::nullopt) {
  const auto is_refused = [](const Result<ExecutionResult>& result) {
    return !result && next_step(result.error().code) != NextStep::stop;
  };
  runtime.submit_json(intent, [=, &runtime](Result<ExecutionResult> result) {
    if (waiting && is_refused(result)) return done(*waiting);
    if (is_to_be_retried(result)) {
      const ExecutionCommand retry{Action::retry,          result->tenant_id, result->execution_id,
                                   {"service", "torture"}, "it failed",       true};
      return runtime.command(retry, [=, &runtime](const Result<ExecutionResult>& retried) {
        if (!retried && retried.error().reason != "has_successor") return done(result);
        submit_and_act(runtime, intent, done);
      });
    }
    if (!result || !waits_for_somebody(*result)) return done(std::move(result));
    const std::int64_t number = intent.find("parameters")->find("number")->as_int64().value();
    const ExecutionCommand command{.action = action_on_waiting(result->intent_type, number),
                                   .tenant_id = result->tenant_id,
                                   .execution_id = result->execution_id,
                                   .actor = {"service", "torture"},
                                   .reason = "it waited for somebody",
                                   .wait_for_end = true};
    runtime.command(command, [=, &runtime, waiting = *result](Result<ExecutionResult> acted) {
      // Somebody acted first, or the process that did was killed before the next attempt.
      const bool again = acted ? waits_for_somebody(*acted)
                               : acted.error().reason == "has_ended" || acted.error().reason == "not_parked";
      if (again) return submit_and_act(runtime, intent, done, waiting);
      done(is_refused(acted) ? Result<ExecutionResult>(waiting) : std::move(acted));
    });
  });
}

// One command after the other, whatever comes of them: what follows tells.
void act_in_turn(Runtime& runtime, std::vector<ExecutionCommand> commands, const std::function<void()>& then) {
  if (commands.empty()) return then();
  ExecutionCommand next = std::move(commands.front());
  commands.erase(commands.begin());
  runtime.command(std::move(next),
                  [=, &runtime](const Result<ExecutionResult>&) { act_in_turn(runtime, commands, then); });
}

// It has begun, so that this is refused does not mean that nothing happened.
Result<ExecutionResult> after_its_beginning(Result<ExecutionResult> result) {
  if (result) return result;
  return fail(ErrorCode::unknown, result.error().message);
}

// Begins what waits until somebody acts, acts, and hears the end. What is to be cancelled in its sleep is asked for
// until it sleeps.
void start_and_act(Runtime& runtime, const Json& json, const Runtime::Done& done, bool has_begun = false) {
  const auto intent = Intent::from_json(json);
  if (!intent) return runtime.submit_json(json, done);
  runtime.start(*intent, [=, &runtime](const Result<ExecutionResult>& begun) {
    if (!begun || begun->execution_id.empty()) return done(has_begun ? after_its_beginning(begun) : begun);
    if (begun->status == ExecutionStatus::running && acts_on_sleep(begun->intent_type))
      return start_and_act(runtime, json, done, true);
    const auto commands = commands_to_waiting(begun->intent_type, begun->tenant_id, begun->execution_id);
    act_in_turn(runtime, commands, [=, &runtime] {
      runtime.submit_json(json, [done](Result<ExecutionResult> ended) { done(after_its_beginning(std::move(ended))); });
    });
  });
}

void carry_out(Runtime& runtime, const Json& intent, const Runtime::Done& done) {
  const Json* type = intent.find("intent_type");
  const auto name = type == nullptr ? std::nullopt : type->as_string();
  if (name && !commands_to_waiting(*name, "", "").empty()) return start_and_act(runtime, intent, done);
  submit_and_act(runtime, intent, done);
}

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Runtime& runtime, int descriptor) : runtime_(runtime), descriptor_(descriptor) {}
  ~Connection() { ::close(descriptor_); }

  void serve() {
    std::string waiting;
    char piece[16 * 1024];
    for (ssize_t got = 0; (got = ::read(descriptor_, piece, sizeof piece)) > 0;) {
      waiting.append(piece, static_cast<std::size_t>(got));
      for (std::size_t end = 0; (end = waiting.find('\n')) != std::string::npos; waiting.erase(0, end + 1)) {
        submit(waiting.substr(0, end));
      }
    }
  }
  /// What is under way is still answered.
  void stop_reading() const { ::shutdown(descriptor_, SHUT_RD); }

 private:
  void submit(const std::string& line) {
    auto request = Json::parse(line);
    CHECK(request && request->find("op") != nullptr && request->find("intent") != nullptr);
    carry_out(runtime_, *request->find("intent"),
              [self = shared_from_this(), op = *request->find("op")](const Result<ExecutionResult>& result) {
                const std::lock_guard lock(self->writing_);
                // A client that has gone does not hear it.
                static_cast<void>(write_all(self->descriptor_, answer_to(op, result).dump() + "\n"));
              });
  }

  Runtime& runtime_;
  const int descriptor_;
  std::mutex writing_;
};

class Server {
 public:
  Server(Runtime& runtime, const std::string& path) : runtime_(runtime) {
    ::unlink(path.c_str());
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    CHECK(::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(::listen(listening_, 64) == 0);
    accepting_ = std::thread([this] { accept_all(); });
  }
  void stop() {
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    ::close(listening_);
    for (const auto& connection : connections_) connection->stop_reading();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void accept_all() {
    for (int descriptor = 0; (descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      auto connection = std::make_shared<Connection>(runtime_, descriptor);
      connections_.push_back(connection);
      threads_.emplace_back([connection] { connection->serve(); });
    }
  }

  Runtime& runtime_;
  int listening_ = -1;
  std::thread accepting_;
  std::list<std::shared_ptr<Connection>> connections_;  // the accepting thread's, until it has ended
  std::list<std::thread> threads_;
};

void serve(Runtime& runtime, const std::string& directory) {
  Server server(runtime, directory + "/socket");
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  int signal = 0;
  CHECK(::sigwait(&stop, &signal) == 0);
  server.stop();
}

void work(Runtime& runtime, const std::string& directory, const std::vector<std::string>& intents) {
  const int history =
      ::open((directory + "/history/work.ndjson").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  CHECK(history >= 0 && write_all(history, "\n"));  // the line before may be cut short
  static std::int64_t number = 0;
  for (const std::string& line : intents) {
    const Json op(fmt::format("{}-{}", ::getpid(), number++));
    const Json intent = Json::parse(line).value();
    const Json invoke = Json::object({{"client", "work"}, {"intent", intent}, {"op", op}, {"type", "invoke"}});
    CHECK(write_all(history, invoke.dump() + "\n"));
    std::atomic<bool> answered = false;
    carry_out(runtime, intent, [&](const Result<ExecutionResult>& result) {
      CHECK(write_all(history, answer_to(op, result).dump() + "\n"));
      answered = true;
      answered.notify_one();
    });
    answered.wait(false);
  }
  ::close(history);
}

std::vector<std::string> lines_of(const std::string& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Result<void> with_node(const RuntimeOptions& options, const Ledger& ledger, const std::function<void(Runtime&)>& use) {
  TRY(const auto runtime, Runtime::open(options));
  TRY(runtime->register_service(make_torture_service(ledger)));
  TRY(runtime->resume());
  use(*runtime);
  return runtime->close();
}

Result<void> keep(const KeptCase& kept, RuntimeOptions options, const Ledger& ledger, const std::string& file) {
  for (const std::string& intent : lines_of(file)) {
    TRY(with_node(options, ledger, [&](Runtime& runtime) { work(runtime, kept.directory, {intent}); }));
    TRY(retain(kept, options));
  }
  const auto open_and_close = [&](const std::string& data) {
    options.data_directory = data;
    return with_node(options, ledger, [](Runtime&) {});
  };
  TRY(make_copies(kept, open_and_close));
  return unretire_copy(kept, open_and_close);
}

Result<void> run(std::string_view mode, const std::string& directory, const std::string& file) {
  const KeptCase kept{directory};
  const Ledger ledger(directory + "/ledger.ndjson");
  RuntimeOptions options;
  options.data_directory = kept.data();
  options.segment_bytes = kSegmentBytes;
  if (mode == "keep") return keep(kept, options, ledger, file);
  if (mode == "serve") {
    options.log_retention.retain_bytes = kRetainBytes;
    options.log_retention.snapshot_every = kSnapshotEvery;
    options.log_retention.archive = kept.archive();
  }
  return with_node(options, ledger, [&](Runtime& runtime) {
    CHECK(write_all(STDOUT_FILENO, "ready\n"));
    mode == "serve" ? serve(runtime, directory) : work(runtime, directory, lines_of(file));
  });
}

}  // namespace
}  // namespace symphainy::tests

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[2] : "";
  if (!((mode == "serve" && argc == 3) || ((mode == "work" || mode == "keep") && argc == 4))) {
    fmt::print(stderr, "usage: torture_node CASE serve | torture_node CASE work FILE | torture_node CASE keep FILE\n");
    return 2;
  }
  // Before any thread is started: it is taken by sigwait().
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // not to go on for ever when its script was ended
  const auto done = symphainy::tests::run(mode, argv[1], argc == 4 ? argv[3] : "");
  if (done) return 0;
  fmt::print(stderr, "torture_node {}: {}: {}\n", mode, done.error().name(), done.error().message);
  return 1;
}
