// SPDX-License-Identifier: Apache-2.0
// Streams as files that people and tools can follow: ROOT/<tenant>/<topic>.ndjson, one CloudEvent a line. The last line
// is the stream's mark, so file and mark cannot disagree; a line without its end is a crash's and is cut before
// anything else. What counts as published is synced: also what an earlier process wrote and did not live to sync.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

class NdjsonEventPublisher final : public EventPublisher {
 public:
  static constexpr std::size_t kDefaultOpenFiles = 64;

  /// The file system must outlive the publisher. `max_open_files` is at least 1.
  NdjsonEventPublisher(FileSystem& files, std::string root, std::size_t max_open_files = kDefaultOpenFiles);

  [[nodiscard]] Result<std::optional<HighWaterMark>> high_water_mark(const StreamName& stream) override;
  [[nodiscard]] Result<void> publish(const StreamName& stream, std::span<const OutgoingEvent> events) override;

 private:
  struct Stream {
    std::unique_ptr<File> file;
    std::uint64_t size = 0;  // ends with a complete line
    std::optional<HighWaterMark> mark;
    bool directory_synced = false;
    std::uint64_t last_use = 0;
  };

  [[nodiscard]] std::string directory_of(const StreamName& stream) const;
  [[nodiscard]] std::string path_of(const StreamName& stream) const;
  [[nodiscard]] Result<Stream*> touch(const StreamName& name, OpenMode mode);
  [[nodiscard]] Result<Stream> recover(const StreamName& name, std::unique_ptr<File> file);
  [[nodiscard]] Result<void> append(const StreamName& name, Stream& stream, std::string_view lines);
  void make_room();

  FileSystem& files_;
  const std::string root_;
  const std::size_t max_open_files_;
  std::uint64_t uses_ = 0;
  std::map<StreamName, Stream> streams_;
  std::set<StreamName> settled_;  // all that they hold is on the disk: an earlier process left it so, or this one did
};

}  // namespace symphainy::public_works
