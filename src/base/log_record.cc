// SPDX-License-Identifier: Apache-2.0
#include "base/log_record.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log_format.h"
#include "base/try.h"

namespace symphainy::base {
namespace {

void append_header(std::string& out, const LogRecord& record) {
  append_integer(out, record.format);
  append_integer(out, record.flags);
  append_integer(out, record.type);
  append_integer(out, record.type_version);
  append_integer(out, record.partition);
  append_integer(out, static_cast<std::uint16_t>(record.tenant.size()));
  append_integer(out, record.attempt);
  append_integer(out, record.partition_epoch);
  append_integer(out, record.position);
  append_integer(out, record.tenant_seq);
  append_integer(out, record.time_us);
  append_integer(out, record.key_id);
  out.append(record.store.view());
  out.append(record.execution.view());
  out.append(record.tenant);
}

// Length (to be filled in) and header; where the length stands.
std::size_t begin_record(std::string& out, const LogRecord& record) {
  const std::size_t length_at = out.size();
  append_integer(out, std::uint32_t{0});
  append_header(out, record);
  return length_at;
}

void end_record(std::string& out, std::size_t length_at, const LogRecord& record) {
  out.append(record.salt.data(), record.salt.size());
  append_integer(out, static_cast<std::uint32_t>(record.payload.size()));
  out.append(record.payload);
  out.append(record.content_digest.view());
  out.append(record.chain.view());
  store_integer(out.data() + length_at, static_cast<std::uint32_t>(out.size() - length_at - 4));
}

Digest content_digest(const LogRecord& record) {
  return sha256({{record.salt.data(), record.salt.size()}, record.payload});
}

Digest link(const Digest& previous, std::string_view header, std::string_view content_digest) {
  return sha256({previous.view(), header, content_digest});
}

// What the store hash covers, but for the hash before it.
class BatchLinks {
 public:
  BatchLinks(std::uint64_t first_position, std::size_t count) {
    append_integer(bytes_, first_position);
    append_integer(bytes_, static_cast<std::uint32_t>(count));
  }
  void add(std::string_view chain) { bytes_.append(chain); }
  [[nodiscard]] Digest link(const Digest& previous) const { return sha256({previous.view(), bytes_}); }

 private:
  std::string bytes_;
};

Digest take_digest(ByteReader& reader) {
  return digest_of(reader.bytes(sizeof Digest::bytes));
}

std::unexpected<Error> broken(std::uint64_t position, std::string_view what) {
  return fail(ErrorCode::corrupt, fmt::format("position {}: {}", position, what));
}

std::unexpected<Error> stale(std::uint64_t position, std::uint64_t epoch, std::uint64_t highest) {
  return fail(ErrorCode::corrupt,
              fmt::format("position {}: written in epoch {} behind epoch {}, by a process that no longer owned the log",
                          position, epoch, highest),
              std::string(kStaleEpoch));
}

}  // namespace

void LogChain::seal(LogBatch& batch, std::string& out) {
  const std::size_t start = out.size();
  append_integer(out, kBatchMagic);
  append_integer(out, std::uint32_t{0});  // length, below
  append_integer(out, static_cast<std::uint32_t>(batch.records.size()));
  append_integer(out, std::uint32_t{0});  // CRC, below
  append_integer(out, batch.first_position());
  out.append(Digest{}.view());  // store hash, below
  BatchLinks links(batch.first_position(), batch.records.size());
  for (LogRecord& record : batch.records) {
    TenantHead& head = tenants_[{record.tenant, record.partition}];
    const std::size_t length_at = begin_record(out, record);
    const std::string_view header = std::string_view(out).substr(length_at + 4);
    record.content_digest = content_digest(record);
    record.chain = link(head.chain, header, record.content_digest.view());
    end_record(out, length_at, record);
    links.add(record.chain.view());
    head = {record.tenant_seq, record.chain};
  }
  batch.store_hash = links.link(store_hash_);
  std::memcpy(out.data() + start + kStoreHashOffset, batch.store_hash.bytes.data(), batch.store_hash.bytes.size());
  store_integer(out.data() + start + 4, static_cast<std::uint32_t>(out.size() - start));
  store_integer(out.data() + start + kCrcOffset, batch_crc(std::string_view(out).substr(start)));
  position_ = batch.last_position();
  time_us_ = batch.records.back().time_us;
  epoch_ = std::max(epoch_, batch.records.back().partition_epoch);
  store_hash_ = batch.store_hash;
}

LogChain LogChain::behind(std::uint64_t position, const Digest& store_hash) {
  LogChain chain;
  chain.position_ = position;
  chain.store_hash_ = chain.began_behind_ = store_hash;
  chain.tenants_unknown_ = position > 0;
  return chain;
}

void LogChain::save(std::string& out) const {
  append_integer(out, position_);
  append_integer(out, time_us_);
  append_integer(out, epoch_);
  out.append(store_hash_.view());
  append_integer(out, static_cast<std::uint32_t>(tenants_.size()));
  for (const auto& [key, head] : tenants_) {
    append_integer(out, static_cast<std::uint16_t>(key.first.size()));
    out.append(key.first);
    append_integer(out, key.second);
    append_integer(out, head.seq);
    out.append(head.chain.view());
  }
}

LogChain LogChain::restored(ByteReader& reader) {
  LogChain chain;
  chain.position_ = reader.integer<std::uint64_t>();
  chain.time_us_ = reader.integer<std::int64_t>();
  chain.epoch_ = reader.integer<std::uint64_t>();
  chain.store_hash_ = chain.began_behind_ = take_digest(reader);
  const auto count = reader.integer<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    const auto length = reader.integer<std::uint16_t>();
    std::string tenant(reader.bytes(length));
    const auto partition = reader.integer<std::uint16_t>();
    TenantHead head;
    head.seq = reader.integer<std::uint64_t>();
    head.chain = take_digest(reader);
    chain.tenants_.insert_or_assign({std::move(tenant), partition}, head);
  }
  return chain;
}

