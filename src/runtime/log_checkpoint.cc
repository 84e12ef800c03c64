// SPDX-License-Identifier: Apache-2.0
#include "runtime/log_checkpoint.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "symphainy/json.h"

#include "base/bytes.h"
#include "base/merkle_tree.h"
#include "base/time.h"
#include "base/try.h"

namespace symphainy::runtime {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::string_view kCheckpoint = "symphainy.checkpoint";
constexpr std::string_view kBundle = "symphainy.bundle";

std::unexpected<Error> broken(std::string message) {
  return fail(ErrorCode::corrupt, std::move(message));
}

// Takes members out of an object; the first that is missing or of another kind is remembered.
class Members {
 public:
  explicit Members(const Json& json) : json_(json) {}

  std::string text(std::string_view key) {
    const Json* value = json_.find(key);
    const auto found = value == nullptr ? std::nullopt : value->as_string();
    if (!found) miss(key);
    return found ? std::string(*found) : std::string();
  }
  std::uint64_t number(std::string_view key) {
    const Json* value = json_.find(key);
    const auto found = value == nullptr ? std::nullopt : value->as_uint64();
    if (!found) miss(key);
    return found.value_or(0);
  }
  template <typename Bytes>
  Bytes bytes(std::string_view key) {
    const auto raw = base::from_hex(text(key));
    Bytes out{};
    if (raw && raw->size() == out.size()) {
      std::ranges::copy(*raw, out.begin());
    } else {
      miss(key);
    }
    return out;
  }
  base::Digest digest(std::string_view key) { return base::Digest{bytes<std::array<char, 32>>(key)}; }
  base::Uuid uuid(std::string_view key) {
    const auto id = base::Uuid::parse(text(key));
    if (!id) miss(key);
    return id.value_or(base::Uuid{});
  }
  [[nodiscard]] Result<void> complete(std::string_view what) const {
    if (missing_.empty()) return {};
    return broken(fmt::format("the {} has no valid member '{}'", what, missing_));
  }

 private:
  void miss(std::string_view key) {
    if (missing_.empty()) missing_ = key;
  }
  const Json& json_;
  std::string missing_;
};

Result<Json> parse_object(std::string_view text, std::string_view kind) {
  const auto json = Json::parse(text);
  if (!json || !json->is_object()) return broken(fmt::format("this is no {}: not a JSON object", kind));
  const Json* found = json->find("kind");
  if (found == nullptr || found->as_string() != kind) return broken(fmt::format("this is no {}", kind));
  const Json* format = json->find("format");
  if (format == nullptr || format->as_uint64() != kFormat) {
    return broken(fmt::format("the format of this {} is not known to this release", kind));
  }
  return *json;
}

Json body_of(const LogCheckpoint& checkpoint) {
  return Json::object({{"created_at", base::format_time(checkpoint.created_us)},
                       {"format", kFormat},
                       {"kind", kCheckpoint},
                       {"merkle_root", checkpoint.merkle_root.hex()},
                       {"position", checkpoint.position},
                       {"public_key", base::to_hex({checkpoint.public_key.data(), checkpoint.public_key.size()})},
                       {"store", checkpoint.store.text()},
                       {"store_hash", checkpoint.store_hash.hex()},
                       {"tenants", checkpoint.tenants},
                       {"timeline", checkpoint.timeline.text()}});
}

base::Digest leaf_of(const base::LogChain::TenantKey& key, const base::LogChain::TenantHead& head) {
  std::string input;
  base::append_integer(input, static_cast<std::uint16_t>(key.first.size()));
  input.append(key.first);
  base::append_integer(input, key.second);
  base::append_integer(input, head.seq);
  input.append(head.chain.view());
  return base::merkle_leaf(input);
}

// In the order of the tenants' bytes and then of the partitions, which is the map's.
std::vector<base::Digest> leaves_of(const base::LogChain& chain) {
  std::vector<base::Digest> leaves;
  leaves.reserve(chain.tenants().size());
  for (const auto& [key, head] : chain.tenants()) leaves.push_back(leaf_of(key, head));
  return leaves;
}

}  // namespace

