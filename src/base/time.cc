// SPDX-License-Identifier: Apache-2.0
#include "base/time.h"

#include <charconv>
#include <chrono>

namespace symphainy::base {
namespace {

constexpr std::int64_t kMicrosecondsPerSecond = 1'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kSecondsToYear10000 = 253'402'300'800;

void append_padded(std::string& out, std::int64_t value, int width) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (auto missing = width - (end - digits); missing > 0; --missing) out.push_back('0');
  out.append(digits, end);
}

// Takes exactly `width` digits, then the separator (none when '\0').
bool take(std::string_view& text, std::size_t width, char separator, int& value) {
  if (text.size() < width) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + width, value);
  if (error != std::errc{} || end != text.data() + width || text[0] == '-') return false;
  text.remove_prefix(width);
  if (separator == '\0') return true;
  if (text.empty() || text[0] != separator) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<std::int64_t> take_fraction_us(std::string_view& text) {
  if (text.empty() || text[0] != '.') return 0;
  text.remove_prefix(1);
  std::int64_t micros = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits < 6) micros = micros * 10 + (text[digits] - '0');
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  for (std::size_t i = digits; i < 6; ++i) micros *= 10;
  text.remove_prefix(digits);
  return micros;
}

std::optional<std::int64_t> take_zone_seconds(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const std::int64_t sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0;
  int minutes = 0;
  if (!take(text, 2, ':', hours) || !take(text, 2, '\0', minutes) || !text.empty() || hours > 23 || minutes > 59) {
    return std::nullopt;
  }
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::string format_time(std::int64_t time_us) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds{time_us}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const std::int64_t micros = (time - day).count();
  std::string out;
  out.reserve(27);
  append_padded(out, static_cast<int>(date.year()), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  const std::int64_t seconds_of_day = micros / kMicrosecondsPerSecond;
  append_padded(out, seconds_of_day / 3600, 2);
  out.push_back(':');
  append_padded(out, seconds_of_day / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, seconds_of_day % 60, 2);
  out.push_back('.');
  append_padded(out, micros % kMicrosecondsPerSecond, 6);
  out.push_back('Z');
  return out;
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  using namespace std::chrono;
  int y = 0;
  int mo = 0;
  int d = 0;
  int h = 0;
  int mi = 0;
  int s = 0;
  if (!take(text, 4, '-', y) || !take(text, 2, '-', mo) || !take(text, 2, '\0', d)) return std::nullopt;
  if (text.empty() || (text[0] != 'T' && text[0] != 't')) return std::nullopt;
  text.remove_prefix(1);
  if (!take(text, 2, ':', h) || !take(text, 2, ':', mi) || !take(text, 2, '\0', s)) return std::nullopt;
  const auto fraction_us = take_fraction_us(text);
  if (!fraction_us) return std::nullopt;
  const auto zone_seconds = take_zone_seconds(text);
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)}, day{static_cast<unsigned>(d)}};
  if (!zone_seconds || !date.ok() || y < 1970 || h > 23 || mi > 59 || s > 59) return std::nullopt;
  const std::int64_t days_since_epoch = sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = days_since_epoch * kSecondsPerDay + h * 3600 + mi * 60 + s - *zone_seconds;
  // An offset can lead out of the years that format_time writes with four digits.
  if (seconds < 0 || seconds >= kSecondsToYear10000) return std::nullopt;
  return seconds * kMicrosecondsPerSecond + *fraction_us;
}

std::optional<std::int64_t> parse_span(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3'600;
      break;
    case 'd':
      unit = 86'400;
      break;
    default:
      return std::nullopt;
  }
  std::uint32_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stopped, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return unit * 1'000'000 * count;
}

std::int64_t wall_now_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace symphainy::base
