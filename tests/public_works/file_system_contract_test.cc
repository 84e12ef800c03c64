// SPDX-License-Identifier: Apache-2.0
// What every FileSystem does, whichever holds the bytes.
// contract: file_system adapters: posix, memory
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "temporary_directory.h"

namespace {

thread_local std::vector<std::string> directories_synced;

}  // namespace

// In the place of the C library's, to know what is synced.
extern "C" int fsync(int descriptor) {
  std::error_code ignored;
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  directories_synced.push_back(std::filesystem::read_symlink(link, ignored).string());
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileSystemContract : public ::testing::TestWithParam<const char*> {
 protected:
  FileSystemContract() {
    if (GetParam() == std::string_view("posix")) {
      files_ = std::make_unique<PosixFileSystem>();
      root_ = directory_.path();
    } else {
      files_ = std::make_unique<MemoryFileSystem>();
      root_ = "/data";
      EXPECT_TRUE(files_->create_directories(root_));
    }
  }

  std::string at(const std::string& name) const { return root_ + "/" + name; }

  std::unique_ptr<File> open(const std::string& name, OpenMode mode) {
    auto file = files_->open(at(name), mode);
    EXPECT_TRUE(file) << file.error().message;
    return *std::move(file);
  }

  void write(const std::string& name, std::string_view content) {
    const auto file = open(name, OpenMode::create);
    EXPECT_TRUE(file->truncate(0));
    EXPECT_TRUE(file->write_at(0, content));
    EXPECT_TRUE(file->sync_data());
  }

  static std::string read(const File& file, std::uint64_t offset = 0, std::size_t length = 1 << 20) {
    std::string out = "left from before";
    EXPECT_TRUE(file.read_at(offset, length, out));
    return out;
  }

  std::string read(const std::string& name) { return read(*open(name, OpenMode::read)); }

  FileStat stat(const std::string& name) {
    const auto found = files_->stat(at(name));
    EXPECT_TRUE(found && *found);
    return **found;
  }

  tests::TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_;
  std::string root_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, FileSystemContract, ::testing::Values("posix", "memory"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(FileSystemContract, ReadsBackWhatWasWritten) {
  const auto file = open("a", OpenMode::create_new);
  EXPECT_TRUE(file->write_at(0, "hello world"));
  EXPECT_TRUE(file->sync_data());
  EXPECT_EQ(read(*file), "hello world");
  EXPECT_EQ(read(*file, 6, 3), "wor");
  EXPECT_EQ(read("a"), "hello world");
}

TEST_P(FileSystemContract, ReadsFewerBytesOnlyAtTheEnd) {
  write("a", "12345");
  const auto file = open("a", OpenMode::read);
  EXPECT_EQ(read(*file, 3, 10), "45");
  EXPECT_EQ(read(*file, 5, 10), "");
  EXPECT_EQ(read(*file, 500, 10), "");
  EXPECT_EQ(read(*file, 1, 0), "");
}

TEST_P(FileSystemContract, WritesOverAndBeyondTheEndFillingGapsWithZeros) {
  const auto file = open("a", OpenMode::create);
  EXPECT_TRUE(file->write_at(0, "abcdef"));
  EXPECT_TRUE(file->write_at(4, "XYZ"));
  EXPECT_EQ(read(*file), "abcdXYZ");
  EXPECT_TRUE(file->write_at(9, "!"));
  EXPECT_EQ(read(*file), std::string("abcdXYZ\0\0!", 10));
  EXPECT_TRUE(file->write_at(50, ""));
  EXPECT_EQ(file->stat()->size, 10U);
}

TEST_P(FileSystemContract, KeepsLargeContent) {
  std::string large(3'000'001, 'x');
  large[1'500'000] = 'y';
  write("large", large);
  std::string out;
  EXPECT_TRUE(open("large", OpenMode::read)->read_at(0, large.size() + 10, out));
  EXPECT_TRUE(out == large);
}

TEST_P(FileSystemContract, TruncatesAndExtends) {
  write("a", "abcdef");
  const auto file = open("a", OpenMode::read_write);
  EXPECT_TRUE(file->truncate(2));
  EXPECT_EQ(read(*file), "ab");
  EXPECT_TRUE(file->truncate(4));
  EXPECT_EQ(read(*file), std::string("ab\0\0", 4));
}

TEST_P(FileSystemContract, TakesRoomThatReadsAsZerosAndCutsNothing) {
  write("a", "abcdef");
  const auto file = open("a", OpenMode::read_write);
  EXPECT_TRUE(file->allocate(8));
  EXPECT_EQ(read(*file), std::string("abcdef\0\0", 8));
  EXPECT_TRUE(file->allocate(3));
  EXPECT_EQ(read(*file), std::string("abcdef\0\0", 8));
}

TEST_P(FileSystemContract, ModesSayWhatMustExist) {
  EXPECT_EQ(files_->open(at("a"), OpenMode::read).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->open(at("a"), OpenMode::read_write).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->open(at("no/a"), OpenMode::create).error().code, ErrorCode::not_found);
  write("a", "kept");
  EXPECT_EQ(files_->open(at("a"), OpenMode::create_new).error().code, ErrorCode::already_exists);
  EXPECT_EQ(read(*open("a", OpenMode::create)), "kept");
  EXPECT_EQ(read(*open("a", OpenMode::read_write)), "kept");
}

TEST_P(FileSystemContract, AFileOpenedForReadingCannotBeChanged) {
  write("a", "kept");
  const auto file = open("a", OpenMode::read);
  EXPECT_EQ(file->write_at(0, "x").error().code, ErrorCode::io_error);
  EXPECT_EQ(file->truncate(0).error().code, ErrorCode::io_error);
  EXPECT_EQ(read(*file), "kept");
}

TEST_P(FileSystemContract, ADirectoryIsNotOpenedAsAFile) {
  for (const OpenMode mode : {OpenMode::read, OpenMode::read_write, OpenMode::create}) {
    const auto opened = files_->open(root_, mode);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::io_error);
    EXPECT_EQ(opened.error().reason, "is_directory");
  }
}

TEST_P(FileSystemContract, ErrorsNameThePathAndTheCause) {
  const auto opened = files_->open(at("absent"), OpenMode::read);
  EXPECT_THAT(opened.error().message, HasSubstr(at("absent")));
  EXPECT_THAT(opened.error().message, HasSubstr("No such file or directory"));
}

TEST_P(FileSystemContract, HandlesOfOneFileShareItsContent) {
  const auto writer = open("a", OpenMode::create);
  const auto reader = open("a", OpenMode::read);
  EXPECT_TRUE(writer->write_at(0, "new"));
  EXPECT_EQ(read(*reader), "new");
  EXPECT_EQ(reader->stat()->inode, writer->stat()->inode);
}

TEST_P(FileSystemContract, StatDescribesFilesAndDirectories) {
  write("a", "12345");
  EXPECT_EQ(stat("a").size, 5U);
  EXPECT_TRUE(stat("a").is_regular);
  EXPECT_FALSE(stat("a").is_directory);
  EXPECT_TRUE(stat(".").is_directory);
  EXPECT_FALSE(stat(".").is_regular);
  EXPECT_EQ(*open("a", OpenMode::read)->stat(), stat("a"));
}

TEST_P(FileSystemContract, StatOfWhatIsAbsentIsNothing) {
  write("a", "");
  for (const char* name : {"b", "no/b", "a/b"}) {
    const auto found = files_->stat(at(name));
    ASSERT_TRUE(found) << name;
    EXPECT_FALSE(*found) << name;
  }
}

TEST_P(FileSystemContract, StatTellsAReplacedFileFromTheOldOne) {
  write("a", "12345");
  write("b", "12345");
  const FileStat before = stat("a");
  EXPECT_EQ(stat("a"), before);
  EXPECT_NE(stat("b").inode, before.inode);
  EXPECT_EQ(stat("b").device, before.device);
  EXPECT_TRUE(files_->rename(at("b"), at("a")));
  EXPECT_NE(stat("a"), before);
}

TEST_P(FileSystemContract, RenameReplacesAndOpenHandlesKeepTheOldContent) {
  write("old", "old content");
  write("new", "new content");
  const auto held = open("old", OpenMode::read);
  EXPECT_TRUE(files_->rename(at("new"), at("old")));
  EXPECT_TRUE(files_->sync_directory(root_));
  EXPECT_EQ(read("old"), "new content");
  EXPECT_EQ(read(*held), "old content");
  EXPECT_FALSE(*files_->stat(at("new")));
}

TEST_P(FileSystemContract, RenameMovesDirectoriesWithTheirContent) {
  ASSERT_TRUE(files_->create_directories(at("from/deep")));
  write("from/deep/a", "content");
  EXPECT_TRUE(files_->rename(at("from"), at("to")));
  EXPECT_EQ(read("to/deep/a"), "content");
  EXPECT_FALSE(*files_->stat(at("from")));
}

TEST_P(FileSystemContract, RenameRefusesWhatCannotBe) {
  write("a", "content");
  ASSERT_TRUE(files_->create_directories(at("full/inner")));
  ASSERT_TRUE(files_->create_directories(at("other")));
  EXPECT_EQ(files_->rename(at("absent"), at("b")).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->rename(at("a"), at("no/b")).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->rename(at("a"), at("other")).error().reason, "is_directory");
  EXPECT_EQ(files_->rename(at("other"), at("a")).error().reason, "not_a_directory");
  EXPECT_EQ(files_->rename(at("other"), at("full")).error().reason, "not_empty");
  EXPECT_EQ(files_->rename(at("full"), at("full/inner/x")).error().code, ErrorCode::io_error);
  EXPECT_TRUE(files_->rename(at("a"), at("a")));
  EXPECT_EQ(read("a"), "content");
}

TEST_P(FileSystemContract, RemoveTakesFilesAndEmptyDirectoriesAndForgivesAbsence) {
  write("a", "content");
  const auto held = open("a", OpenMode::read);
  EXPECT_TRUE(files_->remove(at("a")));
  EXPECT_FALSE(*files_->stat(at("a")));
  EXPECT_EQ(read(*held), "content");
  EXPECT_TRUE(files_->remove(at("a")));
  EXPECT_TRUE(files_->remove(at("no/a")));
  ASSERT_TRUE(files_->create_directories(at("d/e")));
  EXPECT_EQ(files_->remove(at("d")).error().reason, "not_empty");
  EXPECT_TRUE(files_->remove(at("d/e")));
  EXPECT_TRUE(files_->remove(at("d")));
  EXPECT_THAT(*files_->list(root_), IsEmpty());
}

TEST_P(FileSystemContract, ARemovedNameCanBeCreatedAnew) {
  write("a", "old");
  const auto held = open("a", OpenMode::read_write);
  EXPECT_TRUE(files_->remove(at("a")));
  write("a", "new");
  EXPECT_TRUE(held->write_at(0, "xxx"));
  EXPECT_EQ(read("a"), "new");
}

TEST_P(FileSystemContract, ListsNamesSorted) {
  write("b", "");
  write("a", "");
  write("Z", "");
  write(".hidden", "");
  ASSERT_TRUE(files_->create_directories(at("c/d")));
  EXPECT_THAT(*files_->list(root_), ElementsAre(".hidden", "Z", "a", "b", "c"));
  EXPECT_EQ(files_->list(at("absent")).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->list(at("a")).error().reason, "not_a_directory");
}

TEST_P(FileSystemContract, CreatesDirectoriesWithTheirParentsAndAcceptsThoseThere) {
  EXPECT_TRUE(files_->create_directories(at("a/b/c")));
  EXPECT_TRUE(files_->create_directories(at("a/b/c")));
  EXPECT_TRUE(files_->create_directories(at("a/b/d/")));
  EXPECT_TRUE(files_->create_directories(at("a//e/./f")));
  EXPECT_THAT(*files_->list(at("a/b")), ElementsAre("c", "d"));
  EXPECT_THAT(*files_->list(at("a/e")), ElementsAre("f"));
  EXPECT_TRUE(files_->create_directories("/"));
}

TEST_P(FileSystemContract, AFileInTheWayOfADirectoryIsAnError) {
  write("a", "");
  EXPECT_EQ(files_->create_directories(at("a")).error().code, ErrorCode::already_exists);
  EXPECT_EQ(files_->create_directories(at("a/b")).error().reason, "not_a_directory");
}

TEST_P(FileSystemContract, SyncsDirectoriesThatExist) {
  EXPECT_TRUE(files_->sync_directory(root_));
  EXPECT_EQ(files_->sync_directory(at("absent")).error().code, ErrorCode::not_found);
  write("a", "");
  EXPECT_FALSE(files_->sync_directory(at("a")));
}

TEST_P(FileSystemContract, CanonicalResolvesDotsAndRefusesWhatIsAbsent) {
  ASSERT_TRUE(files_->create_directories(at("a/b")));
  write("a/f", "");
  EXPECT_EQ(*files_->canonical(at("a/./b/..//f")), at("a/f"));
  EXPECT_EQ(*files_->canonical(at("a/b/../..")), root_);
  EXPECT_EQ(*files_->canonical("/.."), "/");
  EXPECT_EQ(files_->canonical(at("a/absent")).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_->canonical(at("absent/../a")).error().code, ErrorCode::not_found);
}

TEST_P(FileSystemContract, ALockIsHeldByOneUntilItIsDropped) {
  auto held = files_->lock(at("LOCK"));
  ASSERT_TRUE(held) << held.error().message;
  const auto second = files_->lock(at("LOCK"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
  EXPECT_EQ(second.error().reason, "locked");
  EXPECT_TRUE(files_->lock(at("OTHER")));
  held->reset();
  EXPECT_TRUE(files_->lock(at("LOCK")));
}

TEST_P(FileSystemContract, ALockCreatesItsFileAndLeavesContentAlone) {
  EXPECT_TRUE(files_->lock(at("LOCK")));
  EXPECT_TRUE(stat("LOCK").is_regular);
  write("LOCK", "who");
  EXPECT_TRUE(files_->lock(at("LOCK")));
  EXPECT_EQ(read("LOCK"), "who");
}

TEST_P(FileSystemContract, CallsMayComeFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string name = "shared/" + std::to_string(i);
        EXPECT_TRUE(files_->create_directories(at(name)));
        write(name + "/" + std::to_string(t), name);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(*files_->list(at("shared/7")), ElementsAre("0", "1", "2", "3"));
  EXPECT_EQ(read("shared/24/3"), "shared/24");
}

TEST(PosixFileSystem, MakesFilesAndDirectoriesForTheOwnerOnly) {
  const tests::TemporaryDirectory directory;
  PosixFileSystem files;
  ASSERT_TRUE(files.create_directories(directory / "a/b"));
  ASSERT_TRUE(files.open(directory / "a/f", OpenMode::create));
  ASSERT_TRUE(files.lock(directory / "a/l"));
  const auto mode = [&](const std::string& name) {
    struct stat found{};
    EXPECT_EQ(::stat((directory / name).c_str(), &found), 0);
    return found.st_mode & 07777U;
  };
  EXPECT_EQ(mode("a"), 0700U);
  EXPECT_EQ(mode("a/b"), 0700U);
  EXPECT_EQ(mode("a/f"), 0600U);
  EXPECT_EQ(mode("a/l"), 0600U);
}

TEST(PosixFileSystem, SyncsTheNameOfADirectoryWhetherItMadeItOrFoundIt) {
  const tests::TemporaryDirectory directory;
  PosixFileSystem files;
  const auto synced_by = [&](const std::string& path) {
    directories_synced.clear();
    EXPECT_TRUE(files.create_directories(path));
    return std::exchange(directories_synced, {});
  };
  EXPECT_THAT(synced_by(directory / "a/b"), ElementsAre(directory.path(), directory / "a"));
  // As a process leaves it that dies between making and syncing it.
  ASSERT_EQ(::mkdir((directory / "a/left").c_str(), 0700), 0);
  EXPECT_THAT(synced_by(directory / "a/left"), ElementsAre(directory / "a"));
  EXPECT_THAT(synced_by(directory / "a/left/"), ElementsAre(directory / "a"));
}

TEST(PosixFileSystem, FollowsSymbolicLinks) {
  const tests::TemporaryDirectory directory;
  PosixFileSystem files;
  ASSERT_TRUE(files.open(directory / "target", OpenMode::create));
  ASSERT_EQ(::symlink("target", (directory / "link").c_str()), 0);
  ASSERT_EQ(::symlink("nowhere", (directory / "broken").c_str()), 0);
  EXPECT_EQ(*files.canonical(directory / "link"), directory / "target");
  EXPECT_EQ(**files.stat(directory / "link"), **files.stat(directory / "target"));
  EXPECT_FALSE(*files.stat(directory / "broken"));
  EXPECT_EQ(files.canonical(directory / "broken").error().code, ErrorCode::not_found);
}

TEST(PosixFileSystem, RefusesAPipeWithoutWaitingForItsOtherEnd) {
  const tests::TemporaryDirectory directory;
  PosixFileSystem files;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  const auto opened = files.open(directory / "pipe", OpenMode::read);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().reason, "not_a_regular_file");
}

TEST(MemoryFileSystem, RelativePathsStartAtTheRoot) {
  MemoryFileSystem files;
  ASSERT_TRUE(files.create_directories("a/b"));
  EXPECT_EQ(*files.canonical("a/b"), "/a/b");
}

TEST(MemoryFileSystem, FilesAndLocksOutliveIt) {
  auto files = std::make_unique<MemoryFileSystem>();
  auto file = files->open("/a", OpenMode::create);
  const auto lock = files->lock("/l");
  files.reset();
  ASSERT_TRUE(file && lock);
  EXPECT_TRUE((*file)->write_at(0, "still there"));
  EXPECT_EQ((*file)->stat()->size, 11U);
}

}  // namespace
}  // namespace symphainy::public_works
