// SPDX-License-Identifier: Apache-2.0
// The simulated disk loses what disks lose, and nothing else; and the log on it keeps what it acknowledged.
#include "simulation/simulated_file_system.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "base/try.h"
#include "public_works/adapters/filesystem/ndjson_event_publisher.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/log_recorder.h"

namespace symphainy::simulation {
namespace {

using public_works::OpenMode;
using public_works::SegmentLog;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

// A disk of which a test says which operation fails.
struct Disk {
  explicit Disk(std::uint64_t seed)
      : simulator(seed), files(simulator, [this](const DiskOperation& operation) {
          return decide ? decide(operation) : DiskFault::none;
        }) {
    CHECK(files.create_directories("/d"));
  }

  void fail_next(DiskOperation::Kind kind, DiskFault fault) {
    decide = [this, kind, fault](const DiskOperation& operation) {
      const DiskFault answer = operation.kind == kind ? fault : DiskFault::none;
      if (operation.kind == kind) decide = nullptr;  // ends this function's object
      return answer;
    };
  }
  std::unique_ptr<public_works::File> create(const std::string& name) {
    return files.open("/d/" + name, OpenMode::create).value();
  }
  // Nothing when there is no such file.
  std::optional<std::string> content(const std::string& name) {
    const auto file = files.open("/d/" + name, OpenMode::read);
    if (!file) return std::nullopt;
    std::string bytes;
    CHECK((*file)->read_at(0, 1 << 20, bytes));
    return bytes;
  }

