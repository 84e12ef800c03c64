// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <algorithm>
#include <chrono>
#include <openssl/rand.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/try.h"

namespace symphainy::base {
namespace {

constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};

void stamp(Uuid& id, unsigned version) noexcept {
  id.bytes[6] = static_cast<char>((static_cast<unsigned char>(id.bytes[6]) & 0x0FU) | (version << 4U));
  id.bytes[8] = static_cast<char>((static_cast<unsigned char>(id.bytes[8]) & 0x3FU) | 0x80U);
}

}  // namespace

std::string Uuid::text() const {
  std::string out(36, '-');
  std::size_t at = 0;
  for (const char byte : bytes) {
    if (std::ranges::find(kDashes, at) != kDashes.end()) ++at;
    write_hex(byte, &out[at]);
    at += 2;
  }
  return out;
}

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
  if (text.size() != 36) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (char& byte : id.bytes) {
    if (std::ranges::find(kDashes, at) != kDashes.end()) {
      if (text[at] != '-') return std::nullopt;
      ++at;
    }
    const auto value = hex_byte(text.substr(at, 2));
    if (!value) return std::nullopt;
    byte = *value;
    at += 2;
  }
  return id;
}

Uuid Uuid::from_bytes(std::string_view sixteen) noexcept {
  Uuid id;
  std::copy_n(sixteen.begin(), std::min(sixteen.size(), id.bytes.size()), id.bytes.begin());
  return id;
}

Uuid make_uuid_v7(std::int64_t time_us, std::string_view sixteen_random_bytes) noexcept {
  Uuid id = Uuid::from_bytes(sixteen_random_bytes);
  const auto millis = static_cast<std::uint64_t>(time_us / 1000);
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<char>(millis >> (40 - 8 * i));
  stamp(id, 7);
  return id;
}

Uuid fresh_uuid_v7() {
  using namespace std::chrono;
  std::array<char, 16> noise{};
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(noise.data()), static_cast<int>(noise.size())) == 1);
  const auto now = duration_cast<microseconds>(system_clock::now().time_since_epoch());
  return make_uuid_v7(now.count(), {noise.data(), noise.size()});
}

Uuid make_uuid_v8(const Uuid& moment, std::string_view name) noexcept {
  Uuid id = Uuid::from_bytes(sha256(name).view().substr(0, 16));
  std::copy_n(moment.bytes.begin(), 6, id.bytes.begin());
  stamp(id, 8);
  return id;
}

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxNameBytes || text[0] == '.' || text[0] == '_') return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

}  // namespace symphainy::base