LogCheckpoint checkpoint_of(const base::LogChain& chain, const public_works::LogIdentity& log,
                            std::int64_t created_us) {
  LogCheckpoint checkpoint;
  checkpoint.store = log.store;
  checkpoint.timeline = log.timeline;
  checkpoint.position = chain.position();
  checkpoint.store_hash = chain.store_hash();
  checkpoint.merkle_root = base::merkle_root(leaves_of(chain));
  checkpoint.tenants = chain.tenants().size();
  checkpoint.created_us = created_us;
  return checkpoint;
}

std::string sign_checkpoint(LogCheckpoint checkpoint, const base::SigningKey& key) {
  checkpoint.public_key = key.public_key();
  Json json = body_of(checkpoint);
  const base::Signature signature = key.sign(json.dump());
  json["signature"] = base::to_hex({signature.data(), signature.size()});
  return json.dump() + "\n";
}

Result<LogCheckpoint> read_checkpoint(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  TRY(const Json json, parse_object(text, kCheckpoint));
  Members members(json);
  LogCheckpoint checkpoint;
  checkpoint.store = members.uuid("store");
  checkpoint.timeline = members.uuid("timeline");
  checkpoint.position = members.number("position");
  checkpoint.store_hash = members.digest("store_hash");
  checkpoint.merkle_root = members.digest("merkle_root");
  checkpoint.tenants = members.number("tenants");
  checkpoint.public_key = members.bytes<base::PublicKey>("public_key");
  const auto signature = members.bytes<base::Signature>("signature");
  const auto created = base::parse_time(members.text("created_at"));
  checkpoint.created_us = created.value_or(0);
  TRY(members.complete("checkpoint"));
  // What was signed is the canonical form of what was read: a member more or less, or another spelling, does not fit.
  const std::string body = body_of(checkpoint).dump();
  Json whole = body_of(checkpoint);
  whole["signature"] = base::to_hex({signature.data(), signature.size()});
  if (whole.dump() != text || !base::verify_signature(checkpoint.public_key, body, signature)) {
    return broken("the checkpoint's signature does not fit what it says: it was changed after it was signed");
  }
  return checkpoint;
}

// --- bundles
// ----------------------------------------------------------------------------------------------------------

Result<void> write_bundle(const public_works::EventLog& log, const base::LogChain& chain,
                          const std::string& signed_checkpoint, const std::string& tenant,
                          const std::function<Result<void>(std::string_view line)>& write) {
  const std::vector<base::Digest> leaves = leaves_of(chain);
  Json chains = Json::array();
  std::uint64_t records = 0;
  std::size_t index = 0;
  for (const auto& [key, head] : chain.tenants()) {
    const std::size_t leaf = index++;
    if (key.first != tenant) continue;
    Json path = Json::array();
    for (const base::Digest& step : base::merkle_path(leaves, leaf)) path.push_back(step.hex());
    chains.push_back(Json::object({{"chain", head.chain.hex()},
                                   {"index", static_cast<std::uint64_t>(leaf)},
                                   {"partition", static_cast<std::uint64_t>(key.second)},
                                   {"path", std::move(path)},
                                   {"seq", head.seq}}));
    records += head.seq;
  }
  if (records == 0) return fail(ErrorCode::not_found, fmt::format("tenant '{}' has no records in this log", tenant));
  TRY(Json checkpoint, Json::parse(signed_checkpoint));
  TRY(write(Json::object({{"chains", std::move(chains)},
                          {"checkpoint", std::move(checkpoint)},
                          {"format", kFormat},
                          {"kind", kBundle},
                          {"records", records},
                          {"tenant", tenant}})
                .dump()));
  Result<void> outcome;
  std::string bytes;
  TRY(log.read_batches(1, [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) {
      if (!outcome || record.tenant != tenant || record.position > chain.position()) continue;
      bytes.clear();
      base::append_record(bytes, record);
      outcome = write(Json::object({{"record", base::to_base64(bytes)}}).dump());
    }
    return outcome && batch.last_position() < chain.position();
  }));
  return outcome;
}

namespace {

class BundleCheck {
 public:
  Result<void> first_line(std::string_view text) {
    TRY(const Json json, parse_object(text, kBundle));
    Members members(json);
    report.tenant = members.text("tenant");
    promised_ = members.number("records");
    TRY(members.complete("bundle"));
    const Json* checkpoint = json.find("checkpoint");
    if (checkpoint == nullptr) return broken("the bundle has no checkpoint");
    TRY(report.checkpoint, read_checkpoint(checkpoint->dump()));
    if (json.dump() != text) return broken("the line is not in canonical form");
    const Json* chains = json.find("chains");
    for (std::size_t i = 0; chains != nullptr && i < chains->size(); ++i) TRY(chain(chains->at(i)));
    if (ends_.empty()) return broken("the bundle names no chain");
    return {};
  }

