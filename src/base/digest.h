// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4, by OpenSSL) and CRC-32C (RFC 3720's polynomial, by ISA-L).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace symphainy::base {

/// 32 raw bytes. The all-zero digest stands before the first link of every chain.
struct Digest {
  std::array<char, 32> bytes{};

  [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), bytes.size()}; }
  [[nodiscard]] std::string hex() const;
  friend bool operator==(const Digest&, const Digest&) = default;
};

/// Hashes bytes that arrive in pieces. finish() may be called once; begin() starts over. Not synchronized.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void begin();
  void update(std::string_view bytes);
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Digest sha256(std::string_view bytes);
[[nodiscard]] Digest sha256(std::string_view first, std::string_view second);
/// Of all pieces, one behind the other.
[[nodiscard]] Digest sha256(std::initializer_list<std::string_view> pieces);
/// `previous` is the value for the bytes before these, 0 for none: crc32c(b, crc32c(a)) == crc32c(a + b).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t previous = 0) noexcept;

}  // namespace symphainy::base
