// SPDX-License-Identifier: Apache-2.0
// The intent: what somebody wants done, for which tenant, in which session and solution, and who asks.
//
// An intent is checked against every rule at once; each violation names its JSON pointer. Its canonical JSON
// round-trips byte for byte. Rules that need the registry (the parameters' JSON Schema) are checked at submission.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy {

/// Who asks: type "user", "service" or "agent" by custom (any name is allowed), and an id of 1 to 256 bytes.
struct Actor {
  std::string type;
  std::string id;

  friend bool operator==(const Actor&, const Actor&) = default;
};

/// The execution, and the step in it, on whose behalf this intent is submitted.
struct ParentExecution {
  std::string execution_id;
  std::string step;

  friend bool operator==(const ParentExecution&, const ParentExecution&) = default;
};

struct IntentLimits {
  std::size_t parameters_bytes = 1024 * 1024;  ///< of the canonical JSON
  std::size_t metadata_bytes = 64 * 1024;
  std::size_t depth = 32;  ///< nested arrays and objects in parameters or metadata
};

/// One broken rule. `pointer` is a JSON pointer into the intent ("" is the intent itself).
struct Violation {
  std::string pointer;
  std::string rule;  ///< "required", "type", "unknown_member", "name", "limit", "format", or the schema's keyword
  std::string message;

  friend bool operator==(const Violation&, const Violation&) = default;
};

/// What was submitted before is answered with its first result, however often it comes again: known by its
/// idempotency key, or else by its intent id. Refused as a conflict, reason "idempotency_conflict": another body (see
/// fingerprint()); an intent id that came without this key, or with another; a key and an intent id that stand for
/// different executions. So one key never stands for two executions. Rejected intents bind neither.
struct Intent {
  std::string intent_id;    ///< name grammar; a UUIDv7 unless the submitter chose it; unique in the tenant
  std::string intent_type;  ///< name grammar, like the next three
  std::string tenant_id;
  std::string session_id;
  std::string solution_id;
  Json parameters = Json::object();
  Json metadata = Json::object();
  std::int64_t created_at_us = 0;  ///< UTC; RFC 3339 in JSON ("created_at")
  Actor actor;
  std::optional<std::string> idempotency_key;  ///< 1 to 256 bytes; the same key with new intent ids is the same work
  std::optional<std::string> traceparent;      ///< W3C trace context, version 00
  std::optional<std::int64_t> deadline_us;     ///< UTC; RFC 3339 in JSON ("deadline")
  std::optional<int> priority;                 ///< 0 (first) to 9 (last)
  std::optional<ParentExecution> parent;

  /// A new intent with a fresh id and the present time. Not yet checked: validate() does that, and submission does.
  [[nodiscard]] static Intent create(std::string intent_type, std::string tenant_id, std::string session_id,
                                     std::string solution_id, Actor actor, Json parameters = Json::object());
  /// The content domain's intents.
  [[nodiscard]] static Intent ingest_file(std::string tenant_id, std::string session_id, std::string solution_id,
                                          Actor actor, std::string_view path);
  [[nodiscard]] static Intent analyze_content(std::string tenant_id, std::string session_id, std::string solution_id,
                                              Actor actor, std::string_view reference_id, std::string_view analysis);

  /// Checks everything. intent_id and created_at may be absent: they are assigned. On an error `details` is
  /// {"violations": [{"pointer", "rule", "message"}...]}, every violation at once; for malformed JSON {"offset"}.
  [[nodiscard]] static Result<Intent> from_json(std::string_view text, const IntentLimits& limits = {});
  [[nodiscard]] static Result<Intent> from_json(const std::string& text, const IntentLimits& limits = {}) {
    return from_json(std::string_view(text), limits);
  }
  [[nodiscard]] static Result<Intent> from_json(const char* text, const IntentLimits& limits = {}) {
    return from_json(std::string_view(text), limits);
  }
  [[nodiscard]] static Result<Intent> from_json(const Json& json, const IntentLimits& limits = {});

  [[nodiscard]] Json to_json() const;
  /// to_json() in canonical form; from_json(x.canonical())->canonical() == x.canonical().
  [[nodiscard]] std::string canonical() const;
  /// What an idempotency key binds: hex SHA-256 of canonical {intent_type, metadata, parameters, solution_id}.
  [[nodiscard]] std::string fingerprint() const;

  friend bool operator==(const Intent&, const Intent&) = default;
};

/// Every broken rule; empty when the intent is valid.
[[nodiscard]] std::vector<Violation> validate(const Intent& intent, const IntentLimits& limits = {});

/// The error that carries violations: invalid_argument, reason "invalid_intent".
[[nodiscard]] Error violations_error(const std::vector<Violation>& violations);

}  // namespace symphainy
