// SPDX-License-Identifier: Apache-2.0
// Signed statements of how far a log reached, and one tenant's records with the proof that they are all of them.
// Formats: docs/formats/write-ahead-log.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

#include "base/digest.h"
#include "base/ed25519.h"
#include "base/ids.h"
#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"

namespace symphainy::runtime {

struct LogCheckpoint {
  base::Uuid store;
  base::Uuid timeline;
  std::uint64_t position = 0;
  base::Digest store_hash;
  base::Digest merkle_root;
  std::uint64_t tenants = 0;  ///< leaves: (tenant, partition)
  std::int64_t created_us = 0;
  base::PublicKey public_key{};
};

/// What a chain that stands at a batch's end says.
[[nodiscard]] LogCheckpoint checkpoint_of(const base::LogChain& chain, const public_works::LogIdentity& log,
                                          std::int64_t created_us);
/// The checkpoint file: one line of canonical JSON.
[[nodiscard]] std::string sign_checkpoint(LogCheckpoint checkpoint, const base::SigningKey& key);
/// corrupt when it is no checkpoint or its signature does not fit it and its public key. Whether that key is the right
/// one, only the reader knows.
[[nodiscard]] Result<LogCheckpoint> read_checkpoint(std::string_view text);

/// Writes the tenant's records up to the checkpoint, line by line. `chain` stands at the checkpoint's position.
/// not_found when the tenant has no records.
[[nodiscard]] Result<void> write_bundle(const public_works::EventLog& log, const base::LogChain& chain,
                                        const std::string& signed_checkpoint, const std::string& tenant,
                                        const std::function<Result<void>(std::string_view line)>& write);

struct BundleReport {
  std::string tenant;
  std::uint64_t records = 0;
  LogCheckpoint checkpoint;
  std::uint64_t damaged_line = 0;  ///< from 1; 0: intact
  std::string reason;              ///< of the damage
};
/// `next_line` gives the bundle's lines without their ends, then false. An error only when it fails.
[[nodiscard]] Result<BundleReport> check_bundle(const std::function<Result<bool>(std::string& line)>& next_line);

}  // namespace symphainy::runtime
