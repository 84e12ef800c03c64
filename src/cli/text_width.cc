// SPDX-License-Identifier: Apache-2.0
#include "cli/text_width.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>

namespace symphainy::cli {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// The blocks of Unicode 15 that matter in names and messages, sorted.
constexpr std::array<Range, 17> kZeroWidth{{{0x300, 0x36f},
                                            {0x483, 0x489},
                                            {0x591, 0x5bd},
                                            {0x610, 0x61a},
                                            {0x64b, 0x65f},
                                            {0x6d6, 0x6dc},
                                            {0x900, 0x902},
                                            {0x93c, 0x93c},
                                            {0xe31, 0xe31},
                                            {0xe34, 0xe3a},
                                            {0x1ab0, 0x1aff},
                                            {0x1dc0, 0x1dff},
                                            {0x200b, 0x200f},
                                            {0x20d0, 0x20ff},
                                            {0xfe00, 0xfe0f},
                                            {0xfe20, 0xfe2f},
                                            {0xe0100, 0xe01ef}}};
constexpr std::array<Range, 11> kDoubleWidth{{{0x1100, 0x115f},
                                              {0x2e80, 0x303e},
                                              {0x3041, 0xa4cf},
                                              {0xac00, 0xd7a3},
                                              {0xf900, 0xfaff},
                                              {0xfe30, 0xfe6f},
                                              {0xff00, 0xff60},
                                              {0xffe0, 0xffe6},
                                              {0x1f300, 0x1f64f},
                                              {0x1f680, 0x1faff},
                                              {0x20000, 0x3fffd}}};

template <std::size_t N>
bool contains(const std::array<Range, N>& ranges, char32_t character) noexcept {
  const auto found = std::ranges::lower_bound(ranges, character, {}, &Range::last);
  return found != ranges.end() && found->first <= character;
}

std::size_t width_of(char32_t character) noexcept {
  if (contains(kZeroWidth, character)) return 0;
  return contains(kDoubleWidth, character) ? 2 : 1;
}

struct Decoded {
  char32_t character;
  std::size_t bytes;
  bool valid;
};

/// The first character of a text that is not empty. Of broken UTF-8 it takes one byte.
Decoded decode(std::string_view text) noexcept {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {0xfffd, 1, false};
  char32_t value = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0xfffd, 1, false};
    value = (value << 6) | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {0xfffd, 1, false};
  return {value, length, true};
}

bool is_control(char32_t character) noexcept {
  // C0, DEL, C1, and the marks that turn the direction of text around.
  return character < 0x20 || (character >= 0x7f && character < 0xa0) || (character >= 0x202a && character <= 0x202e) ||
         (character >= 0x2066 && character <= 0x2069);
}

std::string escaped(char32_t character) {
  if (character == '\n') return "\\n";
  if (character == '\t') return "\\t";
  if (character == '\r') return "\\r";
  return character < 0x100 ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(character))
                           : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(character));
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  std::size_t width = 0;
  while (!text.empty()) {
    const Decoded next = decode(text);
    width += width_of(next.character);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (!next.valid)
      out += "\xef\xbf\xbd";
    else if (is_control(next.character))
      out += escaped(next.character);
    else
      out += text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t columns) {
  std::string whole = printable(text);
  if (display_width(whole) <= columns) return whole;
  std::string_view rest = whole;
  std::size_t width = 0;
  while (!rest.empty()) {
    const Decoded next = decode(rest);
    if (width + width_of(next.character) + 1 > columns) break;
    width += width_of(next.character);
    rest.remove_prefix(next.bytes);
  }
  return whole.substr(0, whole.size() - rest.size()) + "…";
}

}  // namespace symphainy::cli