  Result<void> record_line(std::string_view text) {
    const auto json = Json::parse(text);
    const Json* member = json ? json->find("record") : nullptr;
    const auto encoded = member == nullptr ? std::nullopt : member->as_string();
    const auto bytes = encoded ? base::from_base64(*encoded) : std::nullopt;
    if (!bytes || json->dump() != text) return broken("the line is no record in base64");
    TRY(const base::LogRecord record, base::read_record(*bytes));
    if (record.tenant != report.tenant) return broken("the record belongs to another tenant");
    if (record.store != report.checkpoint.store) return broken("the record belongs to another store");
    if (record.position <= position_) return broken("positions do not ascend");
    if (record.position > report.checkpoint.position) return broken("the record lies beyond the checkpoint");
    if (!ends_.contains(record.partition)) return broken("the record belongs to a chain that the bundle does not name");
    TRY(base::follow_record(reached_[record.partition], record));
    position_ = record.position;
    ++report.records;
    return {};
  }

  Result<void> end() {
    if (report.records != promised_) {
      return broken(fmt::format("the bundle holds {} records, not the {} it promises", report.records, promised_));
    }
    for (const auto& [partition, end] : ends_) {
      const auto& reached = reached_[partition];
      if (reached.seq != end.seq || reached.chain != end.chain) {
        return broken(fmt::format("the chain of partition {} ends at sequence {}, not as the checkpoint says at {}",
                                  partition, reached.seq, end.seq));
      }
    }
    return {};
  }

  BundleReport report;

 private:
  Result<void> chain(const Json& json) {
    Members members(json);
    const std::uint64_t partition = members.number("partition");
    const std::uint64_t index = members.number("index");
    const base::LogChain::TenantHead head{members.number("seq"), members.digest("chain")};
    TRY(members.complete("bundle's chain"));
    std::vector<base::Digest> path;
    const Json* steps = json.find("path");
    for (std::size_t i = 0; steps != nullptr && i < steps->size(); ++i) {
      const auto raw = base::from_hex(steps->at(i).as_string().value_or(""));
      if (!raw || raw->size() != 32) return broken("the bundle's path holds something that is no digest");
      std::ranges::copy(*raw, path.emplace_back().bytes.begin());
    }
    if (partition > UINT16_MAX || index >= report.checkpoint.tenants)
      return broken("the bundle names an impossible chain");
    const auto key = static_cast<std::uint16_t>(partition);
    const base::Digest leaf = leaf_of({report.tenant, key}, head);
    if (base::merkle_root_from_path(leaf, index, report.checkpoint.tenants, path) != report.checkpoint.merkle_root) {
      return broken(fmt::format("the path of partition {} does not lead to the checkpoint's root", partition));
    }
    if (!ends_.empty() && ends_.rbegin()->first >= key) return broken("the bundle's chains do not ascend");
    ends_.emplace(key, head);
    return {};
  }

  std::uint64_t promised_ = 0;
  std::uint64_t position_ = 0;
  std::map<std::uint16_t, base::LogChain::TenantHead> ends_;
  std::map<std::uint16_t, base::LogChain::TenantHead> reached_;
};

}  // namespace

Result<BundleReport> check_bundle(const std::function<Result<bool>(std::string& line)>& next_line) {
  BundleCheck check;
  std::string line;
  std::uint64_t number = 0;
  while (true) {
    TRY(const bool more, next_line(line));
    if (!more) break;
    ++number;
    if (const auto step = number == 1 ? check.first_line(line) : check.record_line(line); !step) {
      check.report.damaged_line = number;
      check.report.reason = step.error().message;
      return std::move(check.report);
    }
  }
  const auto ended = number == 0 ? Result<void>(broken("the file is empty")) : check.end();
  if (!ended) {
    check.report.damaged_line = std::max<std::uint64_t>(number, 1);
    check.report.reason = ended.error().message;
  }
  return std::move(check.report);
}

}  // namespace symphainy::runtime
