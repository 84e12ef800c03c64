// SPDX-License-Identifier: Apache-2.0
// The record's bytes and both chains: what was sealed reads back equal, and no change of it goes unnoticed. The exact
// bytes are pinned here and in docs/formats/write-ahead-log.md, whose worked example is decoded as it stands.
#include "base/log_record.h"

#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace symphainy::base {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;
const Uuid kStore = *Uuid::parse("018bcfe5-6800-7000-8000-000000000001");
const Uuid kOtherStore = *Uuid::parse("018bcfe5-6800-7000-8000-000000000002");
const Uuid kExecution = *Uuid::parse("018bcfe5-6800-7000-8000-0000000000e1");

RecordDraft draft(std::string tenant, std::string payload, std::uint16_t partition = 0) {
  return {.tenant = std::move(tenant),
          .partition = partition,
          .partition_epoch = 2,
          .type = 7,
          .type_version = 1,
          .flags = kMustUnderstand,
          .execution = kExecution,
          .attempt = 1,
          .payload = std::move(payload)};
}

std::string salts_for(std::size_t count) {
  std::string salts;
  for (std::size_t i = 0; i < count * 16; ++i) salts.push_back(static_cast<char>(0xa0 + i));
  return salts;
}

std::vector<RecordDraft> three_drafts() {
  return {draft("acme", R"({"a":1})"), draft("beta", R"({"b":2})"), draft("acme", R"({"c":3})")};
}

// A log being written: the stamper and the sealing chain, as the appending side holds them.
struct Writer {
  LogChain chain;
  RecordStamper stamper{kStore, chain};

  std::pair<LogBatch, std::string> seal(std::vector<RecordDraft> drafts, std::int64_t wall_us = kNoonUs) {
    const std::size_t count = drafts.size();
    std::pair<LogBatch, std::string> out;
    out.first = stamper.stamp(std::move(drafts), wall_us, salts_for(count));
    chain.seal(out.first, out.second);
    return out;
  }
};

TEST(LogRecord, WhatWasSealedDecodesToTheSameRecords) {
  Writer writer;
  for (const std::size_t count : {1, 3, 40}) {
    std::vector<RecordDraft> drafts;
    for (std::size_t i = 0; i < count; ++i) drafts.push_back(draft(i % 2 ? "acme" : "beta", std::string(i * 7, 'x')));
    auto [batch, bytes] = writer.seal(std::move(drafts));
    const auto header = peek_batch(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->length, bytes.size());
    EXPECT_EQ(header->count, count);
    EXPECT_EQ(header->first_position, batch.first_position());
    const auto decoded = decode_batch(bytes);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(decoded->records, batch.records);
    EXPECT_EQ(decoded->store_hash, batch.store_hash);
  }
}

TEST(LogRecord, SealAppendsBehindWhatTheBufferHolds) {
  Writer alone;
  Writer behind;
  const std::string bytes = alone.seal(three_drafts()).second;
  LogBatch batch = behind.stamper.stamp(three_drafts(), kNoonUs, salts_for(3));
  std::string buffer = "earlier";
  behind.chain.seal(batch, buffer);
  EXPECT_EQ(buffer, "earlier" + bytes);
}

TEST(LogRecord, TheStamperCountsPositionsTenantSequencesAndTime) {
  Writer writer;
  const LogBatch first = writer.seal(three_drafts()).first;
  const LogBatch second = writer.seal({draft("acme", "{}", 9), draft("beta", "{}")}, kNoonUs - 5'000'000).first;
  EXPECT_EQ(first.first_position(), 1U);
  EXPECT_EQ(second.last_position(), 5U);
  EXPECT_EQ(first.records[0].tenant_seq, 1U);
  EXPECT_EQ(first.records[1].tenant_seq, 1U);
  EXPECT_EQ(first.records[2].tenant_seq, 2U);
  EXPECT_EQ(second.records[0].tenant_seq, 1U) << "another partition counts by itself";
  EXPECT_EQ(second.records[1].tenant_seq, 2U);
  EXPECT_EQ(first.records[0].time_us, kNoonUs);
  EXPECT_EQ(first.records[2].time_us, kNoonUs + 2);
  EXPECT_EQ(second.records[1].time_us, kNoonUs + 4) << "a clock that went back does not take the log with it";

  RecordStamper reopened(kStore, writer.chain);
  const LogBatch third = reopened.stamp({draft("beta", "{}")}, 0, salts_for(1));
  EXPECT_EQ(third.first_position(), 6U);
  EXPECT_EQ(third.records[0].tenant_seq, 3U);
  EXPECT_EQ(third.records[0].time_us, kNoonUs + 5);
}

