// SPDX-License-Identifier: Apache-2.0
#include "runtime/intent_model.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/json_native.h"
#include "base/json_writer.h"
#include "base/time.h"
#include "base/try.h"

namespace symphainy {
namespace {

constexpr std::size_t kMaxActorIdBytes = 256;
constexpr std::size_t kMaxKeyBytes = 256;
constexpr int kLastPriority = 9;
constexpr std::int64_t kYear10000Us = 253'402'300'800'000'000;
// Whatever limits are configured: deeper or longer than this, the records that hold an intent could not be read back.
constexpr std::size_t kMaxDocumentBytes = 32 * 1024 * 1024;
constexpr std::size_t kMaxDocumentDepth = 480;

constexpr std::array<std::string_view, 14> kMembers = {
    "actor",      "created_at", "deadline", "idempotency_key", "intent_id",   "intent_type", "metadata",
    "parameters", "parent",     "priority", "session_id",      "solution_id", "tenant_id",   "traceparent"};

constexpr std::size_t kMaxPointerToken = 128;

// One token of a JSON pointer; a monstrous member name is shortened, not repeated.
std::string escape_pointer(std::string_view token) {
  std::string out;
  if (token.size() > kMaxPointerToken) {
    std::size_t end = kMaxPointerToken;
    while (end > 0 && (static_cast<unsigned char>(token[end]) & 0xC0U) == 0x80U) --end;
    return escape_pointer(token.substr(0, end)) + "…";
  }
  for (const char c : token) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
  return out;
}

std::string_view kind_name(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "a boolean";
    case Json::Kind::integer:
    case Json::Kind::unsigned_integer:
    case Json::Kind::real:
      return "a number";
    case Json::Kind::string:
      return "a string";
    case Json::Kind::array:
      return "an array";
    case Json::Kind::object:
      return "an object";
  }
  return "something else";
}

std::size_t depth_of(const boost::json::value& value) {
  std::size_t deepest = 0;
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) deepest = std::max(deepest, depth_of(item));
    return deepest + 1;
  }
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) deepest = std::max(deepest, depth_of(member.value()));
    return deepest + 1;
  }
  return 0;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// W3C Trace Context, version 00: "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero.
bool is_traceparent(std::string_view text) {
  if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
  const std::string_view trace = text.substr(3, 32);
  const std::string_view span = text.substr(36, 16);
  return is_hex(trace) && is_hex(span) && is_hex(text.substr(53)) && trace.find_first_not_of('0') != trace.npos &&
         span.find_first_not_of('0') != span.npos;
}

// Reads an intent's members off a JSON object, noting everything that is missing, of the wrong kind or unknown.
class IntentReader {
 public:
  IntentReader(const Json& json, std::vector<Violation>& violations) : json_(json), violations_(violations) {}

  Intent read() {
    Intent intent;
    json_.for_each_member([&](std::string_view key, const Json&) {
      if (!std::ranges::binary_search(kMembers, key)) {
        note("/" + escape_pointer(key), "unknown_member", "unknown member; remove it, or put it into metadata");
      }
    });
    text("intent_id", intent.intent_id, Need::optional);
    text("intent_type", intent.intent_type, Need::required);
    text("tenant_id", intent.tenant_id, Need::required);
    text("session_id", intent.session_id, Need::required);
    text("solution_id", intent.solution_id, Need::required);
    object("parameters", intent.parameters);
    object("metadata", intent.metadata);
    time("created_at", [&](std::int64_t us) { intent.created_at_us = us; });
    time("deadline", [&](std::int64_t us) { intent.deadline_us = us; });
    optional_text("idempotency_key", intent.idempotency_key);
    optional_text("traceparent", intent.traceparent);
    priority(intent);
    actor(intent.actor);
    parent(intent.parent);
    return intent;
  }

 private:
  enum class Need { required, optional };

  void note(std::string pointer, std::string_view rule, std::string message) {
    violations_.push_back({std::move(pointer), std::string(rule), std::move(message)});
  }

  bool is_kind(const Json& value, const std::string& pointer, Json::Kind kind) {
    if (value.kind() == kind) return true;
    note(pointer, "type", fmt::format("must be {}, not {}", kind_name(kind), kind_name(value.kind())));
    return false;
  }

