// SPDX-License-Identifier: Apache-2.0
// What every EventPublisher does: streams without gaps or repeats whose last event is the mark, also after a crash.
// contract: event_publisher adapters: ndjson, memory
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <vector>

#include "symphainy/json.h"

#include "base/bytes.h"
#include "public_works/adapters/filesystem/ndjson_event_publisher.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/memory/memory_event_publisher.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "temporary_directory.h"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const StreamName kOrders{.tenant = "acme", .topic = "orders.v1"};

OutgoingEvent event(std::uint64_t sequence, std::uint64_t epoch = 3) {
  const std::string id = "event-" + std::to_string(sequence);
  const Json body = Json::object({{"specversion", "1.0"},
                                  {"id", id},
                                  {"source", "/tenant/acme"},
                                  {"type", "order.placed"},
                                  {"sequence", std::to_string(sequence)},
                                  {"storeid", "store-1"},
                                  {"timeline", "timeline-1"},
                                  {"epoch", epoch},
                                  {"data", Json::object({{"text", "line\nbreak and \"quotes\""}})}});
  return {.sequence = sequence, .event_id = id, .cloud_event = body.dump()};
}

std::vector<OutgoingEvent> events(std::uint64_t from, std::uint64_t to) {
  std::vector<OutgoingEvent> out;
  for (std::uint64_t sequence = from; sequence <= to; ++sequence) out.push_back(event(sequence));
  return out;
}

std::string lines_of(const std::vector<OutgoingEvent>& from) {
  std::string text;
  for (const OutgoingEvent& each : from) text += each.cloud_event + "\n";
  return text;
}

HighWaterMark mark_of(std::uint64_t sequence, std::uint64_t epoch = 3) {
  return {.store_id = "store-1",
          .timeline = "timeline-1",
          .epoch = epoch,
          .sequence = sequence,
          .event_id = "event-" + std::to_string(sequence)};
}

class EventPublisherContract : public ::testing::TestWithParam<const char*> {
 protected:
  EventPublisherContract() {
    if (GetParam() == std::string_view("ndjson")) {
      publisher_ = std::make_unique<NdjsonEventPublisher>(files_, directory_ / "events");
    } else {
      publisher_ = std::make_unique<MemoryEventPublisher>();
    }
  }

  std::optional<HighWaterMark> mark(const StreamName& stream = kOrders) {
    const auto found = publisher_->high_water_mark(stream);
    EXPECT_TRUE(found) << found.error().message;
    return *found;
  }

  tests::TemporaryDirectory directory_;
  PosixFileSystem files_;
  std::unique_ptr<EventPublisher> publisher_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, EventPublisherContract, ::testing::Values("ndjson", "memory"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(EventPublisherContract, AnEmptyStreamHasNoMark) {
  EXPECT_EQ(mark(), std::nullopt);
}

TEST_P(EventPublisherContract, TheLastEventIsTheMark) {
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 5)));
  EXPECT_EQ(mark(), mark_of(5));
  ASSERT_TRUE(publisher_->publish(kOrders, std::vector{event(6, 4)}));
  EXPECT_EQ(mark(), mark_of(6, 4));
}

TEST_P(EventPublisherContract, PublishingNothingChangesNothing) {
  EXPECT_TRUE(publisher_->publish(kOrders, {}));
  EXPECT_EQ(mark(), std::nullopt);
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 2)));
  EXPECT_TRUE(publisher_->publish(kOrders, {}));
  EXPECT_EQ(mark(), mark_of(2));
}

TEST_P(EventPublisherContract, StreamsAreApart) {
  const StreamName other_topic{.tenant = "acme", .topic = "invoices"};
  const StreamName other_tenant{.tenant = "zeta", .topic = kOrders.topic};
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 3)));
  ASSERT_TRUE(publisher_->publish(other_topic, events(1, 1)));
  EXPECT_EQ(mark(other_tenant), std::nullopt);
  ASSERT_TRUE(publisher_->publish(other_tenant, events(1, 2)));
  EXPECT_EQ(mark(), mark_of(3));
  EXPECT_EQ(mark(other_topic), mark_of(1));
  EXPECT_EQ(mark(other_tenant), mark_of(2));
}

TEST_P(EventPublisherContract, AGapIsRefusedAndNothingWritten) {
  const auto at_start = publisher_->publish(kOrders, events(2, 3));
  ASSERT_FALSE(at_start);
  EXPECT_EQ(at_start.error().code, ErrorCode::conflict);
  EXPECT_EQ(at_start.error().reason, "sequence_gap");
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 3)));
  EXPECT_EQ(publisher_->publish(kOrders, events(5, 5)).error().reason, "sequence_gap");
  EXPECT_EQ(publisher_->publish(kOrders, std::vector{event(4), event(6)}).error().reason, "sequence_gap");
  EXPECT_EQ(mark(), mark_of(3));
}

