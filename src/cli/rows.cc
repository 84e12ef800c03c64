// SPDX-License-Identifier: Apache-2.0
#include "cli/rows.h"

#include <charconv>
#include <chrono>
#include <fmt/format.h>

#include "base/time.h"
#include "runtime/wal_record.h"

namespace symphainy::cli {
namespace {

constexpr std::uint64_t kMostRows = 10'000;
constexpr std::uint64_t kDefaultRows = 100;

bool for_operator(const public_works::TenantScope& scope) {
  return !scope.tenant();
}

std::int64_t now_us() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

Json execution_json(const public_works::ExecutionRow& row, const public_works::TenantScope& scope) {
  Json json = Json::object({{"execution_id", row.execution_id},
                            {"intent_id", row.intent_id},
                            {"intent_type", row.intent_type},
                            {"tenant_id", row.tenant},
                            {"tenant_seq", row.tenant_seq},
                            {"session_id", row.session},
                            {"solution_id", row.solution},
                            {"actor", row.actor},
                            {"status", row.status},
                            {"attempt", row.attempt},
                            {"accepted_at", base::format_time(row.accepted_us)},
                            {"artifacts", row.artifacts},
                            {"events", row.events},
                            {"references", row.references}});
  if (for_operator(scope)) json["position"] = row.accepted_position;
  if (row.ended_us != 0) {
    json["ended_at"] = base::format_time(row.ended_us);
    json["duration_us"] = row.ended_us - row.accepted_us;
  }
  if (row.idempotency_key) json["idempotency_key"] = *row.idempotency_key;
  if (!row.rerun_of.empty()) json["rerun_of"] = row.rerun_of;
  if (!row.successor.empty()) json["successor"] = row.successor;
  if (!row.error_code.empty()) json["error"] = Json::object({{"code", row.error_code}, {"message", row.error_message}});
  return json;
}

Json event_json(const public_works::EventRow& row, bool published, const public_works::TenantScope& scope) {
  Json json = Json::object({{"event_id", row.event_id},
                            {"type", row.type},
                            {"topic", row.topic},
                            {"sequence", row.sequence},
                            {"subject", row.subject},
                            {"tenant_id", row.tenant},
                            {"execution_id", row.execution_id},
                            {"queued_at", base::format_time(row.queued_us)},
                            {"published", published}});
  if (for_operator(scope)) json["position"] = row.position;
  return json;
}

Json state_json(const public_works::StateRow& row, const public_works::TenantScope& scope) {
  Json json = Json::object({{"key", row.key}, {"tenant_id", row.tenant}, {"version", row.version}});
  if (row.value) json["value"] = stored_json(*row.value);
  if (for_operator(scope)) json["position"] = row.position;
  return json;
}

Json edge_json(const public_works::ProvenanceRow& row) {
  return Json::object({{"derived", row.derived},
                       {"source", row.source},
                       {"relation", row.relation},
                       {"execution_id", row.execution_id}});
}

Json record_json(const base::LogRecord& record, const public_works::TenantScope& scope) {
  const std::string_view name = runtime::record_name(record.type);
  Json json = Json::object({{"tenant_id", record.tenant},
                            {"tenant_seq", record.tenant_seq},
                            {"time", base::format_time(record.time_us)},
                            {"type", name.empty() ? Json(record.type) : Json(name)},
                            {"type_version", record.type_version},
                            {"partition", record.partition},
                            {"partition_epoch", record.partition_epoch},
                            {"payload", stored_json(record.payload)},
                            {"content_digest", record.content_digest.hex()},
                            {"chain", record.chain.hex()}});
  if (for_operator(scope)) json["position"] = record.position;
  if (!record.execution.is_nil()) json["execution_id"] = record.execution.text();
  if (record.attempt != 0) json["attempt"] = record.attempt;
  return json;
}

Result<std::int64_t> parse_moment(const std::string& text) {
  if (const auto span = base::parse_span(text)) return now_us() - *span;
  if (const auto moment = base::parse_time(text)) return *moment;
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("'{}' is no time; write 2026-11-23T10:00:00Z, or a span back from now such as 15m, 2h or 7d", text));
}

Result<std::optional<std::int64_t>> parse_moment(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  auto moment = parse_moment(*text);
  if (!moment) return std::unexpected(std::move(moment).error());
  return *moment;
}

Json stored_json(const std::string& text) {
  auto parsed = Json::parse(text);
  return parsed ? *std::move(parsed) : Json(text);
}

Result<std::size_t> list_limit(const std::optional<std::uint64_t>& asked) {
  const std::uint64_t limit = asked.value_or(kDefaultRows);
  if (limit >= 1 && limit <= kMostRows) return limit;
  return fail(ErrorCode::invalid_argument,
              fmt::format("--limit {} is out of range; give 1 to {} and go on with --cursor", limit, kMostRows));
}

}  // namespace symphainy::cli