  void text_in(const Json& holder, const std::string& prefix, std::string_view key, std::string& out, Need need) {
    const std::string pointer = prefix + "/" + std::string(key);
    const Json* value = holder.find(key);
    if (value == nullptr) {
      if (need == Need::required) note(pointer, "required", "is required");
    } else if (is_kind(*value, pointer, Json::Kind::string)) {
      out = *value->as_string();
      // An id given as "" must fail its own rule, not pass for one that was left out.
      if (out.empty() && need == Need::optional) note(pointer, "name", std::string(base::kNameRule));
    }
  }
  void text(std::string_view key, std::string& out, Need need) { text_in(json_, "", key, out, need); }

  void optional_text(std::string_view key, std::optional<std::string>& out) {
    const Json* value = json_.find(key);
    if (value != nullptr && is_kind(*value, "/" + std::string(key), Json::Kind::string))
      out.emplace(*value->as_string());
  }

  void object(std::string_view key, Json& out) {
    const Json* value = json_.find(key);
    if (value != nullptr && is_kind(*value, "/" + std::string(key), Json::Kind::object)) out = *value;
  }

  template <typename Store>
  void time(std::string_view key, Store store) {
    const std::string pointer = "/" + std::string(key);
    const Json* value = json_.find(key);
    if (value == nullptr || !is_kind(*value, pointer, Json::Kind::string)) return;
    if (const auto parsed = base::parse_time(*value->as_string())) return store(*parsed);
    note(pointer, "format", "must be a time such as 2026-11-23T10:07:00Z (RFC 3339 with a zone, from 1970 on)");
  }

  void priority(Intent& intent) {
    const Json* value = json_.find("priority");
    if (value == nullptr) return;
    const auto number = value->as_int64();
    if (!number) return note("/priority", "type", "must be an integer from 0 to 9");
    intent.priority = static_cast<int>(std::clamp<std::int64_t>(*number, -1, kLastPriority + 1));
  }

  void actor(Actor& out) {
    const Json* value = json_.find("actor");
    if (value == nullptr) return note("/actor", "required", "is required: {\"type\", \"id\"} of who asks");
    if (!is_kind(*value, "/actor", Json::Kind::object)) return;
    only_members(*value, "/actor", {"id", "type"});
    text_in(*value, "/actor", "type", out.type, Need::required);
    text_in(*value, "/actor", "id", out.id, Need::required);
  }

  void parent(std::optional<ParentExecution>& out) {
    const Json* value = json_.find("parent");
    if (value == nullptr || !is_kind(*value, "/parent", Json::Kind::object)) return;
    only_members(*value, "/parent", {"execution", "step"});
    out.emplace();
    text_in(*value, "/parent", "execution", out->execution_id, Need::required);
    text_in(*value, "/parent", "step", out->step, Need::required);
  }

  void only_members(const Json& value, const std::string& pointer, std::initializer_list<std::string_view> known) {
    value.for_each_member([&](std::string_view key, const Json&) {
      if (std::ranges::find(known, key) == known.end()) {
        note(pointer + "/" + escape_pointer(key), "unknown_member", "unknown member; remove it");
      }
    });
  }

  const Json& json_;
  std::vector<Violation>& violations_;
};

void check_name(std::vector<Violation>& out, std::string pointer, std::string_view value) {
  if (!base::is_name(value)) out.push_back({std::move(pointer), "name", std::string(base::kNameRule)});
}

void check_text(std::vector<Violation>& out, std::string pointer, std::string_view value, std::size_t max_bytes) {
  if (value.empty() || value.size() > max_bytes || !base::is_utf8(value)) {
    out.push_back({std::move(pointer), "limit", fmt::format("must be 1 to {} bytes of UTF-8", max_bytes)});
  }
}

void check_time(std::vector<Violation>& out, std::string pointer, std::int64_t time_us) {
  if (time_us < 0 || time_us >= kYear10000Us) {
    out.push_back({std::move(pointer), "format", "must be a time in the years 1970 to 9999"});
  }
}

