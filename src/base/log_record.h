// SPDX-License-Identifier: Apache-2.0
// The log's record: its header, its bytes, and the two hash chains that make a missing or edited record show.
//
// The content digest is SHA-256(salt, payload); a record's chain hash is SHA-256(previous chain hash, header, content
// digest), where "previous" is the record before it of the same tenant and partition. A batch's store hash is
// SHA-256(previous store hash, first position, count, every record's chain hash). So a payload may later become
// unreadable (erasure by destroying its key) while both chains still verify. The layout stands in
// docs/formats/write-ahead-log.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "symphainy/error.h"

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"

namespace symphainy::base {

inline constexpr std::uint16_t kRecordFormat = 1;
/// A reader that does not know this record's type must refuse the log, not pass over it.
inline constexpr std::uint16_t kMustUnderstand = 1;
inline constexpr std::string_view kSystemTenant = "_system";
/// Why a batch is refused that was written whole, by a newer release or by a writer that was superseded: the reasons of
/// the errors that decode_batch() and LogChain::follow() give for it. What they give for other bytes has no reason.
inline constexpr std::string_view kUnknownFormat = "unknown_format";
inline constexpr std::string_view kStaleEpoch = "stale_epoch";

/// What the runtime asks to have recorded; the log adds the rest.
struct RecordDraft {
  std::string tenant;
  std::uint16_t partition = 0;
  std::uint64_t partition_epoch = 0;
  std::uint16_t type = 0;
  std::uint16_t type_version = 1;
  std::uint16_t flags = 0;
  Uuid execution;             ///< nil: none
  std::uint32_t attempt = 0;  ///< 0: none
  std::string payload;        ///< canonical JSON
};

struct LogRecord {
  std::uint16_t format = kRecordFormat;
  std::uint16_t flags = 0;
  std::uint16_t type = 0;
  std::uint16_t type_version = 1;
  std::uint16_t partition = 0;
  std::uint32_t attempt = 0;
  std::uint64_t partition_epoch = 0;
  std::uint64_t position = 0;    ///< store-wide, from 1, gap-free
  std::uint64_t tenant_seq = 0;  ///< per tenant and partition, from 1, gap-free
  std::int64_t time_us = 0;      ///< UTC; strictly increasing with the position
  std::uint64_t key_id = 0;      ///< 0: payload in clear
  Uuid store;
  Uuid execution;
  std::string tenant;
  std::array<char, 16> salt{};
  std::string payload;
  Digest content_digest;
  Digest chain;

  friend bool operator==(const LogRecord&, const LogRecord&) = default;
};

/// The records of one atomic batch: all of them are in the log or none.
struct LogBatch {
  std::vector<LogRecord> records;  ///< never empty; positions are consecutive
  Digest store_hash;

  [[nodiscard]] std::uint64_t first_position() const { return records.front().position; }
  [[nodiscard]] std::uint64_t last_position() const { return records.back().position; }
};

/// A record where it stands in a batch's bytes, from its format to its chain hash. Valid as long as they are.
class RecordView {
 public:
  /// Takes exactly these bytes (the record's length field is before them). corrupt when their lengths do not add up;
  /// with reason kUnknownFormat when a newer release wrote them.
  [[nodiscard]] static Result<RecordView> of(std::string_view bytes);

  [[nodiscard]] std::uint16_t partition() const noexcept { return load_integer<std::uint16_t>(header_.data() + 8); }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return load_integer<std::uint64_t>(header_.data() + 16); }
  [[nodiscard]] std::uint64_t position() const noexcept { return load_integer<std::uint64_t>(header_.data() + 24); }
  [[nodiscard]] std::uint64_t tenant_seq() const noexcept { return load_integer<std::uint64_t>(header_.data() + 32); }
  [[nodiscard]] std::int64_t time_us() const noexcept { return load_integer<std::int64_t>(header_.data() + 40); }
  [[nodiscard]] std::string_view store() const noexcept { return header_.substr(56, 16); }
  [[nodiscard]] std::string_view tenant() const noexcept { return header_.substr(88); }
  [[nodiscard]] std::string_view header() const noexcept { return header_; }  ///< what the chain hash covers
  [[nodiscard]] std::string_view salt() const noexcept { return salt_; }
  [[nodiscard]] std::string_view payload() const noexcept { return payload_; }
  [[nodiscard]] std::string_view content_digest() const noexcept { return content_digest_; }
  [[nodiscard]] std::string_view chain() const noexcept { return chain_; }
  [[nodiscard]] LogRecord copy() const;

 private:
  std::string_view header_;
  std::string_view salt_;
  std::string_view payload_;
  std::string_view content_digest_;
  std::string_view chain_;
};

/// A batch where it stands: what is read without being kept.
struct BatchView {
  std::vector<RecordView> records;  ///< never empty; positions are consecutive
  Digest store_hash;

  [[nodiscard]] std::uint64_t first_position() const { return records.front().position(); }
  [[nodiscard]] std::uint64_t last_position() const { return records.back().position(); }
  [[nodiscard]] LogBatch copy() const;
};

