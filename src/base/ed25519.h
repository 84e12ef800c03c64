// SPDX-License-Identifier: Apache-2.0
// Ed25519 signatures (RFC 8032), by OpenSSL.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::base {

/// 32 raw bytes.
using PublicKey = std::array<char, 32>;
/// 64 raw bytes.
using Signature = std::array<char, 64>;

class SigningKey {
 public:
  [[nodiscard]] static SigningKey create();
  /// From PKCS #8 PEM ("PRIVATE KEY"), unencrypted; corrupt when it is no Ed25519 key.
  [[nodiscard]] static Result<SigningKey> from_pem(const std::string& pem);
  ~SigningKey();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;

  [[nodiscard]] std::string to_pem() const;
  [[nodiscard]] PublicKey public_key() const;
  [[nodiscard]] Signature sign(std::string_view message) const;

 private:
  struct State;
  explicit SigningKey(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

[[nodiscard]] bool verify_signature(const PublicKey& key, std::string_view message, const Signature& signature);

}  // namespace symphainy::base