TEST(LogChain, FollowsWhatSealMadeAndEndsAtTheSamePlace) {
  Writer writer;
  LogChain reader;
  for (int i = 0; i < 5; ++i) {
    const auto bytes = writer.seal(three_drafts()).second;
    const auto followed = reader.follow(*decode_batch(bytes), kStore);
    ASSERT_TRUE(followed) << followed.error().message;
  }
  EXPECT_EQ(reader.position(), 15U);
  EXPECT_EQ(reader.time_us(), writer.chain.time_us());
  EXPECT_EQ(reader.store_hash(), writer.chain.store_hash());
  ASSERT_EQ(reader.tenants().size(), writer.chain.tenants().size());
  for (const auto& [key, head] : writer.chain.tenants()) {
    EXPECT_EQ(reader.tenants().at(key).seq, head.seq);
    EXPECT_EQ(reader.tenants().at(key).chain, head.chain);
  }
}

struct Change {
  const char* name;
  std::function<void(LogBatch&)> apply;
  const char* said;
};

TEST(LogChain, RefusesEveryKindOfChangeAndStaysWhereItWas) {
  const std::vector<Change> changes = {
      {"an edited payload", [](LogBatch& b) { b.records[1].payload = R"({"b":9})"; }, "payload"},
      {"another salt", [](LogBatch& b) { b.records[1].salt[0] ^= 1; }, "payload"},
      {"an edited payload with its digest made to fit",
       [](LogBatch& b) {
         LogRecord& record = b.records[1];
         record.payload = R"({"b":9})";
         record.content_digest = sha256({record.salt.data(), record.salt.size()}, record.payload);
       },
       "hash chain"},
      {"flags", [](LogBatch& b) { b.records[0].flags = 0; }, "hash chain"},
      {"type", [](LogBatch& b) { b.records[0].type = 8; }, "hash chain"},
      {"type version", [](LogBatch& b) { b.records[0].type_version = 2; }, "hash chain"},
      {"format", [](LogBatch& b) { b.records[0].format = 2; }, "record format 2"},
      {"partition", [](LogBatch& b) { b.records[0].partition = 1; }, "sequence"},
      {"attempt", [](LogBatch& b) { b.records[2].attempt = 2; }, "hash chain"},
      {"epoch", [](LogBatch& b) { b.records[2].partition_epoch = 3; }, "hash chain"},
      {"key id", [](LogBatch& b) { b.records[2].key_id = 1; }, "hash chain"},
      {"execution", [](LogBatch& b) { b.records[2].execution = Uuid{}; }, "hash chain"},
      {"a later time", [](LogBatch& b) { b.records[2].time_us += 1; }, "hash chain"},
      {"the tenant", [](LogBatch& b) { b.records[1].tenant = "gama"; }, "sequence"},
      {"a tenant never seen", [](LogBatch& b) { b.records[1].tenant = "gama", b.records[1].tenant_seq = 1; },
       "hash chain"},
      {"a record's chain hash", [](LogBatch& b) { b.records[2].chain.bytes[31] ^= 1; }, "hash chain"},
      {"a record's content digest", [](LogBatch& b) { b.records[2].content_digest.bytes[0] ^= 1; }, "payload"},
      {"the batch's store hash", [](LogBatch& b) { b.store_hash.bytes[5] ^= 1; }, "store's hash chain"},
      {"swapped records", [](LogBatch& b) { std::swap(b.records[0], b.records[1]); }, "expected position"},
      {"swapped records with their positions made to fit",
       [](LogBatch& b) {
         std::swap(b.records[0], b.records[1]);
         std::swap(b.records[0].position, b.records[1].position);
         std::swap(b.records[0].time_us, b.records[1].time_us);
       },
       "hash chain"},
      {"the first record dropped", [](LogBatch& b) { b.records.erase(b.records.begin()); }, "expected position"},
      {"a middle record dropped", [](LogBatch& b) { b.records.erase(b.records.begin() + 1); }, "expected position"},
      {"the last record dropped", [](LogBatch& b) { b.records.pop_back(); }, "store's hash chain"},
      {"a record repeated", [](LogBatch& b) { b.records.push_back(b.records.back()); }, "expected position"},
      {"another store", [](LogBatch& b) { b.records[1].store = kOtherStore; }, "another store"},
      {"time going back", [](LogBatch& b) { b.records[1].time_us = b.records[0].time_us; }, "time"},
      {"time before the batch before", [](LogBatch& b) { b.records[0].time_us = kNoonUs; }, "time"},
      {"a sequence gap", [](LogBatch& b) { b.records[2].tenant_seq += 1; }, "sequence"},
      {"a sequence repeated", [](LogBatch& b) { b.records[2].tenant_seq -= 1; }, "sequence"},
      {"a position gap",
       [](LogBatch& b) {
         for (LogRecord& r : b.records) r.position += 1;
       },
       "expected position"},
  };
  Writer writer;
  LogChain before;
  ASSERT_TRUE(before.follow(writer.seal(three_drafts()).first, kStore));
  const LogBatch good = writer.seal(three_drafts()).first;
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    LogBatch changed = good;
    change.apply(changed);
    LogChain chain = before;
    const auto followed = chain.follow(changed, kStore);
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().code, ErrorCode::corrupt);
    EXPECT_THAT(followed.error().message, HasSubstr(change.said));
    EXPECT_TRUE(chain.follow(good, kStore)) << "a refused batch must leave the chain as it was";
    // What one stretch takes on trust, joining it to the one before does not.
    LogChain apart = LogChain::behind(before.position(), before.store_hash());
    LogChain joined = before;
    EXPECT_FALSE(apart.follow(changed, kStore) && joined.join(apart));
  }
}

