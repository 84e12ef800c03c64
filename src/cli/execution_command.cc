// SPDX-License-Identifier: Apache-2.0
// `symphainy execution cancel|terminate|resume|retry|rerun|signal`: what somebody does to executions, on the record.
#include <fmt/format.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

struct ActArguments {
  std::vector<std::string> ids;
  std::optional<std::string> reason;
  std::optional<std::string> actor;
  bool wait = false;
  std::optional<SignalDraft> signal;
  std::optional<std::string> from;
};

struct SignalArguments {
  std::string id;
  std::string name;
  std::string value = "null";
  std::optional<std::string> signal_id;
};

Result<ExecutionCommand> command_for(const Invocation& invocation, const app::Configuration& configuration,
                                     Action action, const ActArguments& arguments) {
  TRY(const auto scope, invocation.scope());
  if (!scope.tenant()) {
    return fail(ErrorCode::invalid_argument, "an execution belongs to one tenant; name it with --tenant NAME",
                "no_tenant");
  }
  return ExecutionCommand{.action = action,
                          .tenant_id = *scope.tenant(),
                          .execution_id = "",
                          .actor = who_asks(configuration),
                          .reason = arguments.reason.value_or(""),
                          .wait_for_end = arguments.wait,
                          .signal = arguments.signal,
                          .from_step = arguments.from};
}

void print(const Output& out, const Result<ExecutionResult>& result, const std::string& id) {
  if (!result) return complain(result.error().message);
  if (out.json()) return out.json_line(result->to_json());
  const std::string now = result->execution_id == id ? "" : fmt::format(", as {}", result->execution_id);
  out.line(fmt::format("{} {}{}", id, to_string(result->status), now));
}

// Unfinished executions go on behind the commands: one that shall end does not begin again before it hears of that.
Result<int> act(Invocation& invocation, Action action, const ActArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.actor) flags.emplace("actor", *arguments.actor);
  TRY(const app::Configuration configuration, invocation.configuration(std::move(flags)));
  TRY(ExecutionCommand command, command_for(invocation, configuration, action, arguments));
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_store(configuration.data_directory));
  TRY(const auto runtime,
      invocation.open_runtime(configuration.runtime_options(), configuration.roots, Unfinished::waits));
  int code = kOk;
  for (const std::string& id : arguments.ids) {
    command.execution_id = id;
    const auto result = runtime->command(command);
    print(invocation.out(), result, id);
    if (!result) code = std::max(code, exit_code_of(result.error()));
  }
  TRY(runtime->resume());
  TRY(runtime->close());
  return code;
}

void add_action(Command& execution, Action action, const std::string& summary, const std::string& example) {
  auto arguments = std::make_shared<ActArguments>();
  execution.add(std::string(to_string(action)), summary)
      .takes_data()
      .takes_tenant()
      .arguments("ID", arguments->ids, "the executions")
      .option("--reason", arguments->reason, "why; it is recorded", "TEXT")
      .option("--actor", arguments->actor, "who does it (default: the OS user)", "TYPE:ID")
      .flag("--wait", arguments->wait, "answer when it has ended, or is parked, not when that is recorded")
      .examples({example})
      .runs([action, arguments](Invocation& invocation) { return act(invocation, action, *arguments); });
}

void add_again(Command& execution, Action action, const std::string& summary, const std::string& example) {
  auto arguments = std::make_shared<ActArguments>();
  Command command = execution.add(std::string(to_string(action)), summary)
                        .takes_data()
                        .takes_tenant()
                        .arguments("ID", arguments->ids, "executions that have ended")
                        .option("--reason", arguments->reason, "why; it is recorded", "TEXT")
                        .option("--actor", arguments->actor, "who does it (default: the OS user)", "TYPE:ID")
                        .flag("--wait", arguments->wait, "answer when the new execution has ended, or is parked");
  if (action == Action::rerun) {
    command.option("--from", arguments->from,
                   "take over what was recorded before this step began: its name, or its key such as charge#2", "STEP");
  }
  command.examples({example}).runs(
      [action, arguments](Invocation& invocation) { return act(invocation, action, *arguments); });
}

Result<int> send(Invocation& invocation, ActArguments act_arguments, const SignalArguments& arguments) {
  auto value = Json::parse(arguments.value);
  if (!value) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("the signal's value is no JSON: {} (a text needs its quotes: '\"yes\"')", value.error().message),
        "invalid_signal");
  }
  act_arguments.ids = {arguments.id};
  act_arguments.signal = SignalDraft{arguments.name, *std::move(value), arguments.signal_id.value_or("")};
  return act(invocation, Action::signal, act_arguments);
}

void add_signal(Command& execution) {
  auto act_arguments = std::make_shared<ActArguments>();
  auto arguments = std::make_shared<SignalArguments>();
  execution.add("signal", "hand a value to an execution that waits for it, or will; it is recorded with who sent it")
      .takes_data()
      .takes_tenant()
      .argument("ID", arguments->id, "the execution")
      .argument("NAME", arguments->name, "of the signal")
      .optional_argument("JSON", arguments->value, "its value (default: null)")
      .option("--signal-id", arguments->signal_id, "the same again is received once", "TEXT")
      .option("--reason", act_arguments->reason, "why; it is recorded", "TEXT")
      .option("--actor", act_arguments->actor, "who sends it (default: the OS user)", "TYPE:ID")
      .flag("--wait", act_arguments->wait, "answer when the execution has ended, or is parked, not when it is recorded")
      .examples({"symphainy execution signal ID approved true --tenant acme --reason 'looks right'"})
      .runs(
          [act_arguments, arguments](Invocation& invocation) { return send(invocation, *act_arguments, *arguments); });
}

}  // namespace

void add_execution_commands(Command& execution) {
  add_action(execution, Action::cancel, "ask executions to end: their next step is refused, what they hold is undone",
             "symphainy execution cancel ID --tenant acme --reason 'wrong file'");
  add_action(execution, Action::terminate, "end executions now, whatever they are doing; nothing is undone",
             "symphainy execution terminate ID --tenant acme --reason 'stuck since Monday'");
  add_action(execution, Action::resume, "go on with executions that are parked; their completed steps stay done",
             "symphainy execution resume ID --tenant acme --reason 'the bank is back'");
  add_again(execution, Action::retry,
            "do once more what has ended without completing, as a new execution; its completed steps stay done",
            "symphainy execution retry ID --tenant acme --reason 'the bank is back'");
  add_again(execution, Action::rerun,
            "do once more what has ended, as a new execution: from the beginning, or from a step",
            "symphainy execution rerun ID --tenant acme --reason 'wrong rate'");
  add_signal(execution);
}

}  // namespace symphainy::cli
