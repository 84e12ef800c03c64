// SPDX-License-Identifier: Apache-2.0
#include "experience/http_message.h"

#include <fmt/format.h>

#include "experience/result_json.h"

namespace symphainy::experience {
namespace {

constexpr const char* kRetryAfterSeconds = "1";

std::string_view title_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::overloaded:
      return "Too much in flight: retry later";
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
      return "Not now: retry later";
    case ErrorCode::unknown:
    case ErrorCode::stopped:
      return "The outcome is unknown: retry with the same idempotency key";
    default:
      return next_step(error.code) == NextStep::fix_input ? "The request was refused" : "The node could not do it";
  }
}

std::string text_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  const auto text = member == nullptr ? std::nullopt : member->as_string();
  return text ? std::string(*text) : std::string();
}

}  // namespace

void reply_with(const Reply& reply, HttpAnswer answer) {
  reply([answer = std::move(answer)]() mutable { return std::move(answer); });
}

unsigned http_status(const Error& error) noexcept {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return 400;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::already_exists:
    case ErrorCode::conflict:
      return 409;
    case ErrorCode::overloaded:
      return 429;
    case ErrorCode::unavailable:
    case ErrorCode::cancelled:
    case ErrorCode::stopped:
      return 503;
    default:
      return 500;
  }
}

HttpAnswer problem(const Error& error) {
  return problem(http_status(error), error);
}

HttpAnswer problem(unsigned status, const Error& error) {
  Json json = Json::object({{"type", "about:blank"},
                            {"title", title_of(error)},
                            {"status", status},
                            {"detail", error.message},
                            {"code", to_string(error.code)}});
  if (!error.reason.empty()) json["reason"] = error.reason;
  if (!error.details.is_null()) json["details"] = error.details;
  HttpAnswer answer{status, std::string(kProblemType), json.dump() + "\n", {}};
  if (status == 429 || status == 503) answer.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  return answer;
}

Error error_of_problem(const HttpAnswer& answer) {
  const auto json = Json::parse(answer.body);
  const auto code = json ? error_code_named(text_of(*json, "code")) : std::nullopt;
  if (!code) {
    return Error{ErrorCode::internal,
                 fmt::format("the serving process answered with HTTP status {} and no problem details", answer.status),
                 "strange_answer",
                 {}};
  }
  const Json* details = json->find("details");
  return Error{*code, text_of(*json, "detail"), text_of(*json, "reason"), details == nullptr ? Json() : *details};
}

}  // namespace symphainy::experience
