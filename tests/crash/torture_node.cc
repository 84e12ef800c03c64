// SPDX-License-Identifier: Apache-2.0
// The node that is tortured: a runtime on CASE/data with the torture's handlers, which note their runs in
// CASE/ledger.ndjson.
//
//   torture_node CASE serve        takes {"op", "intent"} lines on the socket CASE/socket until SIGTERM, then closes
//   torture_node CASE work FILE    runs FILE's intents one after another, history in CASE/history/work.ndjson; closes
//
// Prints "ready" once everything unfinished is resumed. Exit 0: drained and closed without an error.
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <list>
#include <mutex>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "symphainy/runtime.h"

#include "base/digest.h"
#include "base/try.h"
#include "crash/torture_intents.h"

namespace symphainy::tests {
namespace {

constexpr std::size_t kSegmentBytes = 64 * 1024;  // so that segments change all the time

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
    runtime_.submit_json(*request->find("intent"),
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

void work(Runtime& runtime, const std::string& directory, const std::string& file) {
  const int history =
      ::open((directory + "/history/work.ndjson").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  CHECK(history >= 0 && write_all(history, "\n"));  // the line before may be cut short
  std::ifstream intents(file);
  std::int64_t number = 0;
  for (std::string line; std::getline(intents, line); ++number) {
    const Json op(fmt::format("{}-{}", ::getpid(), number));
    const Json intent = Json::parse(line).value();
    const Json invoke = Json::object({{"client", "work"}, {"intent", intent}, {"op", op}, {"type", "invoke"}});
    CHECK(write_all(history, invoke.dump() + "\n"));
    std::atomic<bool> answered = false;
    runtime.submit_json(intent, [&](const Result<ExecutionResult>& result) {
      CHECK(write_all(history, answer_to(op, result).dump() + "\n"));
      answered = true;
      answered.notify_one();
    });
    answered.wait(false);
  }
  ::close(history);
}

int fail_with(const char* what, const Error& error) {
  fmt::print(stderr, "torture_node: {}: {}: {}\n", what, error.name(), error.message);
  return 1;
}

int run(int argc, char** argv) {
  const std::string directory = argv[1];
  const Ledger ledger(directory + "/ledger.ndjson");
  RuntimeOptions options;
  options.data_directory = directory + "/data";
  options.segment_bytes = kSegmentBytes;
  auto runtime = Runtime::open(options);
  if (!runtime) return fail_with("open", runtime.error());
  if (const auto known = (*runtime)->register_service(make_torture_service(ledger)); !known) {
    return fail_with("register", known.error());
  }
  if (const auto resumed = (*runtime)->resume(); !resumed) return fail_with("resume", resumed.error());
  CHECK(write_all(STDOUT_FILENO, "ready\n"));
  if (argc == 4) {
    work(**runtime, directory, argv[3]);
  } else {
    serve(**runtime, directory);
  }
  if (const auto closed = (*runtime)->close(); !closed) return fail_with("close", closed.error());
  return 0;
}

}  // namespace
}  // namespace symphainy::tests

int main(int argc, char** argv) {
  const std::string_view mode = argc > 2 ? argv[2] : "";
  if (!((mode == "serve" && argc == 3) || (mode == "work" && argc == 4))) {
    fmt::print(stderr, "usage: torture_node CASE serve | torture_node CASE work FILE\n");
    return 2;
  }
  // Before any thread is started: it is taken by sigwait().
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // not to go on for ever when its script was ended
  return symphainy::tests::run(argc, argv);
}
