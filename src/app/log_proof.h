// SPDX-License-Identifier: Apache-2.0
// Proofs about a log: that nothing of it is missing or changed, how far it reached (checkpoints), and that one tenant's
// records are all there (bundles). Reads beside a running owner, without the lock, and changes nothing.
#pragma once

#include <optional>
#include <string>

#include "symphainy/error.h"
#include "symphainy/json.h"

#include "base/ed25519.h"

namespace symphainy::app {

struct VerifyOptions {
  std::optional<std::string> tenant;      ///< tell this one's chain too
  std::optional<std::uint64_t> from;      ///< only the segments from the one that holds this position
  std::optional<std::string> checkpoint;  ///< a checkpoint file's text, to hold the log to
  std::optional<base::PublicKey> signer;  ///< whose checkpoint it must be
  std::optional<std::string> archive;     ///< where its retired beginning is kept: read that too
};

/// Checks every hash and both chains of the log against the durable head:
/// {"intact", "records", "first", "last", "tenants", "head", "torn_tail_bytes", "tenant"?, "archive"?: {"first",
/// "note"?}, "checkpoint"?: {"agrees", "earlier_timeline"?, "reason"?, "note"?}, "note"?, "damage"?: {"segment",
/// "offset", "position", "reason", "in_archive"?}}. "intact" is false too when the log does not agree with the
/// checkpoint; "agrees" is null when its position is in nothing that was read, which contradicts nothing. An error when
/// the log, the checkpoint or the archive cannot be read at all, or when `from` is beyond the checkpoint.
[[nodiscard]] Result<Json> verify_log(const std::string& data_directory, const VerifyOptions& options = {});

/// A signed checkpoint of the log as it is. corrupt when the log is damaged, conflict when it is empty.
[[nodiscard]] Result<std::string> make_checkpoint(const std::string& data_directory, const base::SigningKey& key);

/// Writes the tenant's bundle to a file that does not exist yet ("-": stdout). {"records", "tenant", "position"}.
[[nodiscard]] Result<Json> export_tenant(const std::string& data_directory, const std::string& tenant,
                                         const base::SigningKey& key, const std::string& path);

/// {"kind": "bundle", "intact", "tenant", "records", "position", "public_key", "damage"?: {"line", "reason"}}.
[[nodiscard]] Result<Json> verify_bundle(const std::string& path, const VerifyOptions& options = {});

/// Makes an Ed25519 key: PATH (private, PKCS #8 PEM, mode 0600) and PATH.pub (64 hexadecimal digits). conflict when
/// either exists. The public key's digits.
[[nodiscard]] Result<std::string> create_signing_key(const std::string& path);
[[nodiscard]] Result<base::SigningKey> read_signing_key(const std::string& path);
/// 64 hexadecimal digits, or a file that begins with them.
[[nodiscard]] Result<base::PublicKey> read_public_key(const std::string& digits_or_path);
/// A small text file. invalid_argument, reason "unreadable", when it cannot be read.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);

}  // namespace symphainy::app
