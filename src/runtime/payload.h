// SPDX-License-Identifier: Apache-2.0
// Reads members out of a record's payload. Our own log is trusted to be what it says, not to be complete: a member that
// is missing or of another kind is an error, never a default.
#pragma once

#include <fmt/format.h>
#include <string>

#include "symphainy/json.h"

#include "base/log_record.h"

namespace symphainy::runtime {

class Payload {
 public:
  explicit Payload(const Json& json) : json_(json) {}

  [[nodiscard]] std::string text(std::string_view key) {
    const Json* value = json_.find(key);
    const auto found = value == nullptr ? std::nullopt : value->as_string();
    return found ? std::string(*found) : (miss(key), std::string());
  }
  [[nodiscard]] std::uint64_t number(std::string_view key) {
    const Json* value = json_.find(key);
    const auto found = value == nullptr ? std::nullopt : value->as_uint64();
    return found ? *found : (miss(key), 0);
  }
  [[nodiscard]] bool boolean(std::string_view key) {
    const Json* value = json_.find(key);
    const auto found = value == nullptr ? std::nullopt : value->as_bool();
    return found ? *found : (miss(key), false);
  }
  [[nodiscard]] const Json& object(std::string_view key) { return of_kind(key, Json::Kind::object); }
  [[nodiscard]] const Json& array(std::string_view key) { return of_kind(key, Json::Kind::array); }

  /// The first member that was missing.
  [[nodiscard]] Result<void> complete(const base::LogRecord& record) const {
    if (missing_.empty()) return {};
    return fail(ErrorCode::corrupt, fmt::format("position {}: the payload of a type {} record has no valid member '{}'",
                                                record.position, record.type, missing_));
  }

 private:
  const Json& of_kind(std::string_view key, Json::Kind kind) {
    static const Json none;
    const Json* value = json_.find(key);
    if (value != nullptr && value->kind() == kind) return *value;
    miss(key);
    return none;
  }
  void miss(std::string_view key) {
    if (missing_.empty()) missing_ = key;
  }

  const Json& json_;
  std::string missing_;
};

/// Calls visit(item, ordinal) for every item of an array.
template <typename Visit>
void for_each_item(const Json& array, Visit visit) {
  for (std::size_t i = 0; i < array.size(); ++i) visit(array.at(i), static_cast<std::uint32_t>(i));
}

}  // namespace symphainy::runtime
