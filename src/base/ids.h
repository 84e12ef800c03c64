// SPDX-License-Identifier: Apache-2.0
// Identifiers: UUIDs (RFC 9562, versions 7 and 8) and the grammar of names that users choose.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace symphainy::base {

/// 16 bytes in network order; nil (all zero) means "none".
struct Uuid {
  std::array<char, 16> bytes{};

  [[nodiscard]] bool is_nil() const noexcept { return *this == Uuid{}; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes.data(), bytes.size()}; }
  /// 36 characters, lower case.
  [[nodiscard]] std::string text() const;
  /// Takes the 36-character form in either case.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;
  [[nodiscard]] static Uuid from_bytes(std::string_view sixteen) noexcept;

  friend bool operator==(const Uuid&, const Uuid&) = default;
  // By unsigned bytes, as the text and every database order them; char itself is signed.
  friend std::strong_ordering operator<=>(const Uuid& left, const Uuid& right) noexcept {
    return left.view() <=> right.view();
  }
};

struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept { return std::hash<std::string_view>{}(id.view()); }
};

/// Version 7: 48 bits of Unix milliseconds, then 74 of the random bytes given.
[[nodiscard]] Uuid make_uuid_v7(std::int64_t time_us, std::string_view sixteen_random_bytes) noexcept;
/// A version 7 UUID fresh from the system's clock and random source, for callers outside a runtime.
[[nodiscard]] Uuid fresh_uuid_v7();
/// Version 8: the first 48 bits of `moment` (so that indexes stay append-friendly), then bits of SHA-256(name).
[[nodiscard]] Uuid make_uuid_v8(const Uuid& moment, std::string_view name) noexcept;

inline constexpr std::size_t kMaxNameBytes = 128;
/// 1 to 128 bytes of [A-Za-z0-9._-], not beginning with '.' or '_'.
[[nodiscard]] bool is_name(std::string_view text) noexcept;
/// The same rule in words, for error messages.
inline constexpr std::string_view kNameRule = "must be 1 to 128 bytes of A-Z a-z 0-9 . _ - and not begin with . or _";

}  // namespace symphainy::base