TEST_P(EventPublisherContract, ARepeatedSequenceIsRefusedAndNothingWritten) {
  EXPECT_EQ(publisher_->publish(kOrders, events(0, 0)).error().reason, "sequence_repeated");
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 3)));
  EXPECT_EQ(publisher_->publish(kOrders, events(3, 4)).error().reason, "sequence_repeated");
  EXPECT_EQ(publisher_->publish(kOrders, std::vector{event(4), event(4)}).error().reason, "sequence_repeated");
  EXPECT_EQ(mark(), mark_of(3));
}

TEST_P(EventPublisherContract, AnEventThatCouldNotBeItsStreamsMarkIsRefused) {
  std::vector<OutgoingEvent> bad(9, event(1));
  bad[0].event_id = "other";
  bad[1].cloud_event = event(2).cloud_event;
  bad[2].cloud_event = "not json";
  bad[3].cloud_event = "[]";
  bad[4].cloud_event = R"({"id":"event-1","sequence":"1","storeid":"s","timeline":"t"})";
  bad[5].cloud_event = R"({"id":"event-1","sequence":"1","storeid":"","timeline":"t","epoch":1})";
  bad[6].cloud_event = R"({"id":"event-1","sequence":"-1","storeid":"s","timeline":"t","epoch":1})";
  bad[7].cloud_event = R"({"id":"event-1","sequence":1.5,"storeid":"s","timeline":"t","epoch":1})";
  bad[8].cloud_event.insert(1, "\n");
  for (const OutgoingEvent& each : bad) {
    const auto published = publisher_->publish(kOrders, std::vector{each});
    ASSERT_FALSE(published) << each.cloud_event;
    EXPECT_EQ(next_step(published.error().code), NextStep::fix_input) << each.cloud_event;
  }
  EXPECT_EQ(mark(), std::nullopt);
}

TEST_P(EventPublisherContract, SequenceAndEpochMayBeTextOrNumbers) {
  const OutgoingEvent numbers{
      .sequence = 1,
      .event_id = "event-1",
      .cloud_event = R"({"epoch":"3","id":"event-1","sequence":1,"storeid":"store-1","timeline":"timeline-1"})"};
  ASSERT_TRUE(publisher_->publish(kOrders, std::vector{numbers}));
  EXPECT_EQ(mark(), mark_of(1));
}

TEST_P(EventPublisherContract, NamesOutsideTheGrammarAreRefused) {
  for (const char* bad : {"", "..", "a/b", "_system", ".hidden"}) {
    const StreamName tenant{.tenant = bad, .topic = "topic"};
    const StreamName topic{.tenant = "acme", .topic = bad};
    EXPECT_EQ(publisher_->publish(tenant, events(1, 1)).error().code, ErrorCode::invalid_argument) << bad;
    EXPECT_EQ(publisher_->high_water_mark(topic).error().code, ErrorCode::invalid_argument) << bad;
  }
}

TEST_P(EventPublisherContract, ManyEventsAtOnceKeepTheirOrder) {
  ASSERT_TRUE(publisher_->publish(kOrders, events(1, 5000)));
  EXPECT_EQ(mark(), mark_of(5000));
  ASSERT_TRUE(publisher_->publish(kOrders, events(5001, 5002)));
  EXPECT_EQ(mark(), mark_of(5002));
}

// Refuses the next sync after it was armed, as a failing disk does. Knows what was synced.
class FailingSyncFileSystem final : public FileSystem {
 public:
  explicit FailingSyncFileSystem(FileSystem& files) : files_(files) {}