TEST(LogChain, StretchesFollowedApartJoinToTheWholeAtEverySplit) {
  Writer writer;
  std::vector<LogBatch> batches;
  LogChain whole;
  for (int i = 0; i < 6; ++i) {
    auto drafts = three_drafts();
    if (i % 2 == 1) drafts.pop_back();
    if (i == 4) drafts[0].tenant = "late";
    batches.push_back(writer.seal(std::move(drafts)).first);
    ASSERT_TRUE(whole.follow(batches.back(), kStore));
  }
  for (std::size_t split = 0; split <= batches.size(); ++split) {
    LogChain first;
    for (std::size_t i = 0; i < split; ++i) ASSERT_TRUE(first.follow(batches[i], kStore));
    LogChain second = LogChain::behind(first.position(), first.store_hash());
    for (std::size_t i = split; i < batches.size(); ++i) ASSERT_TRUE(second.follow(batches[i], kStore));
    const auto joined = first.join(second);
    ASSERT_TRUE(joined) << joined.error().message;
    EXPECT_EQ(first.position(), whole.position());
    EXPECT_EQ(first.time_us(), whole.time_us());
    EXPECT_EQ(first.store_hash(), whole.store_hash());
    ASSERT_EQ(first.tenants().size(), whole.tenants().size());
    for (const auto& [key, head] : whole.tenants()) {
      EXPECT_EQ(first.tenants().at(key).seq, head.seq);
      EXPECT_EQ(first.tenants().at(key).chain, head.chain);
    }
  }
  // A stretch left out shows, though each of the others is whole.
  LogChain first;
  ASSERT_TRUE(first.follow(batches[0], kStore));
  LogChain third = LogChain::behind(batches[1].last_position(), batches[1].store_hash);
  ASSERT_TRUE(third.follow(batches[2], kStore));
  EXPECT_FALSE(first.join(third));
}

