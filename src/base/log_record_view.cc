// SPDX-License-Identifier: Apache-2.0
// Batches and records as they are read: the one place that takes their bytes apart.
#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log_format.h"
#include "base/log_record.h"
#include "base/try.h"

namespace symphainy::base {

Result<RecordView> RecordView::of(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.integer<std::uint16_t>();
  if (format != kRecordFormat) {
    return fail(ErrorCode::corrupt,
                fmt::format("record format {} is not known to this release; open it with the release "
                            "that wrote it",
                            format),
                std::string(kUnknownFormat));
  }
  reader = ByteReader(bytes);
  RecordView record;
  record.header_ = reader.bytes(kHeaderFixedBytes);
  const std::size_t tenant_length =
      record.header_.empty() ? 0 : load_integer<std::uint16_t>(record.header_.data() + kTenantLengthOffset);
  reader.bytes(tenant_length);
  record.header_ = bytes.substr(0, kHeaderFixedBytes + tenant_length);
  record.salt_ = reader.bytes(sizeof LogRecord::salt);
  record.payload_ = reader.bytes(reader.integer<std::uint32_t>());
  record.content_digest_ = reader.bytes(sizeof Digest::bytes);
  record.chain_ = reader.bytes(sizeof Digest::bytes);
  if (!reader.ok() || reader.remaining() != 0) return fail(ErrorCode::corrupt, "a record's lengths do not add up");
  return record;
}

LogRecord RecordView::copy() const {
  ByteReader reader(header_);
  LogRecord record;
  record.format = reader.integer<std::uint16_t>();
  record.flags = reader.integer<std::uint16_t>();
  record.type = reader.integer<std::uint16_t>();
  record.type_version = reader.integer<std::uint16_t>();
  record.partition = reader.integer<std::uint16_t>();
  reader.integer<std::uint16_t>();  // the tenant's length
  record.attempt = reader.integer<std::uint32_t>();
  record.partition_epoch = reader.integer<std::uint64_t>();
  record.position = reader.integer<std::uint64_t>();
  record.tenant_seq = reader.integer<std::uint64_t>();
  record.time_us = reader.integer<std::int64_t>();
  record.key_id = reader.integer<std::uint64_t>();
  record.store = Uuid::from_bytes(reader.bytes(16));
  record.execution = Uuid::from_bytes(reader.bytes(16));
  record.tenant = tenant();
  std::ranges::copy(salt_, record.salt.begin());
  record.payload = payload_;
  record.content_digest = digest_of(content_digest_);
  record.chain = digest_of(chain_);
  return record;
}

LogBatch BatchView::copy() const {
  LogBatch batch;
  batch.store_hash = store_hash;
  batch.records.reserve(records.size());
  for (const RecordView& record : records) batch.records.push_back(record.copy());
  return batch;
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

Result<LogBatch> decode_batch(std::string_view bytes) {
  BatchView batch;
  TRY(view_batch(bytes, batch));
  return batch.copy();
}

Result<void> view_batch(std::string_view bytes, BatchView& batch) {
  TRY(const BatchHeader header, peek_batch(bytes.substr(0, kBatchHeaderBytes)));
  if (header.length != bytes.size()) return fail(ErrorCode::corrupt, "the batch's length is not what its header says");
  if (load_integer<std::uint32_t>(bytes.data() + kCrcOffset) != batch_crc(bytes)) {
    return fail(ErrorCode::corrupt, "the batch's CRC-32C does not match");
  }
  batch.store_hash = digest_of(bytes.substr(kStoreHashOffset, sizeof Digest::bytes));
  batch.records.clear();
  batch.records.reserve(header.count);
  ByteReader reader(bytes.substr(kBatchHeaderBytes));
  for (std::uint32_t i = 0; i < header.count; ++i) {
    const auto length = reader.integer<std::uint32_t>();
    const std::string_view record_bytes = reader.bytes(length);
    if (!reader.ok()) return fail(ErrorCode::corrupt, "a record is cut short");
    TRY(const RecordView record, RecordView::of(record_bytes));
    if (record.position() != header.first_position + i) return fail(ErrorCode::corrupt, "positions are out of order");
    batch.records.push_back(record);
  }
  if (reader.remaining() != 0) return fail(ErrorCode::corrupt, "bytes are left over after the last record");
  return {};
}

Result<LogRecord> read_record(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto length = reader.integer<std::uint32_t>();
  if (!reader.ok() || length != reader.remaining()) return fail(ErrorCode::corrupt, "the record is cut short");
  TRY(const RecordView record, RecordView::of(reader.bytes(length)));
  return record.copy();
}

}  // namespace symphainy::base
