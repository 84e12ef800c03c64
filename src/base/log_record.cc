// SPDX-License-Identifier: Apache-2.0
#include "base/log_record.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/try.h"

namespace symphainy::base {
namespace {

constexpr std::uint32_t kBatchMagic = 0x31425953;  // "SYB1"
constexpr std::size_t kCrcOffset = 12;
constexpr std::size_t kStoreHashOffset = 24;
constexpr std::size_t kHeaderFixedBytes = 88;

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
  return sha256({record.salt.data(), record.salt.size()}, record.payload);
}

Digest link(const Digest& previous, std::string_view header, const Digest& content) {
  static thread_local Sha256 hash;
  hash.begin();
  hash.update(previous.view());
  hash.update(header);
  hash.update(content.view());
  return hash.finish();
}

Digest link_batch(const Digest& previous, const LogBatch& batch) {
  static thread_local Sha256 hash;
  hash.begin();
  hash.update(previous.view());
  std::string place;
  append_integer(place, batch.first_position());
  append_integer(place, static_cast<std::uint32_t>(batch.records.size()));
  hash.update(place);
  for (const LogRecord& record : batch.records) hash.update(record.chain.view());
  return hash.finish();
}

Digest take_digest(ByteReader& reader) {
  Digest digest;
  const std::string_view raw = reader.bytes(digest.bytes.size());
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

std::uint32_t batch_crc(std::string_view batch) {
  constexpr std::string_view kZeros("\0\0\0\0", 4);
  return crc32c(batch.substr(kCrcOffset + 4), crc32c(kZeros, crc32c(batch.substr(0, kCrcOffset))));
}

Result<LogRecord> decode_record(std::string_view bytes) {
  ByteReader reader(bytes);
  LogRecord record;
  record.format = reader.integer<std::uint16_t>();
  if (record.format != kRecordFormat) {
    return fail(ErrorCode::corrupt,
                fmt::format("record format {} is not known to this release; open it with the release "
                            "that wrote it",
                            record.format),
                std::string(kUnknownFormat));
  }
  record.flags = reader.integer<std::uint16_t>();
  record.type = reader.integer<std::uint16_t>();
  record.type_version = reader.integer<std::uint16_t>();
  record.partition = reader.integer<std::uint16_t>();
  const auto tenant_length = reader.integer<std::uint16_t>();
  record.attempt = reader.integer<std::uint32_t>();
  record.partition_epoch = reader.integer<std::uint64_t>();
  record.position = reader.integer<std::uint64_t>();
  record.tenant_seq = reader.integer<std::uint64_t>();
  record.time_us = reader.integer<std::int64_t>();
  record.key_id = reader.integer<std::uint64_t>();
  record.store = Uuid::from_bytes(reader.bytes(16));
  record.execution = Uuid::from_bytes(reader.bytes(16));
  record.tenant = reader.bytes(tenant_length);
  const std::string_view salt = reader.bytes(record.salt.size());
  std::copy(salt.begin(), salt.end(), record.salt.begin());
  record.payload = reader.bytes(reader.integer<std::uint32_t>());
  record.content_digest = take_digest(reader);
  record.chain = take_digest(reader);
  if (!reader.ok() || reader.remaining() != 0) return fail(ErrorCode::corrupt, "a record's lengths do not add up");
  return record;
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
  for (LogRecord& record : batch.records) {
    TenantHead& head = tenants_[{record.tenant, record.partition}];
    const std::size_t length_at = begin_record(out, record);
    const std::string_view header = std::string_view(out).substr(length_at + 4);
    record.content_digest = content_digest(record);
    record.chain = link(head.chain, header, record.content_digest);
    end_record(out, length_at, record);
    head = {record.tenant_seq, record.chain};
  }
  batch.store_hash = link_batch(store_hash_, batch);
  std::memcpy(out.data() + start + kStoreHashOffset, batch.store_hash.bytes.data(), batch.store_hash.bytes.size());
  store_integer(out.data() + start + 4, static_cast<std::uint32_t>(out.size() - start));
  store_integer(out.data() + start + kCrcOffset, batch_crc(std::string_view(out).substr(start)));
  advance(batch);
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
    if (first.chain != link(before.chain, first.header, first.content_digest)) {
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

Result<void> LogChain::follow(const LogBatch& batch, const Uuid& store) {
  std::map<TenantKey, TenantHead> touched;
  std::vector<FirstRecord> trusted;
  std::uint64_t position = position_;
  std::int64_t time_us = time_us_;
  std::string header;
  for (const LogRecord& record : batch.records) {
    const TenantKey key{record.tenant, record.partition};
    auto [head, fresh] = touched.try_emplace(key);
    const auto known = fresh ? tenants_.find(key) : tenants_.end();
    if (known != tenants_.end()) head->second = known->second;
    if (record.position != ++position) return broken(record.position, fmt::format("expected position {}", position));
    if (record.store != store) return broken(record.position, "the record belongs to another store");
    if (record.time_us <= time_us) return broken(record.position, "its time is not after the record before it");
    if (record.content_digest != content_digest(record)) {
      return broken(record.position, "the payload is not what was digested");
    }
    header.clear();
    append_header(header, record);
    if (fresh && known == tenants_.end() && tenants_unknown_) {
      trusted.push_back({key, record.position, record.tenant_seq, record.time_us, record.partition_epoch, header,
                         record.content_digest, record.chain});
    } else if (record.tenant_seq != head->second.seq + 1) {
      return broken(record.position, "the tenant's sequence has a gap");
    } else if (record.chain != link(head->second.chain, header, record.content_digest)) {
      return broken(record.position, "the tenant's hash chain does not continue here");
    }
    head->second = {record.tenant_seq, record.chain};
    time_us = record.time_us;
  }
  if (batch.store_hash != link_batch(store_hash_, batch)) {
    return broken(batch.first_position(), "the store's hash chain does not continue here");
  }
  std::uint64_t epoch = epoch_;  // last: only of a batch that is whole and in its place can this be said
  for (const LogRecord& record : batch.records) {
    if (record.partition_epoch < epoch) return stale(record.position, record.partition_epoch, epoch);
    epoch = record.partition_epoch;
  }
  for (auto& [key, head] : touched) tenants_[key] = head;
  std::ranges::move(trusted, std::back_inserter(taken_on_trust_));
  advance(batch);
  return {};
}

void LogChain::advance(const LogBatch& batch) {
  position_ = batch.last_position();
  time_us_ = batch.records.back().time_us;
  epoch_ = std::max(epoch_, batch.records.back().partition_epoch);
  store_hash_ = batch.store_hash;
}

Result<BatchHeader> peek_batch(std::string_view header_bytes) {
  // Zeros first: a segment's unused end may be shorter than a header.
  if (std::ranges::all_of(header_bytes, [](char c) { return c == '\0'; })) {
    return fail(ErrorCode::not_found, "nothing was written here");
  }
  if (header_bytes.size() < kBatchHeaderBytes) return fail(ErrorCode::corrupt, "too short for a batch header");
  ByteReader reader(header_bytes);
  const auto magic = reader.integer<std::uint32_t>();
  BatchHeader header;
  header.length = reader.integer<std::uint32_t>();
  header.count = reader.integer<std::uint32_t>();
  reader.integer<std::uint32_t>();
  header.first_position = reader.integer<std::uint64_t>();
  if (magic != kBatchMagic || header.count == 0 ||
      header.length < kBatchHeaderBytes + header.count * kHeaderFixedBytes) {
    return fail(ErrorCode::corrupt, "not a batch header");
  }
  return header;
}

std::size_t encoded_size(const LogBatch& batch) {
  constexpr std::size_t kAroundPayload = 4 + kHeaderFixedBytes + 16 + 4 + 32 + 32;
  std::size_t bytes = kBatchHeaderBytes;
  for (const LogRecord& record : batch.records) bytes += kAroundPayload + record.tenant.size() + record.payload.size();
  return bytes;
}

Result<LogBatch> decode_batch(std::string_view bytes) {
  TRY(const BatchHeader header, peek_batch(bytes.substr(0, kBatchHeaderBytes)));
  if (header.length != bytes.size()) return fail(ErrorCode::corrupt, "the batch's length is not what its header says");
  if (load_integer<std::uint32_t>(bytes.data() + kCrcOffset) != batch_crc(bytes)) {
    return fail(ErrorCode::corrupt, "the batch's CRC-32C does not match");
  }
  LogBatch batch;
  std::memcpy(batch.store_hash.bytes.data(), bytes.data() + kStoreHashOffset, batch.store_hash.bytes.size());
  batch.records.reserve(header.count);
  ByteReader reader(bytes.substr(kBatchHeaderBytes));
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const auto length = reader.integer<std::uint32_t>();
    const std::string_view record_bytes = reader.bytes(length);
    if (!reader.ok()) return fail(ErrorCode::corrupt, "a record is cut short");
    TRY(LogRecord record, decode_record(record_bytes));
    if (record.position != header.first_position + i) return fail(ErrorCode::corrupt, "positions are out of order");
    batch.records.push_back(std::move(record));
  }
  if (reader.remaining() != 0) return fail(ErrorCode::corrupt, "bytes are left over after the last record");
  return batch;
}

void append_record(std::string& out, const LogRecord& record) {
  end_record(out, begin_record(out, record), record);
}

Result<LogRecord> read_record(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto length = reader.integer<std::uint32_t>();
  if (!reader.ok() || length != reader.remaining()) return fail(ErrorCode::corrupt, "the record is cut short");
  return decode_record(reader.bytes(length));
}

Result<void> follow_record(LogChain::TenantHead& before, const LogRecord& record) {
  if (record.tenant_seq != before.seq + 1) return broken(record.position, "the tenant's sequence has a gap");
  if (record.content_digest != content_digest(record)) {
    return broken(record.position, "the payload is not what was digested");
  }
  std::string header;
  append_header(header, record);
  if (record.chain != link(before.chain, header, record.content_digest)) {
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