Result<void> LogChain::join(LogChain next) {
  if (next.began_behind_ != store_hash_) {
    return broken(position_ + 1, "the store's hash chain does not continue here");
  }
  for (const FirstRecord& first : next.taken_on_trust_) {
    if (first.epoch < epoch_) return stale(first.position, first.epoch, epoch_);
    if (tenants_unknown_ && !tenants_.contains(first.key)) {
      taken_on_trust_.push_back(first);  // for whoever joins this one
      continue;
    }
    const TenantHead before = tenants_.contains(first.key) ? tenants_.at(first.key) : TenantHead{};
    if (first.seq != before.seq + 1) return broken(first.position, "the tenant's sequence has a gap");
    if (first.time_us <= time_us_) return broken(first.position, "its time is not after the record before it");
    if (first.chain != link(before.chain, first.header, first.content_digest.view())) {
      return broken(first.position, "the tenant's hash chain does not continue here");
    }
  }
  for (auto& [key, head] : next.tenants_) tenants_[key] = head;
  position_ = next.position_;
  time_us_ = std::max(time_us_, next.time_us_);
  epoch_ = std::max(epoch_, next.epoch_);
  store_hash_ = next.store_hash_;
  return {};
}

/// How far following has got within a batch: nothing of it counts until all of the batch is right.
struct LogChain::Followed {
  using Key = std::pair<std::string_view, std::uint16_t>;

  const Uuid& store;
  std::uint64_t position;
  std::int64_t time_us;
  std::map<Key, TenantHead> heads;
  std::vector<FirstRecord> trusted;
};

Result<void> LogChain::follow_record(const RecordView& record, Followed& so_far) const {
  const std::uint64_t position = record.position();
  if (position != ++so_far.position) return broken(position, fmt::format("expected position {}", so_far.position));
  if (record.store() != so_far.store.view()) return broken(position, "the record belongs to another store");
  if (record.time_us() <= so_far.time_us) return broken(position, "its time is not after the record before it");
  if (record.content_digest() != sha256({record.salt(), record.payload()}).view()) {
    return broken(position, "the payload is not what was digested");
  }
  const auto [head, fresh] = so_far.heads.try_emplace({record.tenant(), record.partition()});
  const TenantKey key = fresh ? TenantKey{record.tenant(), record.partition()} : TenantKey{};
  const auto known = fresh ? tenants_.find(key) : tenants_.end();
  if (known != tenants_.end()) head->second = known->second;
  if (fresh && known == tenants_.end() && tenants_unknown_) {
    so_far.trusted.push_back({key, position, record.tenant_seq(), record.time_us(), record.epoch(),
                              std::string(record.header()), digest_of(record.content_digest()),
                              digest_of(record.chain())});
  } else if (record.tenant_seq() != head->second.seq + 1) {
    return broken(position, "the tenant's sequence has a gap");
  } else if (record.chain() != link(head->second.chain, record.header(), record.content_digest()).view()) {
    return broken(position, "the tenant's hash chain does not continue here");
  }
  head->second = {record.tenant_seq(), digest_of(record.chain())};
  so_far.time_us = record.time_us();
  return {};
}

