// SPDX-License-Identifier: Apache-2.0
#include "experience/command_json.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <span>
#include <string_view>

#include "base/try.h"

namespace symphainy::experience {
namespace {

constexpr std::array<std::string_view, 8> kMembers{"action", "actor",  "execution_id", "from_step",
                                                   "reason", "signal", "tenant_id",    "wait_for_end"};
constexpr std::array<std::string_view, 3> kSignalMembers{"name", "signal_id", "value"};

std::unexpected<Error> refused(const std::string& why) {
  return fail(ErrorCode::invalid_argument, "the command " + why, "invalid_command");
}

Result<std::string> text(const Json& json, std::string_view member) {
  const Json* value = json.find(member);
  const auto found = value == nullptr ? std::nullopt : value->as_string();
  if (!found) return refused(fmt::format("has no '{}' that is a text", member));
  return std::string(*found);
}

Result<void> check_members(const Json& json, std::span<const std::string_view> known) {
  if (!json.is_object()) return refused("is no JSON object, or its signal is none");
  std::string unknown;
  json.for_each_member([&](std::string_view key, const Json&) {
    if (std::ranges::find(known, key) == known.end()) unknown = key;
  });
  if (!unknown.empty()) return refused(fmt::format("has a member '{}', which means nothing here", unknown));
  return {};
}

Json signal_to_json(const SignalDraft& signal) {
  return Json::object({{"name", signal.name}, {"signal_id", signal.signal_id}, {"value", signal.value}});
}

Result<SignalDraft> signal_from_json(const Json& json) {
  TRY(check_members(json, kSignalMembers));
  SignalDraft signal;
  TRY(signal.name, text(json, "name"));
  if (json.find("signal_id") != nullptr) {
    TRY(signal.signal_id, text(json, "signal_id"));
  }
  if (const Json* value = json.find("value")) signal.value = *value;
  return signal;
}

}  // namespace

Json command_to_json(const ExecutionCommand& command) {
  Json json = Json::object({{"action", to_string(command.action)},
                            {"actor", Json::object({{"id", command.actor.id}, {"type", command.actor.type}})},
                            {"execution_id", command.execution_id},
                            {"reason", command.reason},
                            {"tenant_id", command.tenant_id},
                            {"wait_for_end", command.wait_for_end}});
  if (command.from_step) json["from_step"] = *command.from_step;
  if (command.signal) json["signal"] = signal_to_json(*command.signal);
  return json;
}

Result<ExecutionCommand> command_from_json(const Json& json) {
  TRY(check_members(json, kMembers));
  TRY(const std::string name, text(json, "action"));
  const auto action = action_from(name);
  if (!action) {
    return refused(
        fmt::format("has the action '{}'; there are cancel, terminate, resume, signal, retry and rerun", name));
  }
  ExecutionCommand command;
  command.action = *action;
  TRY(command.tenant_id, text(json, "tenant_id"));
  TRY(command.execution_id, text(json, "execution_id"));
  const Json* actor = json.find("actor");
  if (actor == nullptr || !actor->is_object()) return refused("has no 'actor' {\"type\", \"id\"}");
  TRY(command.actor.type, text(*actor, "type"));
  TRY(command.actor.id, text(*actor, "id"));
  if (json.find("reason") != nullptr) {
    TRY(command.reason, text(json, "reason"));
  }
  if (json.find("from_step") != nullptr) {
    TRY(command.from_step, text(json, "from_step"));
  }
  const Json* wait = json.find("wait_for_end");
  const auto waits = wait == nullptr ? std::optional(false) : wait->as_bool();
  if (!waits) return refused("has a 'wait_for_end' that is neither true nor false");
  command.wait_for_end = *waits;
  if (const Json* signal = json.find("signal")) {
    TRY(command.signal, signal_from_json(*signal));
  }
  return command;
}

}  // namespace symphainy::experience
