// SPDX-License-Identifier: Apache-2.0
// The canonical form: RFC 8785, except that every number whose value is a 64-bit integer is written with all its
// digits, and that integral doubles beyond 64 bits and below 1e21 are written in exponent form. RFC 8785 would write
// 2^60 as 1152921504606847000 (another integer) and 1e20 as digits that our strict parser refuses as beyond 64 bits.
// With these two exceptions parse(dump(x)) == x holds for every x, and values are equal exactly when their bytes are.
#include <algorithm>
#include <bit>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/json.h"

#include "base/json_native.h"

namespace symphainy::base {

namespace json = boost::json;

namespace {

template <typename Integer>
void append_integer(std::string& out, Integer number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

bool append_as_integer(std::string& out, double number) {
  if (std::trunc(number) != number) return false;
  if (number >= -9223372036854775808.0 && number < 9223372036854775808.0) {
    append_integer(out, static_cast<std::int64_t>(number));
    return true;
  }
  if (number >= 0 && number < 18446744073709551616.0) {
    append_integer(out, static_cast<std::uint64_t>(number));
    return true;
  }
  return false;
}

// The layout rules of ECMAScript's Number::toString over the shortest digits that read back as the same double.
void append_double(std::string& out, double number) {
  if (append_as_integer(out, number)) return;
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, std::abs(number), std::chars_format::scientific).ptr;
  const char* mark = std::find(static_cast<const char*>(text), end, 'e');
  int exponent = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  std::string digits(1, text[0]);
  if (mark > text + 2) digits.append(static_cast<const char*>(text) + 2, mark);

  if (number < 0) out += '-';
  const int point = exponent + 1;  // digits before the decimal point
  const int count = static_cast<int>(digits.size());
  if (point > 0 && point < count) {
    out.append(digits, 0, static_cast<std::size_t>(point)) += '.';
    out.append(digits, static_cast<std::size_t>(point));
  } else if (point > -6 && point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else {
    out += digits[0];
    if (count > 1) out.append(1, '.').append(digits, 1);
    out.append(exponent < 0 ? "e-" : "e+");
    append_integer(out, std::abs(exponent));
  }
}

// Order of UTF-16 code units, read off UTF-8: only surrogate pairs (lead bytes from F0) sort before U+E000..U+FFFF.
bool utf16_less(std::string_view left, std::string_view right) noexcept {
  const std::size_t common = std::min(left.size(), right.size());
  std::size_t i = 0;
  while (i < common && left[i] == right[i]) ++i;
  if (i == common) return left.size() < right.size();
  const auto a = static_cast<unsigned char>(left[i]);
  const auto b = static_cast<unsigned char>(right[i]);
  if (a >= 0xEE && b >= 0xEE && (a >= 0xF0) != (b >= 0xF0)) return a >= 0xF0;
  return a < b;
}

bool member_less(const json::key_value_pair& left, const json::key_value_pair& right) noexcept {
  return utf16_less(left.key(), right.key());
}

void append_member(std::string& out, const json::key_value_pair& member, char separator) {
  out += separator;
  append_canonical_string(out, member.key());
  out += ':';
  append_canonical(out, member.value());
}

void append_object(std::string& out, const json::object& object) {
  char separator = '{';
  if (std::is_sorted(object.begin(), object.end(), member_less)) {
    for (const auto& member : object) {
      append_member(out, member, separator);
      separator = ',';
    }
  } else {
    std::vector<const json::key_value_pair*> members;
    members.reserve(object.size());
    for (const auto& member : object) members.push_back(&member);
    std::sort(members.begin(), members.end(),
              [](const auto* left, const auto* right) { return member_less(*left, *right); });
    for (const auto* member : members) {
      append_member(out, *member, separator);
      separator = ',';
    }
  }
  out += object.empty() ? "{}" : "}";
}

void append_array(std::string& out, const json::array& array) {
  char separator = '[';
  for (const json::value& item : array) {
    out += separator;
    append_canonical(out, item);
    separator = ',';
  }
  out += array.empty() ? "[]" : "]";
}

void append_escape(std::string& out, char byte) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[(byte >> 4) & 0xF];
      out += kHex[byte & 0xF];
  }
}

// The first byte from `at` that needs an escape, eight at a time: below 0x20, a quote or a backslash.
const char* find_escaped(const char* at, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  for (; end - at >= 8; at += 8) {
    std::uint64_t bytes;
    std::memcpy(&bytes, at, 8);
    const std::uint64_t quote = bytes ^ (kOnes * '"');
    const std::uint64_t backslash = bytes ^ (kOnes * '\\');
    const std::uint64_t found =
        (((bytes - kOnes * 0x20) & ~bytes) | ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash)) & kHighs;
    if (found != 0) return at + std::countr_zero(found) / 8;
  }
  while (at != end && static_cast<unsigned char>(*at) >= 0x20 && *at != '"' && *at != '\\') ++at;
  return at;
}

}  // namespace

void append_canonical_string(std::string& out, std::string_view text) {
  out += '"';
  const char* at = text.data();
  const char* end = at + text.size();
  for (const char* stop = find_escaped(at, end);; stop = find_escaped(at, end)) {
    out.append(at, stop);
    if (stop == end) break;
    append_escape(out, *stop);
    at = stop + 1;
  }
  out += '"';
}

void append_canonical(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      return append_integer(out, value.get_int64());
    case json::kind::uint64:
      return append_integer(out, value.get_uint64());
    case json::kind::double_:
      return append_double(out, value.get_double());
    case json::kind::string:
      return append_canonical_string(out, value.get_string());
    case json::kind::array:
      return append_array(out, value.get_array());
    case json::kind::object:
      return append_object(out, value.get_object());
  }
}

}  // namespace symphainy::base

namespace symphainy {

std::string Json::dump() const {
  std::string out;
  base::append_canonical(out, base::native(*this));
  return out;
}

}  // namespace symphainy
