// SPDX-License-Identifier: Apache-2.0
// Copies of a state.db, each as it was at one position of the log, made beside its owner. While one is made the
// database's own write-ahead log cannot start over; nobody who writes waits. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// Writes the projections at `path` into the file `to`, which is empty or does not exist. Durable once the caller has
/// synced it.
[[nodiscard]] Result<void> copy_state(const std::string& path, const std::string& to);

struct StateCopy {
  std::uint64_t position = 0;  ///< what it is the fold up to
  std::string origin;          ///< the log that it is the fold of
};
/// Reads all of a copy: corrupt when it is damaged; conflict, reason "schema_version", when another release made it.
[[nodiscard]] Result<StateCopy> check_state_copy(const std::string& path);

/// From now on the copy is the fold of another log: one that has the same records up to its position. Durable.
[[nodiscard]] Result<void> change_origin(const std::string& path, const std::string& origin);

struct StreamEnd {
  std::string tenant;
  std::string topic;
  std::uint64_t sequence = 0;
  std::string event_id;
};
/// The last event of each stream that a copy knows.
[[nodiscard]] Result<void> read_stream_ends(const std::string& path,
                                            const std::function<Result<void>(const StreamEnd&)>& visit);
/// The digest, in hexadecimal digits, of each content in the artifact store that a copy's references name.
[[nodiscard]] Result<void> read_artifact_digests(const std::string& path,
                                                 const std::function<Result<void>(std::string_view)>& visit);

}  // namespace symphainy::public_works