// The fence: a process that was superseded can write nothing that counts.
TEST(LogChain, RefusesAnEpochBelowOneBeforeItAlsoWhereStretchesJoin) {
  const auto sealed_in = [](LogChain chain, const std::vector<std::uint64_t>& epochs) {
    std::vector<RecordDraft> drafts(epochs.size(), draft("acme", "{}"));
    for (RecordDraft& each : drafts) each.partition_epoch = 99;
    LogBatch batch = RecordStamper(kStore, chain).stamp(std::move(drafts), kNoonUs, salts_for(epochs.size()));
    for (std::size_t i = 0; i < epochs.size(); ++i) batch.records[i].partition_epoch = epochs[i];
    std::string ignored;
    chain.seal(batch, ignored);
    return batch;
  };
  const auto expect_stale = [](const Result<void>& followed, const char* said) {
    ASSERT_FALSE(followed);
    EXPECT_EQ(followed.error().code, ErrorCode::corrupt);
    EXPECT_EQ(followed.error().reason, kStaleEpoch);
    EXPECT_THAT(followed.error().message, HasSubstr(said));
  };
  LogChain chain;
  const LogBatch first = sealed_in(chain, {2, 3});
  ASSERT_TRUE(chain.follow(first, kStore));
  const LogBatch equal = sealed_in(chain, {3, 3});
  const LogBatch lower = sealed_in(chain, {2, 3});
  const LogBatch falls_inside = sealed_in(chain, {9, 8});
  expect_stale(chain.follow(lower, kStore), "position 3: written in epoch 2 behind epoch 3");
  expect_stale(chain.follow(falls_inside, kStore), "position 4: written in epoch 8 behind epoch 9");
  for (const auto& [batch, joins] : {std::pair{&equal, true}, {&lower, false}}) {
    LogChain apart = LogChain::behind(first.last_position(), first.store_hash);
    ASSERT_TRUE(apart.follow(*batch, kStore));
    LogChain whole = chain;
    const auto joined = whole.join(apart);
    EXPECT_EQ(joined.has_value(), joins);
    if (!joins) expect_stale(joined, "position 3: written in epoch 2 behind epoch 3");
  }
  // A stretch without records of its own must not make the chain forget.
  ASSERT_TRUE(chain.join(LogChain::behind(first.last_position(), first.store_hash)));
  expect_stale(chain.follow(lower, kStore), "behind epoch 3");
  EXPECT_TRUE(chain.follow(equal, kStore));
}

TEST(LogChain, RefusesABatchThatIsRepeatedSkippedOrOfAnotherStore) {
  Writer writer;
  const LogBatch first = writer.seal(three_drafts()).first;
  const LogBatch second = writer.seal(three_drafts()).first;
  LogChain chain;
  EXPECT_FALSE(chain.follow(second, kStore));
  EXPECT_FALSE(chain.follow(first, kOtherStore));
  ASSERT_TRUE(chain.follow(first, kStore));
  EXPECT_FALSE(chain.follow(first, kStore));
  EXPECT_TRUE(chain.follow(second, kStore));
}

TEST(LogChain, NoticesEveryFlippedBitOfABatch) {
  Writer writer;
  const std::string before = writer.seal(three_drafts()).second;
  const std::string bytes = writer.seal(three_drafts()).second;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    const auto decoded = decode_batch(changed);
    if (!decoded) continue;
    LogChain chain;
    ASSERT_TRUE(chain.follow(*decode_batch(before), kStore));
    ASSERT_FALSE(chain.follow(*decoded, kStore)) << "byte " << bit / 8 << ", bit " << bit % 8;
  }
}

