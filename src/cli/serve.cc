// SPDX-License-Identifier: Apache-2.0
// `symphainy serve`: the node that lives. It owns the data directory and takes intents over DATA/control.sock until it
// is told to stop; then it answers what has arrived, and only then closes.
#include <array>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/stop_signal.h"
#include "experience/control_api.h"
#include "experience/control_socket.h"
#include "experience/http_server.h"
#include "experience/node_metrics.h"

namespace symphainy::cli {
namespace {

struct ServeArguments {
  std::vector<std::string> roots;
  std::optional<std::string> metrics;
};

/// Can be read once it was raised, from any thread.
class Alarm {
 public:
  Alarm() {
    if (::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK) != 0) ends_ = {-1, -1};
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    for (const int end : ends_) ::close(end);
  }
  void raise() const { [[maybe_unused]] const auto written = ::write(ends_[1], "x", 1); }
  [[nodiscard]] int descriptor() const noexcept { return ends_[0]; }

 private:
  std::array<int, 2> ends_{-1, -1};
};

Result<app::Configuration> configure(const Invocation& invocation, const ServeArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.metrics) flags.emplace("metrics.address", *arguments.metrics);
  if (!arguments.roots.empty()) {
    Json roots = Json::array();
    for (const std::string& root : arguments.roots) roots.push_back(root);
    flags.emplace("roots", std::move(roots));
  }
  return invocation.configuration(std::move(flags));
}

/// Listens, and says so. The socket is removed by whoever stops the server.
Result<experience::ControlSocket> listen(experience::HttpServer& server, experience::ControlApi& api,
                                         experience::MetricsPage& page, const app::Configuration& configuration) {
  std::string metrics;
  // First what can be refused: a socket that is there is one that answers.
  if (configuration.metrics_address) {
    TRY(const auto endpoint, server.serve_loopback(*configuration.metrics_address, page));
    metrics = fmt::format(", metrics at http://{}/metrics", endpoint.address);
  }
  TRY(auto socket, experience::ControlSocket::listen(configuration.data_directory));
  TRY(server.serve_local(socket.release_descriptor(), api));
  notify(fmt::format("serving {} as process {}{}", configuration.data_directory, ::getpid(), metrics));
  return socket;
}

Result<int> serve(Invocation& invocation, const ServeArguments& arguments) {
  TRY(const app::Configuration configuration, configure(invocation, arguments));
  // Whoever reads its stderr may be gone before it is: what it says then is lost, and nothing else.
  ::signal(SIGPIPE, SIG_IGN);
  const StopSignal stop;
  const Alarm stopped;
  TRY(const auto runtime, invocation.own_runtime(configuration.runtime_options(), configuration.roots));
  experience::NodeMetrics metrics;
  experience::MetricsPage page(*runtime, metrics);
  experience::ControlApi api(*runtime, metrics, configuration.limits, [&stopped] { stopped.raise(); });
  experience::HttpServer server;
  TRY(auto socket, listen(server, api, page, configuration));

  const bool must_be_opened_again = stop.wait_readable(stopped.descriptor());
  notify(must_be_opened_again ? "the log cannot be written any more; stopping, start it again to go on"
                              : "stopping on request: answering what has arrived");
  api.stop_taking();
  // What waits for its next attempt would hold up the answers that stop() waits for.
  runtime->begin_closing();
  server.stop();
  const Result<void> closed = runtime->close();
  socket.remove();
  if (must_be_opened_again) return kUnknown;
  TRY(closed);
  return kOk;
}

}  // namespace

void add_serve(Command root) {
  auto arguments = std::make_shared<ServeArguments>();
  root.add("serve",
           "own a data directory and take intents over its control.sock, until SIGTERM or SIGINT; other commands on "
           "that directory go through it")
      .takes_data()
      .option("--root", arguments->roots, "directory that files may be read from; repeatable (default: .)", "DIR")
      .option("--metrics", arguments->metrics, "answer GET /metrics there, for Prometheus; a loopback address",
              "ADDRESS:PORT")
      .examples({"symphainy serve --data ./data --root /srv/files", "symphainy serve --metrics 127.0.0.1:9464"})
      .runs([arguments](Invocation& invocation) { return serve(invocation, *arguments); });
}

}  // namespace symphainy::cli
