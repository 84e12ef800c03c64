// SPDX-License-Identifier: Apache-2.0
// Writes a canonical JSON object front to back without building it first: the runtime's records are written at every
// stage of every execution. Members must be given in canonical (ascending) order; it is not checked here.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "symphainy/json.h"

namespace symphainy::base {

class JsonWriter {
 public:
  /// Appends to `out`, which gets room for a usual record at once: growing step by step took five allocations.
  explicit JsonWriter(std::string& out) : out_(out) {
    if (out.capacity() < kUsualBytes) out.reserve(kUsualBytes);
  }

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& string(std::string_view value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& value(const Json& value);
  /// `canonical` is canonical JSON already.
  JsonWriter& raw(std::string_view canonical);

  JsonWriter& member(std::string_view name, std::string_view value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, const std::string& value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, const char* value) { return key(name).string(value); }
  JsonWriter& member(std::string_view name, const Json& value) { return key(name).value(value); }
  JsonWriter& member(std::string_view name, bool value) { return key(name).raw(value ? "true" : "false"); }
  template <std::unsigned_integral T>
  JsonWriter& member(std::string_view name, T value) {
    return key(name).unsigned_integer(value);
  }
  template <std::signed_integral T>
  JsonWriter& member(std::string_view name, T value) {
    return key(name).integer(value);
  }

 private:
  static constexpr std::size_t kUsualBytes = 240;

  void separate();

  std::string& out_;
  bool first_ = true;
};

}  // namespace symphainy::base