/// The ends of both chains at a position: what the next batch is linked to.
class LogChain {
 public:
  struct TenantHead {
    std::uint64_t seq = 0;
    Digest chain;
  };
  using TenantKey = std::pair<std::string, std::uint16_t>;  ///< tenant, partition

  /// At position 0.
  LogChain() = default;
  /// Behind a position of which only the store's hash is known, as a segment's header tells it: of every tenant the
  /// first record is taken on trust, for join() to check. So stretches of a log can be followed at the same time.
  [[nodiscard]] static LogChain behind(std::uint64_t position, const Digest& store_hash);
  /// `next` began behind this chain's end: checks what it took on trust, and goes on from its end.
  [[nodiscard]] Result<void> join(LogChain next);

  /// Everything that the next batch is linked to, as bytes. Not of a chain that takes records on trust.
  void save(std::string& out) const;
  /// What save() appended; reader.ok() is false when the bytes are something else.
  [[nodiscard]] static LogChain restored(ByteReader& reader);

  /// Computes every digest of the batch, advances the chains past it, and appends its bytes to `out`.
  void seal(LogBatch& batch, std::string& out);
  /// Checks that a decoded batch follows this chain (positions, sequences, times, digests, both chains, store, and that
  /// no epoch is below one before it), then advances.
  [[nodiscard]] Result<void> follow(const BatchView& batch, const Uuid& store);
  [[nodiscard]] Result<void> follow(const LogBatch& batch, const Uuid& store);

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  [[nodiscard]] std::int64_t time_us() const noexcept { return time_us_; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }  ///< the highest so far
  [[nodiscard]] const Digest& store_hash() const noexcept { return store_hash_; }
  [[nodiscard]] const std::map<TenantKey, TenantHead>& tenants() const noexcept { return tenants_; }

 private:
  struct FirstRecord {
    TenantKey key;
    std::uint64_t position = 0;
    std::uint64_t seq = 0;
    std::int64_t time_us = 0;
    std::uint64_t epoch = 0;
    std::string header;
    Digest content_digest;
    Digest chain;
  };
  struct Followed;
  [[nodiscard]] Result<void> follow_record(const RecordView& record, Followed& so_far) const;

  Digest began_behind_;                      // the store hash that this chain was begun with
  bool tenants_unknown_ = false;             // those not in tenants_
  std::vector<FirstRecord> taken_on_trust_;  // of the tenants that were unknown
  std::uint64_t position_ = 0;
  std::int64_t time_us_ = 0;
  std::uint64_t epoch_ = 0;
  Digest store_hash_;
  std::map<TenantKey, TenantHead> tenants_;
};

inline constexpr std::size_t kBatchHeaderBytes = 56;

/// What a batch's first bytes say about it. Nothing in it is proven before decode_batch has checked the CRC.
struct BatchHeader {
  std::uint32_t length = 0;  ///< of the whole batch, header included
  std::uint32_t count = 0;
  std::uint64_t first_position = 0;
};
/// not_found when the bytes are all zero (never written), corrupt when they are no batch header.
[[nodiscard]] Result<BatchHeader> peek_batch(std::string_view header_bytes);
/// How many bytes seal() appends for it.
[[nodiscard]] std::size_t encoded_size(const LogBatch& batch);
/// Takes exactly one batch (BatchHeader::length bytes); checks its CRC and that its lengths add up. corrupt; with
/// reason kUnknownFormat when the CRC matches, but a newer release wrote it.
[[nodiscard]] Result<LogBatch> decode_batch(std::string_view bytes);
/// The same without copying; `batch` keeps its memory from one call to the next.
[[nodiscard]] Result<void> view_batch(std::string_view bytes, BatchView& batch);

/// The record's bytes as in a batch, from its length field on, with the digests it carries.
void append_record(std::string& out, const LogRecord& record);
/// Takes exactly these bytes.
[[nodiscard]] Result<LogRecord> read_record(std::string_view bytes);
/// That the record follows `before` (its tenant's chain), and that its digests are right; `before` then moves on to it.
[[nodiscard]] Result<void> follow_record(LogChain::TenantHead& before, const LogRecord& record);

/// Assigns positions, tenant sequences and times in append order. Used by the one thread that appends.
class RecordStamper {
 public:
  RecordStamper(Uuid store, const LogChain& end);

  /// `salts` holds 16 random bytes for each draft. `wall_us` is the clock's reading. No draft's epoch is below one
  /// before it: nobody would open that log again.
  [[nodiscard]] LogBatch stamp(std::vector<RecordDraft> drafts, std::int64_t wall_us, std::string_view salts);
  [[nodiscard]] std::uint64_t last_position() const noexcept { return position_; }

 private:
  Uuid store_;
  std::uint64_t position_;
  std::int64_t time_us_;
  std::uint64_t epoch_;
  std::map<LogChain::TenantKey, std::uint64_t> sequences_;
};

}  // namespace symphainy::base
