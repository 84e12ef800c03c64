// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment_preparer.h"

#include <algorithm>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"

namespace symphainy::public_works {

SegmentPreparer::SegmentPreparer(FileSystem& files, std::string directory, std::uint64_t bytes)
    : files_(files), path_(std::move(directory) + "/next.prepared"), bytes_(bytes) {}

void SegmentPreparer::start(Executor& executor, Fill fill, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(!under_way_ && !prepared_);
    under_way_ = true;
  }
  executor_ = &executor;
  executor.post([this, fill, done = std::move(done)] {
    auto prepared = prepare(fill);
    {
      const std::lock_guard lock(mutex_);
      prepared_ = std::move(prepared);
      under_way_ = false;
      changed_.notify_all();
    }
    done();
  });
}

std::optional<Result<std::unique_ptr<File>>> SegmentPreparer::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(prepared_, std::nullopt);
}

void SegmentPreparer::wait_until_idle() {
  if (executor_ == nullptr) return;
  std::unique_lock lock(mutex_);
  wait_for_work(*executor_, lock, changed_, [this] { return !under_way_; });
}

Result<std::unique_ptr<File>> SegmentPreparer::prepare(Fill fill) {
  TRY(files_.remove(path_));
  auto file = create(fill);
  // What was written of it is needed by those who still can go on.
  if (!file) TRY(files_.remove(path_));
  return file;
}

Result<std::unique_ptr<File>> SegmentPreparer::create(Fill fill) {
  TRY(auto file, files_.open(path_, OpenMode::create_new));
  // First, so that a disk without room says so before it is filled up.
  TRY(file->allocate(bytes_));
  const std::string zeros(std::min<std::uint64_t>(bytes_, 1024 * 1024), '\0');
  for (std::uint64_t offset = 0; fill == Fill::zeros && offset < bytes_; offset += zeros.size()) {
    TRY(file->write_at(offset,
                       std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), bytes_ - offset))));
  }
  CRASH_POINT("segment-prepare-before-sync");
  TRY(file->sync_data());
  CRASH_POINT("segment-prepare-after-sync");
  return file;
}

}  // namespace symphainy::public_works