void check_document(std::vector<Violation>& out, std::string pointer, const Json& value, std::size_t max_bytes,
                    std::size_t max_depth) {
  max_bytes = std::min(max_bytes, kMaxDocumentBytes);
  max_depth = std::min(max_depth, kMaxDocumentDepth);
  if (!value.is_object()) {
    out.push_back({std::move(pointer), "type", "must be an object"});
    return;
  }
  if (const std::size_t depth = depth_of(base::native(value)); depth > max_depth) {
    out.push_back({pointer, "limit", fmt::format("is nested {} deep; the limit is {}", depth, max_depth)});
  }
  const std::string canonical = value.dump();
  if (canonical.size() > max_bytes) {
    out.push_back({pointer, "limit",
                   fmt::format("is {} bytes of canonical JSON; the limit is {}: hand large data over by reference",
                               canonical.size(), max_bytes)});
  }
  // A value built in a program, not parsed, may hold any bytes.
  if (!base::is_utf8(canonical)) out.push_back({std::move(pointer), "format", "holds a string that is not UTF-8"});
}

}  // namespace

std::vector<Violation> validate(const Intent& intent, const IntentLimits& limits) {
  std::vector<Violation> out;
  check_name(out, "/intent_id", intent.intent_id);
  check_name(out, "/intent_type", intent.intent_type);
  check_name(out, "/tenant_id", intent.tenant_id);
  check_name(out, "/session_id", intent.session_id);
  check_name(out, "/solution_id", intent.solution_id);
  check_name(out, "/actor/type", intent.actor.type);
  check_text(out, "/actor/id", intent.actor.id, kMaxActorIdBytes);
  check_time(out, "/created_at", intent.created_at_us);
  if (intent.deadline_us) check_time(out, "/deadline", *intent.deadline_us);
  check_document(out, "/parameters", intent.parameters, limits.parameters_bytes, limits.depth);
  check_document(out, "/metadata", intent.metadata, limits.metadata_bytes, limits.depth);
  if (intent.idempotency_key) check_text(out, "/idempotency_key", *intent.idempotency_key, kMaxKeyBytes);
  if (intent.traceparent && !is_traceparent(*intent.traceparent)) {
    out.push_back({"/traceparent", "format", "must be a W3C traceparent of version 00: 00-<32 hex>-<16 hex>-<2 hex>"});
  }
  if (intent.priority && (*intent.priority < 0 || *intent.priority > kLastPriority)) {
    out.push_back({"/priority", "limit", "must be an integer from 0 (first) to 9 (last)"});
  }
  if (intent.parent) {
    if (!base::Uuid::parse(intent.parent->execution_id)) {
      out.push_back({"/parent/execution", "format", "must be an execution id (a UUID)"});
    }
    check_name(out, "/parent/step", intent.parent->step);
  }
  return out;
}

Error violations_error(const std::vector<Violation>& violations) {
  Json list = Json::array();
  for (const Violation& violation : violations) {
    list.push_back(
        Json::object({{"pointer", violation.pointer}, {"rule", violation.rule}, {"message", violation.message}}));
  }
  const Violation& first = violations.front();
  std::string message = fmt::format("{}: {}", first.pointer.empty() ? "the intent" : first.pointer, first.message);
  if (violations.size() > 1) message += fmt::format(" (and {} more; see details)", violations.size() - 1);
  return Error{ErrorCode::invalid_argument, std::move(message), "invalid_intent", Json::object({{"violations", list}})};
}

Intent Intent::create(std::string intent_type, std::string tenant_id, std::string session_id, std::string solution_id,
                      Actor actor, Json parameters) {
  Intent intent;
  intent.intent_id = base::fresh_uuid_v7().text();
  intent.intent_type = std::move(intent_type);
  intent.tenant_id = std::move(tenant_id);
  intent.session_id = std::move(session_id);
  intent.solution_id = std::move(solution_id);
  intent.actor = std::move(actor);
  intent.parameters = std::move(parameters);
  intent.created_at_us = base::wall_now_us();
  return intent;
}

Intent Intent::ingest_file(std::string tenant_id, std::string session_id, std::string solution_id, Actor actor,
                           std::string_view path) {
  return create("ingest_file", std::move(tenant_id), std::move(session_id), std::move(solution_id), std::move(actor),
                Json::object({{"path", path}}));
}

Intent Intent::analyze_content(std::string tenant_id, std::string session_id, std::string solution_id, Actor actor,
                               std::string_view reference_id, std::string_view analysis) {
  return create("analyze_content", std::move(tenant_id), std::move(session_id), std::move(solution_id),
                std::move(actor), Json::object({{"analysis", analysis}, {"reference_id", reference_id}}));
}

