// SPDX-License-Identifier: Apache-2.0
// A JSON value as the runtime sees it: parsed strictly, written canonically, no library type in sight.
//
// Parsing refuses what other parsers let through and differ about: duplicate keys (also when spelt with escapes),
// trailing data, a byte order mark, lone surrogates, invalid UTF-8, NaN and infinities, numbers that overflow a double,
// integers beyond 64 bits, and nesting beyond the limit. Writing is RFC 8785 (sorted members, shortest numbers), except
// that 64-bit integers keep all their digits, and that integral doubles beyond 64 bits and below 1e21 have an exponent,
// because their digits alone would be refused as such an integer. Equal values therefore have equal bytes, and equal
// digests.
//
// A Json is a value: copies are deep. It is not synchronized.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error "Symphainy needs clang 19 or g++ 13: g++ before 13 destroys temporaries in co_await expressions twice."
#endif

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace symphainy {

struct Error;

struct JsonLimits {
  std::size_t max_depth = 512;               ///< nested arrays and objects
  std::size_t max_bytes = 64 * 1024 * 1024;  ///< length of the text
};

class Json {
 public:
  enum class Kind { null, boolean, integer, unsigned_integer, real, string, array, object };
  using Member = std::pair<std::string_view, Json>;

  Json() noexcept;  ///< null
  Json(std::nullptr_t) noexcept : Json() {}
  Json(bool value) noexcept;
  Json(double value) noexcept;  ///< must be finite
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value) noexcept
      : Json(std::is_signed_v<T> ? from_signed(static_cast<std::int64_t>(value))
                                 : from_unsigned(static_cast<std::uint64_t>(value))) {}
  Json(std::string_view value);
  Json(const char* value) : Json(std::string_view(value)) {}
  Json(const std::string& value) : Json(std::string_view(value)) {}
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  [[nodiscard]] static Json object(std::initializer_list<Member> members = {});
  [[nodiscard]] static Json array(std::initializer_list<Json> items = {});

  /// Strict: see the top of this file. The error names the byte offset.
  [[nodiscard]] static std::expected<Json, Error> parse(std::string_view text, const JsonLimits& limits = {});
  /// Canonical bytes: parse(x.dump()).dump() == x.dump().
  [[nodiscard]] std::string dump() const;

  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }
  [[nodiscard]] bool is_object() const noexcept { return kind() == Kind::object; }
  [[nodiscard]] bool is_array() const noexcept { return kind() == Kind::array; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::string; }

  /// The value when it is of that kind (as_int64, as_uint64: when it fits; as_double: any number), else nothing.
  [[nodiscard]] std::optional<bool> as_bool() const noexcept;
  [[nodiscard]] std::optional<std::int64_t> as_int64() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const noexcept;
  [[nodiscard]] std::optional<double> as_double() const noexcept;
  [[nodiscard]] std::optional<std::string_view> as_string() const noexcept;  ///< valid while this value is unchanged

  /// Members of an object or items of an array; 0 for anything else.
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  /// The member, or nullptr when absent or not an object. Valid while this value is unchanged.
  [[nodiscard]] const Json* find(std::string_view key) const noexcept;
  /// The item of an array; requires index < size().
  [[nodiscard]] const Json& at(std::size_t index) const noexcept;
  /// The member, created as null when absent; a null becomes an object, any other kind is a programming error.
  Json& operator[](std::string_view key);
  void erase(std::string_view key);
  /// Appends to an array; a null becomes an array, any other kind is a programming error.
  void push_back(Json item);
  /// Calls visit(key, value) for every member, in insertion order.
  void for_each_member(const std::function<void(std::string_view, const Json&)>& visit) const;

  friend bool operator==(const Json& left, const Json& right) noexcept;

 private:
  static Json from_signed(std::int64_t value) noexcept;
  static Json from_unsigned(std::uint64_t value) noexcept;
  // Room for the library's value (src/base/json_native.h checks the size), so that its type stays out of this header.
  alignas(8) std::byte storage_[24];
};

}  // namespace symphainy

#include "symphainy/error.h"  // IWYU pragma: keep  (parse returns it)
