// SPDX-License-Identifier: Apache-2.0
// The strict parser. Two readers that disagree about a document are how signatures, digests and policies are bypassed,
// so everything that readers are known to disagree about is refused, each with the offset of the byte that is to blame.
// Time is linear in the text, also for objects with very many keys; recursion is bounded by the depth limit.
#include <algorithm>
#include <bit>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "symphainy/error.h"
#include "symphainy/json.h"

#include "base/json_native.h"

namespace symphainy {

namespace json = boost::json;

namespace {

// No caller's limit goes beyond these: values are copied and destroyed recursively, and Boost.JSON's strings end at 2
// GiB.
constexpr std::size_t kDepthCeiling = 4096;
constexpr std::size_t kBytesCeiling = 1024UL * 1024 * 1024;
// Most objects of intents and events have no more; growing from one by halves would move them five times.
constexpr std::size_t kFirstMembers = 6;
constexpr std::size_t kFirstItems = 4;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_continuation(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Length of the well-formed UTF-8 sequence at `at` (RFC 3629, table 3-7 of Unicode), 0 when there is none.
std::size_t utf8_length(const char* at, const char* end) noexcept {
  const auto lead = static_cast<unsigned char>(*at);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (length == 1) return 1;
  if (lead < 0xC2 || lead > 0xF4 || static_cast<std::size_t>(end - at) < length) return 0;
  const auto second = static_cast<unsigned char>(at[1]);
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (second < low || second > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (!is_continuation(at[i])) return 0;
  return length;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

// The first byte from `at` that is not plain ASCII text, eight at a time: a control, a quote, a backslash or beyond
// ASCII.
const char* find_special(const char* at, const char* end) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  for (; end - at >= 8; at += 8) {
    std::uint64_t bytes;
    std::memcpy(&bytes, at, 8);
    const std::uint64_t found =
        ((bytes - kOnes * 0x20) | ((bytes ^ (kOnes * '"')) - kOnes) | ((bytes ^ (kOnes * '\\')) - kOnes) | bytes) &
        (kOnes * 0x80);
    if (found != 0) return at + std::countr_zero(found) / 8;
  }
  const auto is_plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
  };
  while (at != end && is_plain(*at)) ++at;
  return at;
}

// True when a number that is out of a double's range is too large rather than too small.
bool is_overflow(std::string_view number) noexcept {
  const std::size_t mark = std::min(number.find_first_of("eE"), number.size());
  if (mark == number.size()) return true;
  std::string_view exponent = number.substr(mark + 1);
  const bool negative = exponent.starts_with('-');
  if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
  std::int64_t power = 0;
  for (const char c : exponent) power = std::min<std::int64_t>(power * 10 + (c - '0'), 1L << 40);
  if (negative) power = -power;
  std::string_view digits = number.substr(0, mark);
  if (digits.starts_with('-')) digits.remove_prefix(1);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const std::size_t first = std::min(digits.find_first_not_of("0."), digits.size());
  return power + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) > 0;
}

// Every parse_ function returns false after having noted what is wrong, and where.
class Parser {
 public:
  Parser(std::string_view text, std::size_t max_depth) noexcept
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), max_depth_(max_depth) {}

  bool parse_document(json::value& out) {
    if (end_ - at_ >= 3 && std::memcmp(at_, "\xEF\xBB\xBF", 3) == 0) return refuse("a byte order mark", at_);
    skip_space();
    if (!parse_value(out, 0)) return false;
    skip_space();
    return at_ == end_ || refuse("data after the end of the value", at_);
  }

  [[nodiscard]] std::string_view problem() const noexcept { return problem_; }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  bool parse_value(json::value& out, std::size_t depth) {
    if (at_ == end_) return refuse_here();
    switch (*at_) {
      case '{':
        return parse_object(out, depth + 1);
      case '[':
        return parse_array(out, depth + 1);
      case '"': {
        std::string_view text;
        if (!parse_string(text)) return false;
        out.emplace_string().assign(text);
        return true;
      }
      case 't':
        return parse_word("true") && (out = true, true);
      case 'f':
        return parse_word("false") && (out = false, true);
      case 'n':
        return parse_word("null") && (out = nullptr, true);
      default:
        return parse_number(out);
    }
  }

  bool parse_object(json::value& out, std::size_t depth) {
    if (depth > max_depth_) return refuse("nesting beyond the depth limit", at_);
    ++at_;
    json::object& object = out.emplace_object();
    skip_space();
    if (take('}')) return true;
    object.reserve(kFirstMembers);
    while (true) {
      const char* key_at = at_;
      if (at_ == end_ || *at_ != '"') return refuse_here("a member name must be a string");
      std::string_view key;
      if (!parse_string(key)) return false;
      const auto [member, is_new] = object.emplace(key, nullptr);
      if (!is_new) return refuse("a duplicate key", key_at);
      skip_space();
      if (!take(':')) return refuse_here("expected ':'");
      skip_space();
      if (!parse_value(member->value(), depth)) return false;
      skip_space();
      if (take('}')) return true;
      if (!take(',')) return refuse_here("expected ',' or '}'");
      skip_space();
    }
  }

  bool parse_array(json::value& out, std::size_t depth) {
    if (depth > max_depth_) return refuse("nesting beyond the depth limit", at_);
    ++at_;
    json::array& array = out.emplace_array();
    skip_space();
    if (take(']')) return true;
    array.reserve(kFirstItems);
    while (true) {
      if (!parse_value(array.emplace_back(nullptr), depth)) return false;
      skip_space();
      if (take(']')) return true;
      if (!take(',')) return refuse_here("expected ',' or ']'");
      skip_space();
    }
  }