  int failing_syncs = 0;
  int opens = 0;
  std::vector<std::string> synced;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::optional<FileStat>> stat(const std::string& path) override { return files_.stat(path); }
  Result<std::string> canonical(const std::string& path) override { return files_.canonical(path); }
  Result<std::vector<std::string>> list(const std::string& path) override { return files_.list(path); }
  Result<void> create_directories(const std::string& path) override { return files_.create_directories(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> sync_directory(const std::string& path) override {
    synced.push_back(path);
    return files_.sync_directory(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return files_.lock(path); }

 private:
  FileSystem& files_;
};

class FailingSyncFile final : public File {
 public:
  FailingSyncFile(FailingSyncFileSystem& files, std::unique_ptr<File> file, std::string path)
      : files_(files), file_(std::move(file)), path_(std::move(path)) {}

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    bytes_read += length;
    return file_->read_at(offset, length, out);
  }
  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    return file_->write_at(offset, bytes);
  }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<void> allocate(std::uint64_t size) override { return file_->allocate(size); }
  Result<FileStat> stat() const override { return file_->stat(); }
  Result<void> sync_data() override {
    if (files_.failing_syncs == 0) {
      files_.synced.push_back(path_);
      return file_->sync_data();
    }
    --files_.failing_syncs;
    return fail(ErrorCode::io_error, "the disk is failing", "sync_failed");
  }

  static inline std::size_t bytes_read = 0;

 private:
  FailingSyncFileSystem& files_;
  std::unique_ptr<File> file_;
  std::string path_;
};

Result<std::unique_ptr<File>> FailingSyncFileSystem::open(const std::string& path, OpenMode mode) {
  auto file = files_.open(path, mode);
  if (!file) return file;
  ++opens;
  return std::make_unique<FailingSyncFile>(*this, *std::move(file), path);
}

class NdjsonEventPublisherTest : public ::testing::Test {
 protected:
  static constexpr const char* kPath = "/events/acme/orders.v1.ndjson";

  void put(std::string_view content) {
    ASSERT_TRUE(files_.create_directories("/events/acme"));
    const auto file = files_.open(kPath, OpenMode::create);
    ASSERT_TRUE(file && (*file)->truncate(0) && (*file)->write_at(0, content));
  }

  std::string content() {
    const auto file = files_.open(kPath, OpenMode::read);
    EXPECT_TRUE(file);
    std::string out;
    EXPECT_TRUE((*file)->read_at(0, (*file)->stat()->size, out));
    return out;
  }

  MemoryFileSystem files_;
};

TEST_F(NdjsonEventPublisherTest, WritesOneEventALine) {
  NdjsonEventPublisher publisher(files_, "/events");
  ASSERT_TRUE(publisher.publish(kOrders, events(1, 2)));
  ASSERT_TRUE(publisher.publish(kOrders, events(3, 3)));
  EXPECT_EQ(content(), lines_of(events(1, 3)));
}

TEST_F(NdjsonEventPublisherTest, AskingForAMarkCreatesNothing) {
  NdjsonEventPublisher publisher(files_, "/events");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), std::nullopt);
  EXPECT_FALSE(*files_.stat("/events"));
}

TEST_F(NdjsonEventPublisherTest, ATornLastLineIsCutAtEveryByte) {
  const std::string whole = lines_of(events(1, 3));
  const std::size_t last = lines_of(events(1, 2)).size();
  for (std::size_t end = last; end <= whole.size(); ++end) {
    put(whole.substr(0, end));
    const std::uint64_t expected = end == whole.size() ? 3 : 2;
    NdjsonEventPublisher publisher(files_, "/events");
    EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(expected)) << end;
    EXPECT_EQ(content(), lines_of(events(1, expected))) << end;
    ASSERT_TRUE(publisher.publish(kOrders, events(expected + 1, 4)));
    EXPECT_EQ(content(), lines_of(events(1, 4))) << end;
  }
}

TEST_F(NdjsonEventPublisherTest, ATornFirstLineLeavesAnEmptyStream) {
  const std::string line = lines_of(events(1, 1));
  for (std::size_t end = 0; end < line.size(); ++end) {
    put(line.substr(0, end));
    NdjsonEventPublisher publisher(files_, "/events");
    EXPECT_EQ(*publisher.high_water_mark(kOrders), std::nullopt) << end;
    ASSERT_TRUE(publisher.publish(kOrders, events(1, 1))) << end;
    EXPECT_EQ(content(), line) << end;
  }
}

TEST_F(NdjsonEventPublisherTest, PagesLostInTheMiddleAreCutWithWhatFollowsThem) {
  std::string damaged = lines_of(events(1, 6));
  const std::size_t third = lines_of(events(1, 2)).size();
  damaged.replace(third + 10, 300, std::string(300, '\0'));
  put(damaged);
  NdjsonEventPublisher publisher(files_, "/events");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(2));
  ASSERT_TRUE(publisher.publish(kOrders, events(3, 6)));
  EXPECT_EQ(content(), lines_of(events(1, 6)));
}

TEST_F(NdjsonEventPublisherTest, ALastCompleteLineThatIsNoEventIsCorruption) {
  const std::string good = lines_of(events(1, 2));
  for (const char* bad : {"\n", "{}\n", "{\"id\":1}\n", "not json\n", "{\"id\":\"event-3\"\n"}) {
    put(good + bad);
    NdjsonEventPublisher publisher(files_, "/events");
    const auto mark = publisher.high_water_mark(kOrders);
    ASSERT_FALSE(mark) << bad;
    EXPECT_EQ(mark.error().code, ErrorCode::corrupt) << bad;
    EXPECT_THAT(mark.error().message, HasSubstr(kPath));
    EXPECT_THAT(mark.error().message, HasSubstr("offset " + std::to_string(good.size())));
    EXPECT_EQ(publisher.publish(kOrders, events(3, 3)).error().code, ErrorCode::corrupt) << bad;
    EXPECT_EQ(content(), good + bad) << "corruption is left for a person to look at";
  }
}

