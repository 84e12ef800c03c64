// SPDX-License-Identifier: Apache-2.0
#include "runtime/intent_registry.h"

#include <fmt/format.h>
#include <limits>

#include "base/digest.h"
#include "base/ids.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/retry_policy.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxSchemaDepth = 480;  // below what the parser takes: the record nests it once more

Result<void> check_name(std::string_view what, std::string_view value) {
  if (base::is_name(value)) return {};
  return fail(ErrorCode::invalid_argument, fmt::format("the {} '{}' {}", what, value, base::kNameRule));
}

std::string registration_payload(const RegisteredIntent& intent, std::string_view canonical_schema) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("domain_service", intent.domain_service).member("handler", intent.handler_name);
  json.member("intent_type", intent.intent_type).key("schema").raw(canonical_schema);
  json.member("schema_digest", intent.schema_digest).member("version", intent.version).end_object();
  return payload;
}

Result<std::map<std::string, JsonSchema>> compile_signals(const IntentSupport& support) {
  std::map<std::string, JsonSchema> signals;
  for (const auto& [name, schema] : support.signals) {
    TRY(check_name("signal", name));
    auto compiled = JsonSchema::compile(schema);
    if (!compiled) {
      Error error = compiled.error();
      error.message = fmt::format("the schema of signal '{}' of '{}': {}", name, support.intent_type, error.message);
      return std::unexpected(std::move(error));
    }
    signals.emplace(name, *std::move(compiled));
  }
  return signals;
}

}  // namespace

void IntentRegistry::load(const std::vector<public_works::RegistrationRow>& recorded) {
  const std::lock_guard lock(mutex_);
  for (const auto& row : recorded) {
    recorded_[{row.intent_type, row.version}] = {row.domain_service, row.handler, row.schema_digest};
  }
}

Result<std::optional<base::RecordDraft>> IntentRegistry::register_intent(IntentSupport support,
                                                                         std::string domain_service,
                                                                         std::string handler_name,
                                                                         IntentHandler handler) {
  TRY(check_name("intent type", support.intent_type));
  TRY(check_name("domain service", domain_service));
  TRY(check_name("handler", handler_name));
  if (support.version == 0) return fail(ErrorCode::invalid_argument, "an intent's version counts from 1");
  if (!handler) return fail(ErrorCode::invalid_argument, fmt::format("'{}' has no handler", support.intent_type));
  auto schema = JsonSchema::compile(support.schema);
  if (!schema) {
    Error error = schema.error();
    error.message =
        fmt::format("the schema of '{}' version {}: {}", support.intent_type, support.version, error.message);
    return std::unexpected(std::move(error));
  }
  const std::string canonical_schema = support.schema.dump();
  // It becomes part of a record, and a schema built in a program, not parsed, may hold any bytes.
  if (const auto read_back = Json::parse(canonical_schema, {.max_depth = kMaxSchemaDepth}); !read_back) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the schema of '{}' version {} is no JSON that can be recorded: {}", support.intent_type,
                            support.version, read_back.error().message),
                "invalid_schema");
  }
  TRY(check_retry("retry", support.retry));
  TRY(auto signals, compile_signals(support));
  auto intent = std::make_shared<RegisteredIntent>(RegisteredIntent{
      std::move(support.intent_type), support.version, std::move(domain_service), std::move(handler_name),
      base::sha256(canonical_schema).hex(), support.effects, *std::move(schema), std::move(handler),
      std::move(support.retry), support.out_of_attempts, std::move(signals)});

  const std::lock_guard lock(mutex_);
  const Key key{intent->intent_type, intent->version};
  const auto [known, fresh] =
      recorded_.try_emplace(key, Recorded{intent->domain_service, intent->handler_name, intent->schema_digest});
  if (!fresh && known->second.schema_digest != intent->schema_digest) {
    return fail(ErrorCode::already_exists,
                fmt::format("'{}' version {} is registered with another schema; register the new one as version {}",
                            intent->intent_type, intent->version, intent->version + 1),
                "schema_changed");
  }
  if (!fresh &&
      (known->second.domain_service != intent->domain_service || known->second.handler_name != intent->handler_name)) {
    return fail(
        ErrorCode::already_exists,
        fmt::format("'{}' version {} is registered for handler {}/{}; register {}/{} as version {}",
                    intent->intent_type, intent->version, known->second.domain_service, known->second.handler_name,
                    intent->domain_service, intent->handler_name, intent->version + 1),
        "handler_changed");
  }
  handlers_[key] = intent;
  if (!fresh) return std::nullopt;
  return draft_record(RecordType::intent_type_registered, std::string(base::kSystemTenant),
                      registration_payload(*intent, canonical_schema));
}

RegisteredPtr IntentRegistry::find(const std::string& intent_type) const {
  const std::lock_guard lock(mutex_);
  auto after = handlers_.upper_bound({intent_type, std::numeric_limits<std::uint32_t>::max()});
  if (after == handlers_.begin()) return nullptr;
  --after;
  return after->first.first == intent_type ? after->second : nullptr;
}

RegisteredPtr IntentRegistry::find(const std::string& intent_type, std::uint32_t version) const {
  const std::lock_guard lock(mutex_);
  const auto found = handlers_.find({intent_type, version});
  return found == handlers_.end() ? nullptr : found->second;
}

std::vector<RegisteredPtr> IntentRegistry::get_intent_handlers(const std::string& intent_type) const {
  const std::lock_guard lock(mutex_);
  std::vector<RegisteredPtr> out;
  for (auto at = handlers_.lower_bound({intent_type, 0}); at != handlers_.end() && at->first.first == intent_type;
       ++at) {
    out.push_back(at->second);
  }
  return out;
}

std::vector<std::string> IntentRegistry::list_supported_intents() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [key, intent] : handlers_) {
    if (out.empty() || out.back() != key.first) out.push_back(key.first);
  }
  return out;
}

}  // namespace symphainy::runtime
