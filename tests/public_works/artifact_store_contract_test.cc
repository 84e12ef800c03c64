// SPDX-License-Identifier: Apache-2.0
// What every ArtifactStore does: content comes back under its digest, once, whole.
// contract: artifact_store adapters: filesystem, memory
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <thread>

#include "public_works/adapters/filesystem/filesystem_artifact_store.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "temporary_directory.h"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

StoredArtifact store_content(ArtifactStore& store, std::string_view content) {
  auto writer = store.create();
  EXPECT_TRUE(writer) << writer.error().message;
  EXPECT_TRUE((*writer)->write(content));
  const auto stored = (*writer)->commit();
  EXPECT_TRUE(stored) << stored.error().message;
  return *stored;
}

std::string content_of(ArtifactStore& store, const base::Digest& digest) {
  const auto reader = store.open(digest);
  EXPECT_TRUE(reader) << reader.error().message;
  std::string out;
  EXPECT_TRUE((*reader)->read_at(0, (*reader)->size() + 1, out));
  return out;
}

class ArtifactStoreContract : public ::testing::TestWithParam<const char*> {
 protected:
  ArtifactStoreContract() {
    const std::string_view adapter = GetParam();
    if (adapter == "memory") {
      store_ = std::make_unique<MemoryArtifactStore>();
      return;
    }
    if (adapter == "filesystem_on_posix") files_ = std::make_unique<PosixFileSystem>();
    if (adapter == "filesystem_on_memory") files_ = std::make_unique<MemoryFileSystem>();
    auto opened = FilesystemArtifactStore::open(*files_, directory_ / "artifacts", ArtifactAccess::read_write);
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  tests::TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<ArtifactStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, ArtifactStoreContract,
                         ::testing::Values("filesystem_on_posix", "filesystem_on_memory", "memory"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(ArtifactStoreContract, ContentComesBackUnderItsDigest) {
  const StoredArtifact stored = store_content(*store_, "some content");
  EXPECT_EQ(stored.digest, base::sha256("some content"));
  EXPECT_EQ(stored.size, 12U);
  EXPECT_EQ(content_of(*store_, stored.digest), "some content");
}

TEST_P(ArtifactStoreContract, PiecesMakeOneContent) {
  auto writer = store_->create();
  ASSERT_TRUE(writer);
  std::string whole;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::string(static_cast<std::size_t>(i), 'p') + std::to_string(i);
    ASSERT_TRUE((*writer)->write(piece));
    whole += piece;
  }
  const auto stored = (*writer)->commit();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->digest, base::sha256(whole));
  EXPECT_TRUE(content_of(*store_, stored->digest) == whole);
}

TEST_P(ArtifactStoreContract, ReadersReadAnyPart) {
  const auto reader = store_->open(store_content(*store_, "0123456789").digest);
  ASSERT_TRUE(reader);
  EXPECT_EQ((*reader)->size(), 10U);
  std::string out = "left from before";
  EXPECT_TRUE((*reader)->read_at(2, 3, out));
  EXPECT_EQ(out, "234");
  EXPECT_TRUE((*reader)->read_at(8, 100, out));
  EXPECT_EQ(out, "89");
  EXPECT_TRUE((*reader)->read_at(10, 1, out));
  EXPECT_EQ(out, "");
  EXPECT_TRUE((*reader)->read_at(1000, 1, out));
  EXPECT_EQ(out, "");
}

TEST_P(ArtifactStoreContract, EmptyContentIsContentToo) {
  auto writer = store_->create();
  ASSERT_TRUE(writer);
  const auto stored = (*writer)->commit();
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->digest, base::sha256(""));
  EXPECT_EQ(stored->size, 0U);
  EXPECT_EQ(content_of(*store_, stored->digest), "");
}

TEST_P(ArtifactStoreContract, WhatIsNotStoredIsNotFound) {
  EXPECT_EQ(store_->open(base::sha256("never stored")).error().code, ErrorCode::not_found);
}

TEST_P(ArtifactStoreContract, ContentIsNotVisibleBeforeItsCommit) {
  auto writer = store_->create();
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->write("pending"));
  EXPECT_EQ(store_->open(base::sha256("pending")).error().code, ErrorCode::not_found);
  ASSERT_TRUE((*writer)->commit());
  EXPECT_TRUE(store_->open(base::sha256("pending")));
}

