// SPDX-License-Identifier: Apache-2.0
#include "reject_policy_service.h"

#include <string>
#include <utility>

#include "migrate_policy_service.h"

namespace policy_migration {
namespace {

using namespace symphainy;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["migration", "execution", "status", "error"],
  "additionalProperties": false,
  "properties": {
    "migration": {
      "type": "object",
      "required": ["portfolio", "row_number", "policy_number", "row"],
      "properties": {
        "portfolio": {"type": "string"},
        "row_number": {"type": "integer", "minimum": 1},
        "policy_number": {"type": "string"},
        "row": {"type": "string"}
      }
    },
    "execution": {"type": "string"},
    "status": {"enum": ["failed", "compensated"]},
    "error": {"type": "object", "required": ["code", "message"]}
  }
})";

Result<HandlerResult> reject(const Json& parameters, ExecutionContext& context) {
  const Json& migration = *parameters.find("migration");
  auto row = register_row(migration, context);
  if (!row) return std::unexpected(row.error());
  const std::string policy_number(migration.find("policy_number")->as_string().value());
  Json data = Json::object({{"policy_number", policy_number},
                            {"row_number", *migration.find("row_number")},
                            {"row", *row},
                            {"execution", *parameters.find("execution")},
                            {"status", *parameters.find("status")},
                            {"error", *parameters.find("error")}});
  auto event = context.add_event({.type = "policy.rejected", .data = data, .subject = policy_number, .topic = ""});
  if (!event) return std::unexpected(event.error());
  return HandlerResult{std::move(data)};
}

}  // namespace

std::vector<IntentSupport> RejectPolicyService::supported_intents() const {
  return {{.intent_type = std::string(kRejectPolicy),
           .schema = Json::parse(kSchema).value(),
           .effects = Effects::context_only}};
}

Task<Result<HandlerResult>> RejectPolicyService::handle_intent(const Intent& intent, ExecutionContext& context) {
  co_return reject(intent.parameters, context);
}

}  // namespace policy_migration
