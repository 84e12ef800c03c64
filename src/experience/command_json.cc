// SPDX-License-Identifier: Apache-2.0
#include "experience/command_json.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>

#include "base/try.h"

namespace symphainy::experience {
namespace {

constexpr std::array<std::string_view, 6> kMembers{"action",    "actor",  "execution_id",
                                                   "tenant_id", "reason", "wait_for_end"};

std::unexpected<Error> refused(const std::string& why) {
  return fail(ErrorCode::invalid_argument, "the command " + why, "invalid_command");
}

Result<std::string> text(const Json& json, std::string_view member) {
  const Json* value = json.find(member);
  const auto found = value == nullptr ? std::nullopt : value->as_string();
  if (!found) return refused(fmt::format("has no '{}' that is a text", member));
  return std::string(*found);
}

Result<void> check_members(const Json& json) {
  if (!json.is_object()) return refused("is no JSON object");
  std::string unknown;
  json.for_each_member([&](std::string_view key, const Json&) {
    if (std::ranges::find(kMembers, key) == kMembers.end()) unknown = key;
  });
  if (!unknown.empty()) return refused(fmt::format("has a member '{}', which means nothing here", unknown));
  return {};
}

}  // namespace

Json command_to_json(const ExecutionCommand& command) {
  return Json::object({{"action", to_string(command.action)},
                       {"actor", Json::object({{"id", command.actor.id}, {"type", command.actor.type}})},
                       {"execution_id", command.execution_id},
                       {"reason", command.reason},
                       {"tenant_id", command.tenant_id},
                       {"wait_for_end", command.wait_for_end}});
}

Result<ExecutionCommand> command_from_json(const Json& json) {
  TRY(check_members(json));
  TRY(const std::string name, text(json, "action"));
  const auto action = action_from(name);
  if (!action) return refused(fmt::format("has the action '{}'; there are cancel, terminate and resume", name));
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
  const Json* wait = json.find("wait_for_end");
  const auto waits = wait == nullptr ? std::optional(false) : wait->as_bool();
  if (!waits) return refused("has a 'wait_for_end' that is neither true nor false");
  command.wait_for_end = *waits;
  return command;
}

}  // namespace symphainy::experience
