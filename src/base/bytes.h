// SPDX-License-Identifier: Apache-2.0
// Bytes in memory and in files: little-endian integers, hexadecimal, and a reader that cannot run past its end.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace symphainy::base {

static_assert(std::endian::native == std::endian::little, "stored integers are little-endian; add byte swaps to port");

/// Appends the little-endian bytes of an integer.
template <std::integral T>
void append_integer(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <std::integral T>
T load_integer(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::integral T>
void store_integer(char* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
}

/// Takes values off the front of a byte range; after the first one that does not fit, ok() is false and all are zero.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

  template <std::integral T>
  T integer() noexcept {
    const std::string_view raw = bytes(sizeof(T));
    return raw.empty() ? T{} : load_integer<T>(raw.data());
  }
  std::string_view bytes(std::size_t count) noexcept {
    if (count > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

/// Two lower-case hexadecimal digits.
void write_hex(char byte, char* two_digits) noexcept;
/// The byte of two digits in either case.
[[nodiscard]] std::optional<char> hex_byte(std::string_view two_digits) noexcept;
[[nodiscard]] std::string to_hex(std::string_view bytes);
/// Lower- or upper-case digits, an even number of them; nothing otherwise.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);
[[nodiscard]] std::string to_base64(std::string_view bytes);
/// RFC 4648 with padding; nothing when malformed.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// True when every byte belongs to well-formed UTF-8 (no surrogates, no overlong forms).
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace symphainy::base
