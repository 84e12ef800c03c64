// SPDX-License-Identifier: Apache-2.0
#include "experience/result_json.h"

#include <array>
#include <string>

#include "base/time.h"

namespace symphainy::experience {
namespace {

/// Takes members out of an object, and remembers when one was not there or of another kind.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(std::string_view key) {
    const Json* member = json_.find(key);
    const auto found = member == nullptr ? std::nullopt : member->as_string();
    if (!found) complete_ = false;
    return std::string(found.value_or(""));
  }
  std::uint64_t number(std::string_view key) {
    const Json* member = json_.find(key);
    const auto found = member == nullptr ? std::nullopt : member->as_uint64();
    if (!found) complete_ = false;
    return found.value_or(0);
  }
  Json value(std::string_view key) {
    const Json* member = json_.find(key);
    return member == nullptr ? Json() : *member;
  }
  template <typename Item>
  std::vector<Item> list(std::string_view key, Item (*read)(Members&)) {
    std::vector<Item> items;
    const Json* member = json_.find(key);
    if (member == nullptr || !member->is_array()) complete_ = false;
    for (std::size_t i = 0; complete_ && i < member->size(); ++i) {
      Members inner(member->at(i));
      items.push_back(read(inner));
      complete_ = inner.complete_;
    }
    return items;
  }
  [[nodiscard]] bool complete() const noexcept { return complete_; }

 private:
  const Json& json_;
  bool complete_ = true;
};

Artifact artifact(Members& from) {
  return {from.text("name"), from.text("media_type"), from.text("digest"), from.number("size"), from.text("location")};
}

PublishedEvent event(Members& from) {
  return {from.text("event_id"), from.text("type"), from.text("topic")};
}

Reference reference(Members& from) {
  return {from.text("reference_id"),
          from.text("tenant_id"),
          from.text("type"),
          from.text("name"),
          from.text("digest"),
          from.number("size"),
          from.text("media_type"),
          from.text("location"),
          from.value("metadata"),
          from.text("execution_id"),
          base::parse_time(from.text("created_at")).value_or(0)};
}

std::optional<ExecutionStatus> status_named(std::string_view name) {
  using enum ExecutionStatus;
  for (const ExecutionStatus status : {running, pending, completed, failed, rejected, cancelled, terminated, parked,
                                       waiting, compensating, compensated, compensation_stuck})
    if (to_string(status) == name) return status;
  return std::nullopt;
}

// The JSON of an error has its reason, or else its code, under "code".
Error error_from(const Json& json, std::optional<ErrorCode> code) {
  Members members(json);
  const std::string name = members.text("code");
  const auto named = error_code_named(name);
  Error error{code.value_or(named.value_or(ErrorCode::failed)), members.text("message"), name,
              members.value("details")};
  if (name == to_string(error.code)) error.reason.clear();
  return error;
}

}  // namespace

std::optional<ErrorCode> error_code_named(std::string_view name) noexcept {
  using enum ErrorCode;
  constexpr std::array kCodes{invalid_argument, not_found, already_exists,    conflict,  unavailable,
                              overloaded,       failed,    deadline_exceeded, cancelled, corrupt,
                              io_error,         unknown,   stopped,           internal};
  for (const ErrorCode code : kCodes)
    if (to_string(code) == name) return code;
  return std::nullopt;
}

Result<ExecutionResult> result_from_json(const Json& json, const BesidesJson& besides) {
  Members members(json);
  const auto status = status_named(members.text("status"));
  ExecutionResult result;
  result.execution_id = members.text("execution_id");
  result.intent_id = members.text("intent_id");
  result.intent_type = members.text("intent_type");
  result.tenant_id = members.text("tenant_id");
  result.status = status.value_or(ExecutionStatus::failed);
  result.value = members.value("result");
  result.artifacts = members.list("artifacts", artifact);
  result.events = members.list("events", event);
  result.references = members.list("references", reference);
  result.duration_us = static_cast<std::int64_t>(members.number("duration_us"));
  result.position = besides.position;
  if (const Json* error = json.find("error")) result.error = error_from(*error, besides.error_code);
  if (json.find("rerun_of") != nullptr) result.rerun_of = members.text("rerun_of");
  if (json.find("successor") != nullptr) result.successor = members.text("successor");
  if (status && members.complete()) return result;
  return fail(ErrorCode::internal,
              "the serving process answered with what is no execution's result; see that it is of this release",
              "strange_answer");
}

}  // namespace symphainy::experience