Result<void> LogChain::follow(const BatchView& batch, const Uuid& store) {
  Followed followed{store, position_, time_us_, {}, {}};
  BatchLinks links(batch.first_position(), batch.records.size());
  for (const RecordView& record : batch.records) {
    TRY(follow_record(record, followed));
    links.add(record.chain());
  }
  if (batch.store_hash != links.link(store_hash_)) {
    return broken(batch.first_position(), "the store's hash chain does not continue here");
  }
  std::uint64_t epoch = epoch_;  // last: only of a batch that is whole and in its place can this be said
  for (const RecordView& record : batch.records) {
    if (record.epoch() < epoch) return stale(record.position(), record.epoch(), epoch);
    epoch = record.epoch();
  }
  for (const auto& [key, head] : followed.heads) tenants_[{std::string(key.first), key.second}] = head;
  std::ranges::move(followed.trusted, std::back_inserter(taken_on_trust_));
  position_ = followed.position;
  time_us_ = followed.time_us;
  epoch_ = epoch;
  store_hash_ = batch.store_hash;
  return {};
}

Result<void> LogChain::follow(const LogBatch& batch, const Uuid& store) {
  std::string bytes;
  std::vector<std::size_t> ends;
  for (const LogRecord& record : batch.records) {
    append_record(bytes, record);
    ends.push_back(bytes.size());
  }
  BatchView view{{}, batch.store_hash};
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    begin += sizeof(std::uint32_t);  // its length
    TRY(const RecordView record, RecordView::of(std::string_view(bytes).substr(begin, end - begin)));
    view.records.push_back(record);
    begin = end;
  }
  return follow(view, store);
}

std::size_t encoded_size(const LogBatch& batch) {
  constexpr std::size_t kAroundPayload = 4 + kHeaderFixedBytes + 16 + 4 + 32 + 32;
  std::size_t bytes = kBatchHeaderBytes;
  for (const LogRecord& record : batch.records) bytes += kAroundPayload + record.tenant.size() + record.payload.size();
  return bytes;
}

void append_record(std::string& out, const LogRecord& record) {
  end_record(out, begin_record(out, record), record);
}

Result<void> follow_record(LogChain::TenantHead& before, const LogRecord& record) {
  if (record.tenant_seq != before.seq + 1) return broken(record.position, "the tenant's sequence has a gap");
  if (record.content_digest != content_digest(record)) {
    return broken(record.position, "the payload is not what was digested");
  }
  std::string header;
  append_header(header, record);
  if (record.chain != link(before.chain, header, record.content_digest.view())) {
    return broken(record.position, "the tenant's hash chain does not continue here");
  }
  before = {record.tenant_seq, record.chain};
  return {};
}

RecordStamper::RecordStamper(Uuid store, const LogChain& end)
    : store_(store), position_(end.position()), time_us_(end.time_us()), epoch_(end.epoch()) {
  for (const auto& [key, head] : end.tenants()) sequences_[key] = head.seq;
}

LogBatch RecordStamper::stamp(std::vector<RecordDraft> drafts, std::int64_t wall_us, std::string_view salts) {
  CHECK(!drafts.empty() && salts.size() == drafts.size() * 16);
  LogBatch batch;
  batch.records.reserve(drafts.size());
  for (RecordDraft& draft : drafts) {
    CHECK(draft.partition_epoch >= epoch_);
    epoch_ = draft.partition_epoch;
    LogRecord& record = batch.records.emplace_back();
    record.flags = draft.flags;
    record.type = draft.type;
    record.type_version = draft.type_version;
    record.partition = draft.partition;
    record.attempt = draft.attempt;
    record.partition_epoch = draft.partition_epoch;
    record.position = ++position_;
    record.time_us = time_us_ = std::max(time_us_ + 1, wall_us);
    record.store = store_;
    record.execution = draft.execution;
    record.tenant = std::move(draft.tenant);
    record.tenant_seq = ++sequences_[{record.tenant, record.partition}];
    std::copy_n(salts.begin(), record.salt.size(), record.salt.begin());
    salts.remove_prefix(record.salt.size());
    record.payload = std::move(draft.payload);
  }
  return batch;
}

}  // namespace symphainy::base