TEST_P(ArtifactStoreContract, ADroppedWriterLeavesNothing) {
  {
    auto writer = store_->create();
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->write("dropped"));
  }
  EXPECT_EQ(store_->open(base::sha256("dropped")).error().code, ErrorCode::not_found);
  if (files_) EXPECT_THAT(*files_->list(directory_ / "artifacts/tmp"), IsEmpty());
}

TEST_P(ArtifactStoreContract, EqualContentIsStoredOnce) {
  const StoredArtifact first = store_content(*store_, "twice");
  const auto held = store_->open(first.digest);
  EXPECT_EQ(store_content(*store_, "twice"), first);
  EXPECT_EQ(content_of(*store_, first.digest), "twice");
  if (files_) EXPECT_THAT(*files_->list(directory_ / "artifacts/tmp"), IsEmpty());
}

TEST_P(ArtifactStoreContract, LocationNamesTheDigest) {
  EXPECT_EQ(store_->location(base::sha256("abc")),
            "sha256/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_P(ArtifactStoreContract, WritersOfManyThreadsDoNotMeet) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 20; ++i) {
        store_content(*store_, "of all " + std::to_string(i));
        const std::string own = "of " + std::to_string(t) + " alone " + std::to_string(i);
        EXPECT_EQ(content_of(*store_, store_content(*store_, own).digest), own);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(content_of(*store_, base::sha256("of all 19")), "of all 19");
}

class FilesystemArtifactStoreOnMemory : public ::testing::Test {
 protected:
  std::unique_ptr<FilesystemArtifactStore> open(ArtifactAccess access) {
    auto opened = FilesystemArtifactStore::open(files_, "/artifacts", access);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }

  MemoryFileSystem files_;
};

TEST_F(FilesystemArtifactStoreOnMemory, ContentStandsAtItsLocation) {
  const auto store = open(ArtifactAccess::read_write);
  const StoredArtifact stored = store_content(*store, "abc");
  const auto file = files_.open("/artifacts/" + store->location(stored.digest), OpenMode::read);
  ASSERT_TRUE(file);
  std::string out;
  EXPECT_TRUE((*file)->read_at(0, 10, out));
  EXPECT_EQ(out, "abc");
}

TEST_F(FilesystemArtifactStoreOnMemory, OpeningForWritingRemovesLeftoversAndKeepsContent) {
  const StoredArtifact stored = store_content(*open(ArtifactAccess::read_write), "kept");
  ASSERT_TRUE(files_.open("/artifacts/tmp/1", OpenMode::create_new));
  ASSERT_TRUE(files_.open("/artifacts/tmp/77", OpenMode::create_new));
  EXPECT_TRUE(open(ArtifactAccess::read_only));
  EXPECT_THAT(*files_.list("/artifacts/tmp"), ElementsAre("1", "77"));
  const auto store = open(ArtifactAccess::read_write);
  EXPECT_THAT(*files_.list("/artifacts/tmp"), IsEmpty());
  EXPECT_EQ(content_of(*store, stored.digest), "kept");
}

TEST_F(FilesystemArtifactStoreOnMemory, OpenedForReadingItMakesNothing) {
  const auto store = open(ArtifactAccess::read_only);
  EXPECT_EQ(store->create().error().reason, "read_only");
  EXPECT_EQ(store->open(base::sha256("x")).error().code, ErrorCode::not_found);
  EXPECT_FALSE(*files_.stat("/artifacts"));
}

TEST_F(FilesystemArtifactStoreOnMemory, EqualContentKeepsItsFile) {
  const auto store = open(ArtifactAccess::read_write);
  const std::string path = "/artifacts/" + store->location(store_content(*store, "twice").digest);
  const FileStat before = **files_.stat(path);
  store_content(*store, "twice");
  EXPECT_EQ(**files_.stat(path), before);
}

TEST_F(FilesystemArtifactStoreOnMemory, DamagedContentGivesWayToTheGoodBytes) {
  const auto store = open(ArtifactAccess::read_write);
  const base::Digest digest = store_content(*store, "good bytes").digest;
  for (const std::string_view damage : {"gooD bytes", "good", "", "good bytes and more"}) {
    auto file = files_.open("/artifacts/" + store->location(digest), OpenMode::read_write);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->truncate(0));
    ASSERT_TRUE((*file)->write_at(0, damage));
    EXPECT_EQ(store_content(*store, "good bytes").digest, digest);
    EXPECT_EQ(content_of(*store, digest), "good bytes");
  }
}

}  // namespace
}  // namespace symphainy::public_works
