// SPDX-License-Identifier: Apache-2.0
#include "raw_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/try.h"
#include "public_works/abstractions/posix_error.h"

namespace symphainy::bench {
namespace {

constexpr std::size_t kHashesPerRecord = 2;

}  // namespace

Result<RawFile> RawFile::open(const std::string& path, Blocks blocks) {
  static_cast<void>(::unlink(path.c_str()));
  RawFile file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.descriptor_ < 0) return std::unexpected(public_works::posix_error(errno, "open", path));
  if (blocks == Blocks::written) {
    const std::string zeros(kRawFileBytes, '\0');
    TRY(file.write(0, zeros));
  } else if (const int error = ::posix_fallocate(file.descriptor_, 0, kRawFileBytes); error != 0) {
    return std::unexpected(public_works::posix_error(error, "allocate", path));
  }
  TRY(file.sync());
  return file;
}

RawFile::RawFile(RawFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), offset_(other.offset_) {}

RawFile::~RawFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> RawFile::write(std::uint64_t offset, std::string_view bytes) {
  const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (written == static_cast<ssize_t>(bytes.size())) return {};
  return std::unexpected(public_works::posix_error(errno, "write", "the limit's file"));
}

Result<void> RawFile::append(std::string_view bytes) {
  if (offset_ + bytes.size() > kRawFileBytes) offset_ = 0;
  TRY(write(offset_, bytes));
  offset_ += bytes.size();
  return {};
}

Result<void> RawFile::sync() {
  if (::fdatasync(descriptor_) == 0) return {};
  return std::unexpected(public_works::posix_error(errno, "sync", "the limit's file"));
}

void hash_like_the_log(std::string_view bytes, std::size_t records) {
  const std::size_t piece = std::max<std::size_t>(bytes.size() / std::max<std::size_t>(records, 1), 64);
  for (std::size_t hash = 0; hash < kHashesPerRecord; ++hash) {
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      (void)base::sha256(bytes.substr(at, piece / kHashesPerRecord));
  }
  (void)base::crc32c(bytes);
}

Result<double> median_sync_us(RawFile& file) {
  using SteadyClock = std::chrono::steady_clock;
  std::vector<double> samples;
  const std::string block(4096, 'b');
  for (std::size_t i = 0; i < 200; ++i) {
    TRY(file.write(i * block.size(), block));
    const auto start = SteadyClock::now();
    TRY(file.sync());
    samples.push_back(std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
  }
  std::ranges::nth_element(samples, samples.begin() + 100);
  return samples[100];
}

}  // namespace symphainy::bench