// Somebody who knows the format makes the CRC fit: then the chains must notice, in every field.
TEST(LogChain, NoticesEveryFlippedBitAlsoWhenTheCrcIsMadeToFit) {
  Writer writer;
  const std::string before = writer.seal(three_drafts()).second;
  const std::string bytes = writer.seal(three_drafts()).second;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    if (bit / 8 >= 12 && bit / 8 < 16) continue;  // the CRC itself
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    store_integer(changed.data() + 12, std::uint32_t{0});
    store_integer(changed.data() + 12, crc32c(changed));
    const auto decoded = decode_batch(changed);
    if (!decoded) continue;
    LogChain chain;
    ASSERT_TRUE(chain.follow(*decode_batch(before), kStore));
    ASSERT_FALSE(chain.follow(*decoded, kStore)) << "byte " << bit / 8 << ", bit " << bit % 8;
  }
}

TEST(LogChain, TheContentDigestIsSaltedSoThatAGuessedPayloadCannotBeConfirmed) {
  LogChain one;
  LogChain two;
  LogBatch first = RecordStamper(kStore, one).stamp({draft("acme", "{}")}, kNoonUs, std::string(16, 'a'));
  LogBatch second = RecordStamper(kStore, two).stamp({draft("acme", "{}")}, kNoonUs, std::string(16, 'b'));
  std::string ignored;
  one.seal(first, ignored);
  two.seal(second, ignored);
  EXPECT_EQ(first.records[0].content_digest, sha256(std::string(16, 'a') + "{}"));
  EXPECT_NE(first.records[0].content_digest, second.records[0].content_digest);
  EXPECT_NE(first.records[0].content_digest, sha256("{}"));
  EXPECT_NE(first.records[0].chain, second.records[0].chain);
}

TEST(LogChain, IsPerTenantAndPartitionWhateverLiesBetween) {
  const auto chain_hash = [](const LogRecord& record, const Digest& previous) {
    std::string header;
    for (const std::uint16_t value : {record.format, record.flags, record.type, record.type_version, record.partition,
                                      static_cast<std::uint16_t>(record.tenant.size())}) {
      append_integer(header, value);
    }
    append_integer(header, record.attempt);
    for (const std::uint64_t value : {record.partition_epoch, record.position, record.tenant_seq}) {
      append_integer(header, value);
    }
    append_integer(header, record.time_us);
    append_integer(header, record.key_id);
    header.append(record.store.view()).append(record.execution.view()).append(record.tenant);
    return sha256(std::string(previous.view()) + header + std::string(record.content_digest.view()));
  };
  Writer writer;
  const LogBatch one = writer.seal({draft("acme", "1"), draft("beta", "2"), draft("acme", "3", 5)}).first;
  const LogBatch two = writer.seal({draft("beta", "4"), draft("acme", "5"), draft("acme", "6", 5)}).first;
  for (const LogRecord& record : one.records) EXPECT_EQ(record.chain, chain_hash(record, Digest{}));
  EXPECT_EQ(two.records[0].chain, chain_hash(two.records[0], one.records[1].chain));
  EXPECT_EQ(two.records[1].chain, chain_hash(two.records[1], one.records[0].chain));
  EXPECT_EQ(two.records[2].chain, chain_hash(two.records[2], one.records[2].chain));

  std::string place;
  append_integer(place, std::uint64_t{4});
  append_integer(place, std::uint32_t{3});
  std::string linked(one.store_hash.view());
  linked += place;
  for (const LogRecord& record : two.records) linked += record.chain.view();
  EXPECT_EQ(two.store_hash, sha256(linked));
}

TEST(LogRecord, TheCrcCoversTheWholeBatchWithItselfAsZero) {
  Writer writer;
  std::string bytes = writer.seal(three_drafts()).second;
  const auto stored = load_integer<std::uint32_t>(bytes.data() + 12);
  store_integer(bytes.data() + 12, std::uint32_t{0});
  EXPECT_EQ(stored, crc32c(bytes));
  const auto decoded = decode_batch(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, HasSubstr("CRC-32C"));
}