  bool parse_word(std::string_view word) {
    for (const char c : word)
      if (!take(c)) return refuse_here();
    return true;
  }

  // The text is a view of the input when it holds no escapes, else of a buffer that the next string overwrites.
  bool parse_string(std::string_view& text) {
    const char* from = ++at_;
    bool buffered = false;
    while (true) {
      at_ = find_special(at_, end_);
      if (at_ == end_) return refuse("a string that does not end", at_);
      if (*at_ == '"') break;
      if (*at_ == '\\') {
        if (!buffered) buffer_.clear();
        buffered = true;
        buffer_.append(from, at_);
        if (!parse_escape()) return false;
        from = at_;
      } else if (static_cast<unsigned char>(*at_) < 0x20) {
        return refuse("a control character in a string", at_);
      } else {
        const std::size_t length = utf8_length(at_, end_);
        if (length == 0) return refuse("invalid UTF-8", at_);
        at_ += length;
      }
    }
    if (buffered) {
      buffer_.append(from, at_);
      text = buffer_;
    } else {
      text = {from, static_cast<std::size_t>(at_ - from)};
    }
    ++at_;
    return true;
  }

  bool parse_escape() {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    const char* escape_at = at_++;
    if (at_ == end_) return refuse("a string that does not end", at_);
    if (*at_ == 'u') return parse_unicode_escape(escape_at);
    const std::size_t name = kNames.find(*at_);
    if (name == std::string_view::npos) return refuse("an unknown escape", escape_at);
    buffer_ += kBytes[name];
    ++at_;
    return true;
  }

  bool parse_unicode_escape(const char* escape_at) {
    std::uint32_t unit = 0;
    if (!parse_hex_unit(unit)) return refuse("a malformed \\u escape", escape_at);
    if (unit >= 0xD800 && unit < 0xE000) {
      std::uint32_t low = 0;
      if (unit >= 0xDC00 || !take('\\') || at_ == end_ || *at_ != 'u' || !parse_hex_unit(low) || low < 0xDC00 ||
          low >= 0xE000)
        return refuse("a lone surrogate", escape_at);
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(buffer_, unit);
    return true;
  }

  bool parse_hex_unit(std::uint32_t& unit) {
    ++at_;  // the 'u'
    if (end_ - at_ < 4) return false;
    const auto [stop, status] = std::from_chars(at_, at_ + 4, unit, 16);
    if (status != std::errc{} || stop != at_ + 4) return false;
    at_ += 4;
    return true;
  }

  bool parse_number(json::value& out) {
    const char* number_at = at_;
    take('-');
    if (at_ == end_ || !is_digit(*at_)) return refuse_here();
    if (!take('0')) skip_digits();
    if (at_ != end_ && is_digit(*at_)) return refuse("a number with a leading zero", number_at);
    bool is_integer = true;
    if (take('.')) {
      is_integer = false;
      if (!skip_digits()) return refuse_here("a digit must follow the decimal point");
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      is_integer = false;
      if (!take('+')) take('-');
      if (!skip_digits()) return refuse_here("a digit must follow the exponent mark");
    }
    return is_integer ? make_integer(out, number_at) : make_double(out, number_at);
  }

  bool make_integer(json::value& out, const char* number_at) {
    std::int64_t number = 0;
    if (std::from_chars(number_at, at_, number).ec == std::errc{}) {
      out = number;
      return true;
    }
    std::uint64_t large = 0;
    if (*number_at != '-' && std::from_chars(number_at, at_, large).ec == std::errc{}) {
      out = large;
      return true;
    }
    return refuse("an integer beyond 64 bits", number_at);
  }

  // From the text and correctly rounded: Boost.JSON 1.81 itself is off by a unit in the last place.
  bool make_double(json::value& out, const char* number_at) {
    double number = 0;
    if (std::from_chars(number_at, at_, number).ec != std::errc{}) {
      if (is_overflow({number_at, static_cast<std::size_t>(at_ - number_at)}))
        return refuse("a number too large for a double", number_at);
      number = 0;
    }
    out = number;
    return true;
  }

  bool skip_digits() noexcept {
    const char* from = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != from;
  }

  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
  }

  bool take(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  bool refuse(std::string_view problem, const char* where) noexcept {
    problem_ = problem;
    offset_ = static_cast<std::size_t>(where - begin_);
    return false;
  }

  bool refuse_here(std::string_view problem = "an unexpected character") noexcept {
    return refuse(at_ == end_ ? "the text ends too early" : problem, at_);
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t max_depth_;
  std::string buffer_;
  std::string_view problem_;
  std::size_t offset_ = 0;
};

std::unexpected<Error> malformed(std::string_view problem, std::size_t offset) {
  return fail(ErrorCode::invalid_argument,
              "malformed JSON at byte " + std::to_string(offset) + ": " + std::string(problem), "malformed_json",
              Json::object({{"offset", offset}}));
}

}  // namespace

std::expected<Json, Error> Json::parse(std::string_view text, const JsonLimits& limits) {
  const std::size_t max_bytes = std::min(limits.max_bytes, kBytesCeiling);
  if (text.size() > max_bytes) return malformed("the text is longer than the limit", max_bytes);
  Parser parser(text, std::min(limits.max_depth, kDepthCeiling));
  Json result;
  if (!parser.parse_document(base::native(result))) return malformed(parser.problem(), parser.offset());
  return result;
}

}  // namespace symphainy