TEST_F(NdjsonEventPublisherTest, LinesLongerThanAScanAreFound) {
  OutgoingEvent large = event(2);
  large.cloud_event.insert(large.cloud_event.size() - 1, ",\"zzz\":\"" + std::string(3'000'000, 'z') + "\"");
  const std::vector batch = {event(1), large};
  {
    NdjsonEventPublisher publisher(files_, "/events");
    ASSERT_TRUE(publisher.publish(kOrders, batch));
  }
  NdjsonEventPublisher publisher(files_, "/events");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(2));
  EXPECT_TRUE(content() == lines_of(batch));
}

TEST_F(NdjsonEventPublisherTest, FindsTheLastLineFromTheEnd) {
  FailingSyncFileSystem counting(files_);
  const std::vector<OutgoingEvent> many = events(1, 80'000);
  put(lines_of(many));
  FailingSyncFile::bytes_read = 0;
  NdjsonEventPublisher publisher(counting, "/events");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(80'000));
  EXPECT_LT(FailingSyncFile::bytes_read, content().size() / 4) << "what may not be on the disk is read, and no more";
}

TEST_F(NdjsonEventPublisherTest, WhatAFailedSyncLeftIsTakenBack) {
  FailingSyncFileSystem failing(files_);
  NdjsonEventPublisher publisher(failing, "/events");
  ASSERT_TRUE(publisher.publish(kOrders, events(1, 2)));
  failing.failing_syncs = 1;
  EXPECT_EQ(publisher.publish(kOrders, events(3, 4)).error().reason, "sync_failed");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(2));
  EXPECT_EQ(content(), lines_of(events(1, 2)));
  ASSERT_TRUE(publisher.publish(kOrders, events(3, 4)));
  EXPECT_EQ(content(), lines_of(events(1, 4)));
}

// A process that died between writing and syncing left its lines in the page cache only.
TEST_F(NdjsonEventPublisherTest, WhatAnEarlierProcessLeftIsSyncedBeforeItIsTheMark) {
  put(lines_of(events(1, 2)));
  FailingSyncFileSystem files(files_);
  {
    NdjsonEventPublisher publisher(files, "/events");
    files.failing_syncs = 1;
    EXPECT_FALSE(publisher.high_water_mark(kOrders)) << "what cannot be synced is not known to be published";
  }
  NdjsonEventPublisher publisher(files, "/events");
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(2));
  EXPECT_THAT(files.synced, ElementsAre(kPath, "/events/acme")) << "the name too: it may have been created just then";
  EXPECT_EQ(*publisher.high_water_mark(kOrders), mark_of(2));
  EXPECT_THAT(files.synced, ::testing::SizeIs(2)) << "once";
}

TEST_F(NdjsonEventPublisherTest, MoreStreamsThanOpenFilesKeepTheirPlaces) {
  FailingSyncFileSystem counting(files_);
  NdjsonEventPublisher publisher(counting, "/events", 3);
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (int i = 0; i < 8; ++i) {
      const StreamName stream{.tenant = "acme", .topic = "topic" + std::to_string(i)};
      ASSERT_TRUE(publisher.publish(stream, events(round, round)));
      EXPECT_EQ(*publisher.high_water_mark(stream), mark_of(round));
    }
  }
  EXPECT_EQ(counting.opens, 24) << "once a round and stream, since eight do not fit into three";
  const std::size_t synced = counting.synced.size();
  EXPECT_EQ(*publisher.high_water_mark({.tenant = "acme", .topic = "topic0"}), mark_of(3));
  EXPECT_EQ(counting.synced.size(), synced)
      << "what this process synced is not synced again when it is looked at again";
}

TEST(MemoryEventPublisher, ShowsWhatWasPublished) {
  MemoryEventPublisher publisher;
  EXPECT_THAT(publisher.lines(kOrders), IsEmpty());
  ASSERT_TRUE(publisher.publish(kOrders, events(1, 2)));
  EXPECT_THAT(publisher.lines(kOrders), ElementsAre(event(1).cloud_event, event(2).cloud_event));
  EXPECT_THAT(publisher.streams(), ElementsAre(kOrders));
}

}  // namespace
}  // namespace symphainy::public_works