Result<Intent> Intent::from_json(std::string_view text, const IntentLimits& limits) {
  // Deep enough for validate() to name the member that is too deep; far deeper than that is refused while parsing.
  const JsonLimits json_limits{.max_depth = limits.depth + 32,
                               .max_bytes = 8 * (limits.parameters_bytes + limits.metadata_bytes) + 65'536};
  TRY(const Json json, Json::parse(text, json_limits));
  return from_json(json, limits);
}

Result<Intent> Intent::from_json(const Json& json, const IntentLimits& limits) {
  if (!json.is_object()) {
    return std::unexpected(violations_error(
        {{"", "type", fmt::format("an intent must be a JSON object, not {}", kind_name(json.kind()))}}));
  }
  std::vector<Violation> violations;
  Intent intent = IntentReader(json, violations).read();
  if (intent.intent_id.empty()) intent.intent_id = base::fresh_uuid_v7().text();
  if (json.find("created_at") == nullptr) intent.created_at_us = base::wall_now_us();
  // A member that is missing or of the wrong kind was noted above; its own rule would only say the same again.
  std::vector<Violation> broken = validate(intent, limits);
  std::erase_if(broken, [&](const Violation& violation) {
    return std::ranges::any_of(violations, [&](const Violation& noted) {
      return noted.pointer == violation.pointer || violation.pointer.starts_with(noted.pointer + "/");
    });
  });
  std::ranges::move(broken, std::back_inserter(violations));
  if (!violations.empty()) return std::unexpected(violations_error(violations));
  return intent;
}

Json Intent::to_json() const {
  Json json = Json::object({{"actor", Json::object({{"id", actor.id}, {"type", actor.type}})},
                            {"created_at", base::format_time(created_at_us)},
                            {"intent_id", intent_id},
                            {"intent_type", intent_type},
                            {"metadata", metadata},
                            {"parameters", parameters},
                            {"session_id", session_id},
                            {"solution_id", solution_id},
                            {"tenant_id", tenant_id}});
  if (deadline_us) json["deadline"] = base::format_time(*deadline_us);
  if (idempotency_key) json["idempotency_key"] = *idempotency_key;
  if (traceparent) json["traceparent"] = *traceparent;
  if (priority) json["priority"] = *priority;
  if (parent) json["parent"] = Json::object({{"execution", parent->execution_id}, {"step", parent->step}});
  return json;
}

std::string Intent::canonical() const {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  json.key("actor").begin_object().member("id", actor.id).member("type", actor.type).end_object();
  json.member("created_at", base::format_time(created_at_us));
  if (deadline_us) json.member("deadline", base::format_time(*deadline_us));
  if (idempotency_key) json.member("idempotency_key", *idempotency_key);
  json.member("intent_id", intent_id).member("intent_type", intent_type);
  json.member("metadata", metadata).member("parameters", parameters);
  if (parent) {
    json.key("parent").begin_object();
    json.member("execution", parent->execution_id).member("step", parent->step).end_object();
  }
  if (priority) json.member("priority", *priority);
  json.member("session_id", session_id).member("solution_id", solution_id).member("tenant_id", tenant_id);
  if (traceparent) json.member("traceparent", *traceparent);
  json.end_object();
  return out;
}

std::string Intent::fingerprint() const {
  std::string bound;
  base::JsonWriter json(bound);
  json.begin_object().member("intent_type", intent_type).member("metadata", metadata);
  json.member("parameters", parameters).member("solution_id", solution_id).end_object();
  return base::sha256(bound).hex();
}

namespace runtime {

Intent salvage(const Json& refused) {
  std::vector<Violation> ignored;
  Intent intent = IntentReader(refused, ignored).read();
  const auto keep_name = [](std::string& text) {
    if (!base::is_name(text)) text.clear();
  };
  for (std::string* name : {&intent.intent_id, &intent.intent_type, &intent.tenant_id, &intent.session_id,
                            &intent.solution_id, &intent.actor.type}) {
    keep_name(*name);
  }
  if (intent.actor.id.size() > kMaxActorIdBytes || !base::is_utf8(intent.actor.id)) intent.actor.id.clear();
  intent.parameters = Json::object();
  intent.metadata = Json::object();
  intent.idempotency_key.reset();
  intent.traceparent.reset();
  intent.priority.reset();
  intent.parent.reset();
  return intent;
}

std::string actor_text(const Actor& actor) {
  return actor.type + ":" + actor.id;
}

}  // namespace runtime
}  // namespace symphainy
