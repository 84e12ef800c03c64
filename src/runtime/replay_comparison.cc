// SPDX-License-Identifier: Apache-2.0
#include "runtime/replay_comparison.h"

#include <algorithm>
#include <array>

#include "base/digest.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxShownBytes = 1024;

struct CommittedList {
  RecordType type;
  std::string_view list;
  std::string_view what;
  std::string_view key;  // member that names an item
};
// In the order of their records.
constexpr std::array kLists = {
    CommittedList{RecordType::artifacts_handled, "artifacts", "artifact", "name"},
    CommittedList{RecordType::references_registered, "references", "reference", "reference_id"},
    CommittedList{RecordType::provenance_tracked, "edges", "provenance", "derived"},
    CommittedList{RecordType::state_changed, "changes", "state", "key"},
    CommittedList{RecordType::events_queued, "events", "event", "type"}};

// The items of a list, and the position of their record; 0: there is none.
struct Items {
  std::vector<Json> items;
  std::uint64_t position = 0;
};

Result<void> read_items(std::string_view payload, const CommittedList& kind, std::vector<Json>& out) {
  TRY(const Json json, Json::parse(payload));
  const Json* list = json.find(kind.list);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    Json item = list->at(i);
    for (const char* not_the_handlers : {"content", "sequence"}) item.erase(not_the_handlers);
    if (kind.type == RecordType::state_changed) item.erase("version");
    out.push_back(std::move(item));
  }
  return {};
}

// Records and drafts have these members in common.
template <typename Records>
Result<Items> items_of(const Records& records, const CommittedList& kind) {
  Items found;
  for (const auto& record : records) {
    if (static_cast<RecordType>(record.type) != kind.type) continue;
    if constexpr (requires { record.position; }) found.position = record.position;
    TRY(read_items(record.payload, kind, found.items));
  }
  return found;
}

// What differs, of an item that is on both sides.
Json different_members(const Json& item, const Json& other) {
  Json different = Json::object();
  item.for_each_member([&](std::string_view key, const Json& value) {
    const Json* same = other.find(key);
    if (same == nullptr || !(same->dump() == value.dump())) different[key] = shown(value);
  });
  return different;
}

std::string name_of(const Json& item, std::string_view key) {
  const Json* name = item.find(key);
  return std::string(name == nullptr ? "" : name->as_string().value_or(""));
}

std::optional<Divergence> first_difference(const Items& expected, const Items& got, const CommittedList& kind,
                                           std::uint64_t end_position) {
  const std::uint64_t position = expected.position != 0 ? expected.position : end_position;
  for (std::size_t i = 0; i < std::max(expected.items.size(), got.items.size()); ++i) {
    const bool was = i < expected.items.size();
    const bool is = i < got.items.size();
    if (was && is && expected.items[i].dump() == got.items[i].dump()) continue;
    const std::string key = name_of(was ? expected.items[i] : got.items[i], kind.key);
    if (!is) return Divergence{std::string(kind.what), key, shown(expected.items[i]), Json(), position};
    if (!was) return Divergence{std::string(kind.what), key, Json(), shown(got.items[i]), position};
    return Divergence{std::string(kind.what), key, different_members(expected.items[i], got.items[i]),
                      different_members(got.items[i], expected.items[i]), position};
  }
  return std::nullopt;
}

Json as_recorded(Error error) {
  std::string text;
  base::JsonWriter json(text);
  write_error(json, recordable(std::move(error)));
  return Json::parse(text).value_or(Json());
}

Json end_json(const Json& value, bool failed) {
  return Json::object({{failed ? "error" : "result", shown(value)}});
}

}  // namespace

Json shown(Json value) {
  const std::string text = value.dump();
  if (text.size() <= kMaxShownBytes) return value;
  return Json::object({{"bytes", text.size()}, {"sha256", base::sha256(text).hex()}});
}

Result<std::optional<Divergence>> compare_commit(const std::vector<base::LogRecord>& history,
                                                 const PendingCommit& commit, const RecordOwner& owner,
                                                 const RecordedEnd& end) {
  std::vector<base::RecordDraft> drafts;
  append_artifact_records(commit, owner, drafts);
  append_event_records(commit, owner, drafts);
  for (const CommittedList& kind : kLists) {
    TRY(const Items expected, items_of(history, kind));
    TRY(const Items got, items_of(drafts, kind));
    if (auto found = first_difference(expected, got, kind, end.position)) return found;
  }
  return std::nullopt;
}

std::optional<Divergence> compare_end(const RecordedEnd& end, const Result<Json>& answer) {
  const Json& expected = end.value ? *end.value : end.error;
  const Json got = answer ? *answer : as_recorded(answer.error());
  const bool same_kind = end.value.has_value() == answer.has_value();
  if (same_kind && expected.dump() == got.dump()) return std::nullopt;
  return Divergence{"result", "", end_json(expected, !end.value), end_json(got, !answer), end.position};
}

bool is_refused_commit(const RecordedEnd& end) {
  const Json* code = end.error.find("code");
  const std::string_view reason = code == nullptr ? "" : code->as_string().value_or("");
  constexpr std::array<std::string_view, 4> kReasons = {"state_conflict", "provenance_cycle", "unknown_reference",
                                                        "foreign_content"};
  return !end.value && std::ranges::find(kReasons, reason) != kReasons.end();
}

}  // namespace symphainy::runtime