  Simulator simulator;
  SimulatedFileSystem::Decide decide;
  SimulatedFileSystem files;
};

// What is found after each of many crashes that went alike but for the seed.
template <typename Crash>
std::set<std::string> outcomes(const Crash& crash) {
  std::set<std::string> found;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Disk disk(seed);
    found.insert(crash(disk));
  }
  return found;
}

TEST(SimulatedFileSystem, AProcessThatDiesLosesNothing) {
  const auto found = outcomes([](Disk& disk) {
    CHECK(disk.create("a")->write_at(0, "unsynced"));
    disk.files.restart(false);
    return disk.content("a").value_or("absent");
  });
  EXPECT_THAT(found, ElementsAre("unsynced"));
}

TEST(SimulatedFileSystem, AMachineThatFailsKeepsWhatWasSyncedUnderANameThatWasSynced) {
  const auto found = outcomes([](Disk& disk) {
    const auto file = disk.create("a");
    CHECK(file->write_at(0, "synced") && file->sync_data() && disk.files.sync_directory("/d"));
    disk.files.restart(true);
    return disk.content("a").value_or("absent");
  });
  EXPECT_THAT(found, ElementsAre("synced"));
}

TEST(SimulatedFileSystem, OfWhatWasNotSyncedAnyPartSurvives) {
  const auto found = outcomes([](Disk& disk) {
    const auto file = disk.create("a");
    CHECK(file->write_at(0, "aaaaaa") && file->sync_data() && disk.files.sync_directory("/d"));
    CHECK(file->write_at(0, "bbbbbb"));
    disk.files.restart(true);
    return disk.content("a").value_or("absent");
  });
  for (const char* expected : {"aaaaaa", "baaaaa", "bbbaaa", "bbbbba", "bbbbbb"})
    EXPECT_THAT(found, Contains(expected));
  EXPECT_THAT(found, Not(Contains("absent")));
}

TEST(SimulatedFileSystem, ANameThatWasNotSyncedMayBeGone) {
  const auto found = outcomes([](Disk& disk) {
    const auto file = disk.create("a");
    CHECK(file->write_at(0, "x") && file->sync_data() && disk.files.rename("/d/a", "/d/b"));
    disk.files.restart(true);
    return std::string(disk.content("a") ? "a" : "") + (disk.content("b") ? "b" : "");
  });
  EXPECT_THAT(found, ElementsAre("", "a", "b"));
}

TEST(SimulatedFileSystem, AfterAFailedSyncOnlyWhatIsWrittenAgainIsSynced) {
  const auto crash = [](bool write_again) {
    return outcomes([&](Disk& disk) {
      const auto file = disk.create("a");
      CHECK(file->write_at(0, "-") && file->sync_data() && disk.files.sync_directory("/d"));
      disk.fail_next(DiskOperation::Kind::sync_data, DiskFault::io_error);
      CHECK(file->write_at(0, "x") && !file->sync_data());
      EXPECT_EQ(disk.content("a"), "x") << "it is still read";
      if (write_again) CHECK(file->write_at(0, "x"));
      CHECK(file->sync_data());
      disk.files.restart(true);
      return disk.content("a").value_or("absent");
    });
  };
  EXPECT_THAT(crash(false), ElementsAre("-", "x"));
  EXPECT_THAT(crash(true), ElementsAre("x"));
}

TEST(SimulatedFileSystem, ADiskThatIsFullTakesAPart) {
  const auto found = outcomes([](Disk& disk) {
    const auto file = disk.create("a");
    disk.fail_next(DiskOperation::Kind::write, DiskFault::no_space);
    const auto written = file->write_at(0, "abc");
    CHECK(!written && written.error().reason == "no_space");
    return disk.content("a").value_or("absent");
  });
  EXPECT_THAT(found, ElementsAre("", "a", "ab", "abc"));
}

TEST(SimulatedFileSystem, WhatWasOpenBeforeARestartIsUselessAfterIt) {
  Disk disk(1);
  const auto file = disk.create("a");
  const auto lock = disk.files.lock("/d/lock").value();
  disk.files.power_off();
  EXPECT_FALSE(file->write_at(0, "x"));
  EXPECT_FALSE(disk.files.open("/d/a", OpenMode::read));
  disk.files.restart(false);
  EXPECT_FALSE(file->write_at(0, "x"));
  EXPECT_TRUE(disk.files.lock("/d/lock")) << "a dead process holds no lock";
}

// --- the log on this disk
// -------------------------------------------------------------------------------------------------

base::RecordDraft draft(std::string payload) {
  return {.tenant = "acme",
          .partition = 0,
          .partition_epoch = 1,
          .type = 7,
          .type_version = 1,
          .flags = 0,
          .execution = {},
          .attempt = 0,
          .payload = std::move(payload)};
}

Result<std::unique_ptr<SegmentLog>> open_log(Disk& disk, public_works::Executor& writer,
                                             public_works::Executor& background, public_works::Random& random,
                                             std::uint64_t segment_bytes) {
  return SegmentLog::open(
      disk.files, disk.simulator.clock(), random,
      {.directory = "/d/wal", .segment_bytes = segment_bytes, .writer = &writer, .background = &background});
}

// Opened, to see whether it can be.
Result<std::unique_ptr<SegmentLog>> open_log(Disk& disk) {
  static public_works::SeededRandom random(4);
  public_works::Executor& executor = disk.simulator.add_executor("opening", 1);
  return open_log(disk, executor, executor, random, 16'384);
}

// A log that appends what it is told to, on a disk.
struct Writer {
  explicit Writer(Disk& its_disk, std::uint64_t segment_bytes = 16'384)
      : disk(its_disk),
        executor(disk.simulator.add_executor("log", 1)),
        background(disk.simulator.add_executor("background", 1)),
        log(open_log(disk, executor, background, random, segment_bytes).value()) {
    log->start(recorder);
  }
  // The position it is acknowledged at; 0: it is not.
  std::uint64_t append(std::size_t bytes) {
    const auto receipt = log->append({draft(std::string(bytes, 'x'))});
    if (!receipt) return 0;
    const bool ended = disk.simulator.run_until(
        [&] { return recorder.stops() > 0 || log->durable_position() >= receipt->last_position; });
    return ended && recorder.stops() == 0 ? receipt->last_position : 0;
  }

  Disk& disk;
  public_works::Executor& executor;
  public_works::Executor& background;
  public_works::SeededRandom random{3};
  public_works::LogRecorder recorder;
  std::unique_ptr<SegmentLog> log;
};

// A failed sync leaves bytes that are read and are not on the disk: the log that goes on behind them must not lose what
// it acknowledges then.
TEST(SegmentLogOnAFailingDisk, WhatIsAcknowledgedAfterAFailedSyncAndARestartSurvivesTheMachine) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    {
      Writer writer(disk);
      ASSERT_EQ(writer.append(100), 1U);
      disk.simulator.run_until_time(disk.simulator.clock().steady_us() + 20'000);  // all is quiet
      disk.fail_next(DiskOperation::Kind::sync_data, DiskFault::io_error);
      ASSERT_EQ(writer.append(100), 0U);
    }
    disk.simulator.drop_all_work();
    disk.files.restart(false);
    std::uint64_t acknowledged = 0;
    {
      Writer writer(disk);
      acknowledged = writer.append(100);
      ASSERT_GT(acknowledged, 0U);
      disk.files.power_off();
    }
    disk.simulator.drop_all_work();
    disk.files.restart(true);
    ASSERT_GE(Writer(disk).log->durable_position(), acknowledged) << "seed " << seed;
  }
}

// The zeros over a torn tail may not reach the disk either: what was torn must not come back behind a log that was
// closed.
TEST(SegmentLogOnAFailingDisk, ATornTailWhoseClearingFailedDoesNotComeBack) {
  int torn = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    {
      Writer writer(disk);
      ASSERT_EQ(writer.append(100), 1U);
      disk.simulator.run_until_time(disk.simulator.clock().steady_us() + 20'000);  // all is quiet
      disk.fail_next(DiskOperation::Kind::sync_data, DiskFault::power_off);
      ASSERT_EQ(writer.append(2'000), 0U);
    }
    disk.simulator.drop_all_work();
    disk.files.restart(true);
    disk.fail_next(DiskOperation::Kind::sync_data, DiskFault::io_error);
    if (const auto cleared = open_log(disk); !cleared) ++torn;
    disk.decide = nullptr;
    disk.simulator.drop_all_work();
    disk.files.restart(false);
    std::uint64_t acknowledged = 0;
    {
      Writer writer(disk);
      acknowledged = writer.append(10);
      ASSERT_GT(acknowledged, 0U);
      ASSERT_TRUE(writer.log->close());
      disk.files.power_off();
    }
    disk.simulator.drop_all_work();
    disk.files.restart(true);
    const auto opened = open_log(disk);
    ASSERT_TRUE(opened) << "seed " << seed << ": " << opened.error().message;
    EXPECT_EQ((*opened)->durable_position(), acknowledged);
  }
  EXPECT_GE(torn, 20) << "too few tails were torn to prove anything";
}

// A process that dies between renaming a segment and syncing the directory leaves a name that only the cache knows.
TEST(SegmentLogOnAFailingDisk, ASegmentWhoseNameWasNotSyncedIsNotLostByThoseWhoGoOnWithIt) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    {
      Writer writer(disk, 12'288 + 400);
      ASSERT_EQ(writer.append(100), 1U);
      ASSERT_EQ(writer.append(100), 2U) << "in a second segment, so that there is a chain file to begin with";
      disk.fail_next(DiskOperation::Kind::sync_directory, DiskFault::power_off);
      ASSERT_EQ(writer.append(100), 0U) << "it needs a third segment";
    }
    disk.simulator.drop_all_work();
    disk.files.restart(false);
    std::uint64_t acknowledged = 0;
    {
      Writer writer(disk, 12'288 + 400);
      acknowledged = writer.append(100);
      ASSERT_GT(acknowledged, 0U);
      disk.files.power_off();
    }
    disk.simulator.drop_all_work();
    disk.files.restart(true);
    ASSERT_GE(Writer(disk).log->durable_position(), acknowledged) << "seed " << seed;
  }
}

// What the sync that failed left is read as the newest head, and only the one before is on the disk: that must not be
// overwritten first.
TEST(SegmentLogOnAFailingDisk, AHeadWhoseSyncFailedIsNotTheOnlyOneWhenTheNextProcessDies) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Disk disk(seed);
    const auto is_of_head = [](const DiskOperation& operation, DiskOperation::Kind kind) {
      return operation.kind == kind && operation.path.ends_with("/head");
    };
    disk.decide = [&](const DiskOperation& operation) {
      return is_of_head(operation, DiskOperation::Kind::sync_data) ? DiskFault::io_error : DiskFault::none;
    };
    ASSERT_FALSE(open_log(disk));
    disk.simulator.drop_all_work();
    disk.files.restart(false);
    std::uint64_t left = 1 + seed % 2;  // writes of the head
    disk.decide = [&](const DiskOperation& operation) {
      const bool dies = is_of_head(operation, DiskOperation::Kind::write) && --left == 0;
      return dies ? DiskFault::power_off : DiskFault::none;
    };
    if (const auto survived = open_log(disk)) disk.files.power_off();
    disk.decide = nullptr;
    disk.simulator.drop_all_work();
    disk.files.restart(true);
    const auto opened = open_log(disk);
    ASSERT_TRUE(opened) << "seed " << seed << ": " << opened.error().message;
  }
}

// --- the publisher on this disk
// --------------------------------------------------------------------------------------------

public_works::OutgoingEvent event(std::uint64_t sequence) {
  const std::string id = fmt::format("event-{}", sequence);
  return {.sequence = sequence,
          .event_id = id,
          .cloud_event =
              fmt::format(R"({{"epoch":"1","id":"{}","sequence":"{}","storeid":"s","timeline":"t"}})", id, sequence)};
}

// The process dies between a sync that failed and taking back what it did not keep: the next one finds the event, and
// must not tell anybody that it is published before it is written again.
TEST(NdjsonOnAFailingDisk, WhatCountsAsPublishedAfterAFailedSyncSurvivesTheMachine) {
  const public_works::StreamName stream{"acme", "orders"};
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Disk disk(seed);
    {
      public_works::NdjsonEventPublisher publisher(disk.files, "/d/events");
      ASSERT_TRUE(publisher.publish(stream, std::vector{event(1)}));
      disk.decide = [](const DiskOperation& operation) {
        if (operation.kind == DiskOperation::Kind::sync_data) return DiskFault::io_error;
        return operation.kind == DiskOperation::Kind::truncate ? DiskFault::power_off : DiskFault::none;
      };
      ASSERT_FALSE(publisher.publish(stream, std::vector{event(2)}));
      disk.decide = nullptr;
    }
    disk.files.restart(false);
    public_works::NdjsonEventPublisher publisher(disk.files, "/d/events");
    const auto mark = publisher.high_water_mark(stream).value();
    ASSERT_EQ(mark->sequence, 2U) << "it is read";
    disk.files.power_off();
    disk.files.restart(true);
    public_works::NdjsonEventPublisher later(disk.files, "/d/events");
    ASSERT_EQ(later.high_water_mark(stream).value()->sequence, 2U) << "seed " << seed;
  }
}

}  // namespace
}  // namespace symphainy::simulation
