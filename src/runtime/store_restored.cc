// SPDX-License-Identifier: Apache-2.0
#include "runtime/store_restored.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

// Nil when it is no UUID.
base::Uuid uuid_of(const std::string& text) {
  return base::Uuid::parse(text).value_or(base::Uuid{});
}

}  // namespace

std::string StoreRestored::payload() const {
  Json timelines = Json::array();
  for (const EarlierTimeline& one : earlier) {
    timelines.push_back(Json::object({{"position", one.position}, {"timeline", one.timeline.text()}}));
  }
  Json payload = Json::object({{"actor", Json::object({{"id", actor.id}, {"type", actor.type}})},
                               {"earlier", std::move(timelines)},
                               {"kind", kind},
                               {"timeline", timeline.text()}});
  if (!reason.empty()) payload["reason"] = reason;
  return payload.dump();
}

bool is_store_restored(const base::LogRecord& record) {
  return static_cast<RecordType>(record.type) == RecordType::store_restored && record.tenant == base::kSystemTenant;
}

Result<StoreRestored> parse_store_restored(std::string_view payload, std::uint64_t position) {
  const auto json = Json::parse(payload);
  if (!json) {
    return fail(ErrorCode::corrupt,
                fmt::format("position {}: the payload is no JSON: {}", position, json.error().message));
  }
  base::LogRecord where;  // for what is wrong with a member
  where.position = position;
  where.type = static_cast<std::uint16_t>(RecordType::store_restored);
  Payload members(*json);
  Payload actor(members.object("actor"));
  StoreRestored restored{.kind = members.text("kind"),
                         .actor = {actor.text("type"), actor.text("id")},
                         .reason = json->find("reason") == nullptr ? std::string() : members.text("reason"),
                         .timeline = uuid_of(members.text("timeline")),
                         .earlier = {}};
  Result<void> outcome;
  for_each_item(members.array("earlier"), [&](const Json& item, std::uint32_t) {
    Payload one(item);
    restored.earlier.push_back({uuid_of(one.text("timeline")), one.number("position")});
    if (outcome) outcome = one.complete(where);
  });
  TRY(std::move(outcome));
  TRY(actor.complete(where));
  TRY(members.complete(where));
  return restored;
}

Result<StoreRestored> read_store_restored(const base::LogRecord& record) {
  TRY(StoreRestored restored, parse_store_restored(record.payload, record.position));
  const bool continues = !restored.earlier.empty() && restored.earlier.back().position + 1 == record.position;
  if (continues) return restored;
  return fail(ErrorCode::corrupt,
              fmt::format("position {}: the store is said to have been restored to another position "
                          "than the one before it",
                          record.position));
}

std::vector<EarlierTimeline> timelines_up_to(std::uint64_t position, std::vector<EarlierTimeline> earlier,
                                             const base::Uuid& own) {
  for (EarlierTimeline& one : earlier) one.position = std::min(one.position, position);
  earlier.push_back({own, position});
  return earlier;
}

}  // namespace symphainy::runtime
