// SPDX-License-Identifier: Apache-2.0
// What the profilers need to know about bytes that claim to be text: is it UTF-8, is it UTF-16, and
// how does it become UTF-8 that a JSON document may carry. Whatever the input, the output is valid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace symphainy::domains::content {

enum class Encoding { ascii, utf8, utf16le, utf16be, latin1, binary };

/// "ascii", "utf-8", "utf-16le", "utf-16be", "latin-1", "binary".
[[nodiscard]] std::string_view to_string(Encoding encoding) noexcept;

struct CodePoint {
  enum class Status { valid, invalid, incomplete };
  Status status;
  char32_t value;      ///< meaningful when valid
  std::size_t length;  ///< bytes it takes; 1 when invalid
};

/// The first code point of non-empty `bytes`. Refuses overlong forms, surrogates and values beyond
/// U+10FFFF (Unicode 15, table 3-7). `incomplete`: the bytes end inside a sequence that is right so
/// far.
[[nodiscard]] CodePoint first_code_point(std::string_view bytes) noexcept;

/// Appends a code point; surrogates and values beyond U+10FFFF become U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

[[nodiscard]] bool is_ascii(std::string_view bytes) noexcept;
[[nodiscard]] bool is_utf8(std::string_view bytes) noexcept;

/// How a byte that is no UTF-8 is read: as Latin-1, which is what most such files are; U+FFFD for
/// 0x80..0x9F, which Latin-1 leaves to control characters.
[[nodiscard]] char32_t latin1_reading(unsigned char byte) noexcept;

/// Valid UTF-8 of at most about `max_bytes` bytes (plus "…" when something was cut off).
[[nodiscard]] std::string to_display_text(std::string_view bytes, std::size_t max_bytes);

/// Turns UTF-16 into UTF-8 and passes everything else through. Chunks may end anywhere.
/// Looks at the first 1,024 bytes before it lets any through. A byte order mark comes out as the
/// UTF-8 one. Not synchronized.
class TextDecoder {
 public:
  /// What is decoded so far and not yet returned; valid until the next call, or while `chunk` is.
  [[nodiscard]] std::string_view feed(std::string_view chunk);
  /// The rest. An odd last byte or half a surrogate pair becomes U+FFFD.
  [[nodiscard]] std::string_view finish();

  /// Set once the start was seen: utf16le, utf16be or nothing (any other encoding).
  [[nodiscard]] std::optional<Encoding> utf16() const noexcept { return utf16_; }
  /// UTF-16 units that stood for nothing.
  [[nodiscard]] std::uint64_t invalid_units() const noexcept { return invalid_units_; }

 private:
  void decode(std::string_view bytes);
  void take_unit(char32_t unit);

  bool started_ = false;
  std::string head_;
  std::optional<Encoding> utf16_;
  std::string out_;
  std::optional<unsigned char> odd_byte_;
  char32_t high_surrogate_ = 0;
  std::uint64_t invalid_units_ = 0;
};

/// UTF-16 by its byte order mark; without one, when at least 7 of 10 units have a zero high byte
/// and none a zero low byte (text that is mostly Latin).
[[nodiscard]] std::optional<Encoding> detect_utf16(std::string_view first_bytes) noexcept;

inline constexpr std::string_view kUtf8ByteOrderMark = "\xEF\xBB\xBF";

}  // namespace symphainy::domains::content