TEST(LogRecord, DecodingTakesExactlyOneBatch) {
  Writer writer;
  const std::string bytes = writer.seal(three_drafts()).second;
  EXPECT_FALSE(decode_batch(bytes + '\0'));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_batch(std::string_view(bytes).substr(0, length))) << length;
  }
}

TEST(LogRecord, ABatchIsViewedAsItIsDecodedAndFollowedAlike) {
  Writer writer;
  BatchView view;  // the same for each, as whoever scans does
  LogChain viewed;
  LogChain decoded;
  for (const auto& drafts :
       {three_drafts(), std::vector{draft(std::string(300, 't'), std::string(5'000, 'p'))}, three_drafts()}) {
    const std::string bytes = writer.seal(drafts).second;
    ASSERT_TRUE(view_batch(bytes, view));
    const LogBatch batch = decode_batch(bytes).value();
    const LogBatch copy = view.copy();
    EXPECT_EQ(copy.records, batch.records);
    EXPECT_EQ(copy.store_hash, batch.store_hash);
    EXPECT_EQ(view.first_position(), batch.first_position());
    EXPECT_EQ(view.last_position(), batch.last_position());
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      EXPECT_EQ(view.records[i].tenant(), batch.records[i].tenant);
      EXPECT_EQ(view.records[i].partition(), batch.records[i].partition);
      EXPECT_EQ(view.records[i].epoch(), batch.records[i].partition_epoch);
      EXPECT_EQ(view.records[i].tenant_seq(), batch.records[i].tenant_seq);
      EXPECT_EQ(view.records[i].time_us(), batch.records[i].time_us);
      EXPECT_EQ(view.records[i].store(), batch.records[i].store.view());
    }
    ASSERT_TRUE(viewed.follow(view, kStore));
    ASSERT_TRUE(decoded.follow(batch, kStore));
    std::string one;
    std::string other;
    viewed.save(one);
    decoded.save(other);
    EXPECT_EQ(one, other);
  }
}

TEST(LogRecord, ARecordFormatOfALaterReleaseIsRefusedByName) {
  Writer writer;
  std::string bytes = writer.seal({draft("acme", "{}")}).second;
  store_integer(bytes.data() + kBatchHeaderBytes + 4, std::uint16_t{2});
  store_integer(bytes.data() + 12, std::uint32_t{0});
  store_integer(bytes.data() + 12, crc32c(bytes));
  const auto decoded = decode_batch(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().reason, "unknown_format");
  EXPECT_THAT(decoded.error().message, HasSubstr("format 2"));
}

TEST(LogRecord, ALengthThatRunsPastTheRecordIsRefused) {
  Writer writer;
  const std::string bytes = writer.seal({draft("acme", "{}")}).second;
  const std::size_t tenant_length_at = kBatchHeaderBytes + 4 + 10;
  const std::size_t payload_length_at = kBatchHeaderBytes + 4 + 88 + 4 + 16;
  ASSERT_EQ(load_integer<std::uint16_t>(bytes.data() + tenant_length_at), 4);
  ASSERT_EQ(load_integer<std::uint32_t>(bytes.data() + payload_length_at), 2U);
  const auto refused = [&](std::size_t at, auto value) {
    std::string changed = bytes;
    store_integer(changed.data() + at, value);
    store_integer(changed.data() + 12, std::uint32_t{0});
    store_integer(changed.data() + 12, crc32c(changed));
    const auto decoded = decode_batch(changed);
    return !decoded && decoded.error().code == ErrorCode::corrupt;
  };
  EXPECT_TRUE(refused(tenant_length_at, std::uint16_t{0xffff}));
  EXPECT_TRUE(refused(tenant_length_at, std::uint16_t{5}));
  EXPECT_TRUE(refused(payload_length_at, std::uint32_t{0xffffffff}));
  EXPECT_TRUE(refused(payload_length_at, std::uint32_t{1}));
  EXPECT_TRUE(refused(kBatchHeaderBytes, std::uint32_t{0xffffffff}));
  EXPECT_TRUE(refused(kBatchHeaderBytes, std::uint32_t{0}));
  EXPECT_TRUE(refused(8, std::uint32_t{0})) << "no records";
  EXPECT_TRUE(refused(8, std::uint32_t{2})) << "more records than there are";
  EXPECT_TRUE(refused(16, std::uint64_t{2})) << "another first position";
}

TEST(PeekBatch, TellsNothingWrittenFromGarbage) {
  const auto code = [](std::string_view bytes) { return peek_batch(bytes).error().code; };
  EXPECT_EQ(code(std::string(kBatchHeaderBytes, '\0')), ErrorCode::not_found);
  EXPECT_EQ(code(std::string(kBatchHeaderBytes - 1, '\0')), ErrorCode::not_found)
      << "a segment may end less than a header behind its last batch";
  EXPECT_EQ(code(std::string(kBatchHeaderBytes, 'x')), ErrorCode::corrupt);
  EXPECT_EQ(code(std::string(kBatchHeaderBytes - 1, '\0') + '\1'), ErrorCode::corrupt);
  Writer writer;
  const std::string bytes = writer.seal(three_drafts()).second;
  EXPECT_EQ(code(std::string_view(bytes).substr(0, kBatchHeaderBytes - 1)), ErrorCode::corrupt);
  std::string short_length = bytes.substr(0, kBatchHeaderBytes);
  store_integer(short_length.data() + 4, std::uint32_t{kBatchHeaderBytes});
  EXPECT_EQ(code(short_length), ErrorCode::corrupt) << "three records do not fit into a header";
}

// A change of these bytes is a change of the format: every log written before must still open. Do not edit them.
constexpr std::string_view kGoldenHex =
    "53594231b601000002000000d8fb042f01000000000000009d0cee0812e4c0be030ffb2df543b794e045b850be32c602"
    "1f176a59349d80bac1000000010001000700010000000400010000000200000000000000010000000000000001000000"
    "0000000000401e18240a06000000000000000000018bcfe5680070008000000000000001018bcfe56800700080000000"
    "000000e161636d65a0a1a2a3a4a5a6a7a8a9aaabacadaeaf110000007b22746f74616c223a2231322e3530227d96a186"
    "45aa7152013394c62d0fc88aa90e9792f01bf394f6281c99b47ab441e7c291f43495a5cebfa7cc900877cd33a4d71215"
    "ef9c6d83e2539f414801cff9b1b500000001000100070001000300070001000000020000000000000002000000000000"
    "00010000000000000001401e18240a06000000000000000000018bcfe5680070008000000000000001018bcfe5680070"
    "0080000000000000e15f73797374656db0b1b2b3b4b5b6b7b8b9babbbcbdbebf020000007b7d8bf213ada5bb659d7f5b"
    "5c1d56ecaeb30132c8d4c001750ac916ca15820c3bacfd7120ea029097dad05fccfd8dfa816023e0d1b7372c497703ba"
    "f91fe790bb12";

TEST(LogRecord, TheBytesOfTheFirstReleaseAreStillWritten) {
  Writer writer;
  auto [batch, bytes] = writer.seal({draft("acme", R"({"total":"12.50"})"), draft("_system", "{}", 3)});
  EXPECT_EQ(to_hex(bytes), kGoldenHex);
}

TEST(LogRecord, TheBytesOfTheFirstReleaseAreStillRead) {
  const auto bytes = from_hex(kGoldenHex);
  ASSERT_TRUE(bytes);
  const auto batch = decode_batch(*bytes);
  ASSERT_TRUE(batch) << batch.error().message;
  LogChain chain;
  EXPECT_TRUE(chain.follow(*batch, kStore));
  Writer writer;
  EXPECT_EQ(batch->records,
            writer.seal({draft("acme", R"({"total":"12.50"})"), draft("_system", "{}", 3)}).first.records);
}

// --- the worked example of docs/formats/write-ahead-log.md
// -------------------------------------------------------------

struct DocumentedField {
  std::size_t offset = 0;
  std::string bytes;
  std::string name;
};

// Lines of "OFFSET HEX NAME...", between ```hex and ```.
std::vector<DocumentedField> documented_fields() {
  std::ifstream in(SYMPHAINY_SOURCE_DIR "/docs/formats/write-ahead-log.md");
  std::vector<DocumentedField> fields;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      if (inside) return fields;
      inside = line == "```hex";
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line);
    DocumentedField field;
    std::string hex;
    words >> field.offset >> hex >> std::ws;
    std::getline(words, field.name);
    const auto bytes = from_hex(hex);
    EXPECT_TRUE(bytes) << line;
    field.bytes = bytes.value_or("");
    fields.push_back(std::move(field));
  }
  ADD_FAILURE() << "the document has no closed ```hex block";
  return fields;
}

template <std::integral T>
std::string little_endian(T value) {
  std::string out;
  append_integer(out, value);
  return out;
}

TEST(WriteAheadLogDocument, ItsWorkedExampleIsABatchAndEveryFieldIsWhereItSays) {
  const std::vector<DocumentedField> fields = documented_fields();
  std::string bytes;
  for (const DocumentedField& field : fields) {
    EXPECT_EQ(field.offset, bytes.size()) << field.name;
    bytes += field.bytes;
  }
  const auto batch = decode_batch(bytes);
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->records.size(), 1U);
  LogChain chain;
  const auto followed = chain.follow(*batch, kStore);
  EXPECT_TRUE(followed) << followed.error().message;

  const LogRecord& record = batch->records.front();
  EXPECT_EQ(record.tenant, "acme");
  EXPECT_EQ(record.payload, R"({"n":1})");
  EXPECT_EQ(record.execution, kExecution);
  EXPECT_EQ(record.time_us, kNoonUs);
  EXPECT_EQ(record.partition_epoch, 2U);
  const std::vector<std::pair<std::string, std::string>> described = {
      {"magic", "SYB1"},
      {"length", little_endian(static_cast<std::uint32_t>(bytes.size()))},
      {"count", little_endian(std::uint32_t{1})},
      {"crc", little_endian(load_integer<std::uint32_t>(bytes.data() + 12))},
      {"first_position", little_endian(std::uint64_t{1})},
      {"store_hash", std::string(batch->store_hash.view())},
      {"record_length", little_endian(static_cast<std::uint32_t>(bytes.size() - kBatchHeaderBytes - 4))},
      {"format", little_endian(record.format)},
      {"flags", little_endian(record.flags)},
      {"type", little_endian(record.type)},
      {"type_version", little_endian(record.type_version)},
      {"partition", little_endian(record.partition)},
      {"tenant_length", little_endian(std::uint16_t{4})},
      {"attempt", little_endian(record.attempt)},
      {"partition_epoch", little_endian(record.partition_epoch)},
      {"position", little_endian(record.position)},
      {"tenant_seq", little_endian(record.tenant_seq)},
      {"time_us", little_endian(record.time_us)},
      {"key_id", little_endian(record.key_id)},
      {"store", std::string(record.store.view())},
      {"execution", std::string(record.execution.view())},
      {"tenant", record.tenant},
      {"salt", std::string(record.salt.data(), record.salt.size())},
      {"payload_length", little_endian(static_cast<std::uint32_t>(record.payload.size()))},
      {"payload", record.payload},
      {"content_digest", std::string(record.content_digest.view())},
      {"chain", std::string(record.chain.view())},
  };
  ASSERT_EQ(fields.size(), described.size());
  for (std::size_t i = 0; i < described.size(); ++i) {
    EXPECT_EQ(fields[i].name.substr(0, fields[i].name.find(' ')), described[i].first);
    EXPECT_EQ(to_hex(fields[i].bytes), to_hex(described[i].second)) << described[i].first;
  }
}

}  // namespace
}  // namespace symphainy::base
