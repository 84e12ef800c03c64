// SPDX-License-Identifier: Apache-2.0
// Decoding by hand rather than with ICU: two small state machines against a dependency of 30 MB.
#include "domains/content/text_encoding.h"

#include <algorithm>
#include <cstring>

namespace symphainy::domains::content {
namespace {

constexpr std::size_t kHeadBytes = 1024;
constexpr char32_t kReplacement = 0xFFFD;

constexpr bool is_high_surrogate(char32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
constexpr bool is_low_surrogate(char32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

struct Lead {
  std::size_t length;  // 0: cannot start a sequence
  unsigned char second_min;
  unsigned char second_max;
};

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

constexpr CodePoint kInvalid{CodePoint::Status::invalid, 0, 1};

}  // namespace

std::string_view to_string(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::ascii:
      return "ascii";
    case Encoding::utf8:
      return "utf-8";
    case Encoding::utf16le:
      return "utf-16le";
    case Encoding::utf16be:
      return "utf-16be";
    case Encoding::latin1:
      return "latin-1";
    case Encoding::binary:
      break;
  }
  return "binary";
}

CodePoint first_code_point(std::string_view bytes) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.length == 0) return kInvalid;
  if (lead.length == 1) return {CodePoint::Status::valid, byte(0), 1};
  char32_t value = byte(0) & (0xFFU >> (lead.length + 1));
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {CodePoint::Status::incomplete, 0, i};
    const unsigned char low = i == 1 ? lead.second_min : 0x80;
    const unsigned char high = i == 1 ? lead.second_max : 0xBF;
    if (byte(i) < low || byte(i) > high) return kInvalid;
    value = (value << 6) | (byte(i) & 0x3FU);
  }
  return {CodePoint::Status::valid, value, lead.length};
}

void append_utf8(std::string& out, char32_t code_point) {
  if ((code_point >= 0xD800 && code_point <= 0xDFFF) || code_point > 0x10FFFF) {
    code_point = kReplacement;
  }
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | (code_point >> 18));
    put(0x80 | ((code_point >> 12) & 0x3F));
    put(0x80 | ((code_point >> 6) & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool is_ascii(std::string_view bytes) noexcept {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    if ((word & kHighBits) != 0) return false;
  }
  return std::ranges::none_of(bytes.substr(at), [](char c) { return (c & '\x80') != 0; });
}

bool is_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const CodePoint next = first_code_point(bytes);
    if (next.status != CodePoint::Status::valid) return false;
    bytes.remove_prefix(next.length);
  }
  return true;
}

char32_t latin1_reading(unsigned char byte) noexcept {
  return byte >= 0x80 && byte < 0xA0 ? kReplacement : byte;
}

std::string to_display_text(std::string_view bytes, std::size_t max_bytes) {
  std::string out;
  while (!bytes.empty() && out.size() < max_bytes) {
    const CodePoint next = first_code_point(bytes);
    const bool valid = next.status == CodePoint::Status::valid;
    // Near the limit, half a character is one that somebody cut, not a Latin-1 letter.
    if (next.status == CodePoint::Status::incomplete && out.size() + 3 >= max_bytes) break;
    append_utf8(out, valid ? next.value : latin1_reading(static_cast<unsigned char>(bytes[0])));
    bytes.remove_prefix(valid ? next.length : 1);
  }
  if (!bytes.empty()) out += "…";
  return out;
}

std::optional<Encoding> detect_utf16(std::string_view first_bytes) noexcept {
  if (first_bytes.starts_with("\xFF\xFE")) return Encoding::utf16le;
  if (first_bytes.starts_with("\xFE\xFF")) return Encoding::utf16be;
  const std::size_t units = first_bytes.size() / 2;
  std::size_t even_zeros = 0;
  std::size_t odd_zeros = 0;
  for (std::size_t i = 0; i < units; ++i) {
    even_zeros += first_bytes[2 * i] == '\0' ? 1 : 0;
    odd_zeros += first_bytes[2 * i + 1] == '\0' ? 1 : 0;
  }
  if (units < 2) return std::nullopt;
  if (even_zeros == 0 && odd_zeros * 10 >= units * 7) return Encoding::utf16le;
  if (odd_zeros == 0 && even_zeros * 10 >= units * 7) return Encoding::utf16be;
  return std::nullopt;
}

std::string_view TextDecoder::feed(std::string_view chunk) {
  out_.clear();
  if (!started_) {
    const std::size_t taken = std::min(chunk.size(), kHeadBytes - head_.size());
    head_.append(chunk.substr(0, taken));
    chunk.remove_prefix(taken);
    if (head_.size() < kHeadBytes) return {};
    started_ = true;
    utf16_ = detect_utf16(head_);
    head_.append(chunk);
    if (!utf16_) {
      out_.swap(head_);
      return out_;
    }
    decode(head_);
    return out_;
  }
  if (!utf16_) return chunk;
  decode(chunk);
  return out_;
}

std::string_view TextDecoder::finish() {
  out_.clear();
  if (!started_) {
    started_ = true;
    utf16_ = detect_utf16(head_);
    if (!utf16_) return head_;
    decode(head_);
  }
  if (odd_byte_ || high_surrogate_ != 0) {
    ++invalid_units_;
    append_utf8(out_, kReplacement);
  }
  return out_;
}

void TextDecoder::decode(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (!odd_byte_) {
      odd_byte_ = byte;
      continue;
    }
    const bool little = *utf16_ == Encoding::utf16le;
    const unsigned high = little ? byte : *odd_byte_;
    const unsigned low = little ? *odd_byte_ : byte;
    odd_byte_.reset();
    take_unit((high << 8) | low);
  }
}

void TextDecoder::take_unit(char32_t unit) {
  if (high_surrogate_ != 0) {
    const char32_t high = high_surrogate_;
    high_surrogate_ = 0;
    if (is_low_surrogate(unit)) {
      append_utf8(out_, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      return;
    }
    ++invalid_units_;
    append_utf8(out_, kReplacement);
  }
  if (is_high_surrogate(unit)) {
    high_surrogate_ = unit;
    return;
  }
  if (is_low_surrogate(unit)) ++invalid_units_;
  append_utf8(out_, unit);
}

}  // namespace symphainy::domains::content
