// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment_preparer.h"

#include <algorithm>

#include "base/try.h"

namespace symphainy::public_works {

SegmentPreparer::SegmentPreparer(FileSystem& files, std::string directory, std::uint64_t bytes)
    : files_(files), path_(std::move(directory) + "/next.prepared"), bytes_(bytes) {}

SegmentPreparer::~SegmentPreparer() {
  if (worker_.joinable()) worker_.join();
}

void SegmentPreparer::start() {
  if (worker_.joinable() || prepared_) return;
  done_ = false;
  worker_ = std::thread([this] {
    prepared_ = prepare();
    done_ = true;
  });
}

std::optional<Error> SegmentPreparer::failure() {
  if (worker_.joinable() && done_) worker_.join();
  if (worker_.joinable()) return std::nullopt;
  if (!prepared_ || *prepared_) return std::nullopt;
  Error error = std::move(prepared_->error());
  prepared_.reset();
  return error;
}

Result<std::unique_ptr<File>> SegmentPreparer::take() {
  start();
  if (worker_.joinable()) worker_.join();
  Result<std::unique_ptr<File>> taken = std::move(*prepared_);
  prepared_.reset();
  return taken;
}

Result<std::unique_ptr<File>> SegmentPreparer::prepare() {
  TRY(files_.remove(path_));
  auto file = write_zeros();
  // What was written of it is needed by those who still can go on.
  if (!file) TRY(files_.remove(path_));
  return file;
}

Result<std::unique_ptr<File>> SegmentPreparer::write_zeros() {
  TRY(auto file, files_.open(path_, OpenMode::create_new));
  const std::string zeros(std::min<std::uint64_t>(bytes_, 1024 * 1024), '\0');
  for (std::uint64_t offset = 0; offset < bytes_; offset += zeros.size()) {
    TRY(file->write_at(offset,
                       std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), bytes_ - offset))));
  }
  TRY(file->sync_data());
  return file;
}

}  // namespace symphainy::public_works
