// SPDX-License-Identifier: Apache-2.0
// Json over Boost.JSON: a Json is exactly the bytes of one boost::json::value, so nothing is wrapped or copied twice.
// Numbers compare by their exact mathematical value, so that equality agrees with the canonical bytes.
#include "symphainy/json.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <new>

#include "base/json_native.h"
#include "base/try.h"

namespace symphainy {

namespace json = boost::json;
using base::as_json;
using base::native;

namespace {

// 2^63 and 2^64: the first doubles beyond the 64-bit integers.
constexpr double kSignedEnd = 9223372036854775808.0;
constexpr double kUnsignedEnd = 18446744073709551616.0;

std::optional<std::int64_t> exact_int64(double number) noexcept {
  if (number < -kSignedEnd || number >= kSignedEnd || std::trunc(number) != number) return {};
  return static_cast<std::int64_t>(number);
}

std::optional<std::uint64_t> exact_uint64(double number) noexcept {
  if (number < 0 || number >= kUnsignedEnd || std::trunc(number) != number) return {};
  return static_cast<std::uint64_t>(number);
}

bool equal_numbers(const json::value& left, const json::value& right) noexcept {
  const Json& a = as_json(left);
  const Json& b = as_json(right);
  if (left.is_double() && right.is_double()) return left.get_double() == right.get_double();
  // At least one is an integer, so equal values are both 64-bit integers.
  if (const auto x = a.as_int64()) return x == b.as_int64();
  if (const auto x = a.as_uint64()) return x == b.as_uint64();
  return false;
}

bool equal(const json::value& left, const json::value& right) noexcept;

bool equal_objects(const json::object& left, const json::object& right) noexcept {
  return left.size() == right.size() && std::all_of(left.begin(), left.end(), [&](const json::key_value_pair& member) {
           const json::value* other = right.if_contains(member.key());
           return other != nullptr && equal(member.value(), *other);
         });
}

bool equal(const json::value& left, const json::value& right) noexcept {
  if (left.is_number() && right.is_number()) return equal_numbers(left, right);
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case json::kind::bool_:
      return left.get_bool() == right.get_bool();
    case json::kind::string:
      return left.get_string() == right.get_string();
    case json::kind::array:
      return std::equal(left.get_array().begin(), left.get_array().end(), right.get_array().begin(),
                        right.get_array().end(), equal);
    case json::kind::object:
      return equal_objects(left.get_object(), right.get_object());
    default:
      return true;
  }
}

}  // namespace

Json base::to_json(json::value value) noexcept {
  Json result;
  native(result) = std::move(value);
  return result;
}

Json::Json() noexcept {
  new (storage_) json::value(nullptr);
}
Json::Json(bool value) noexcept {
  new (storage_) json::value(value);
}
Json::Json(double value) noexcept {
  CHECK(std::isfinite(value));
  new (storage_) json::value(value);
}
Json::Json(std::string_view value) {
  new (storage_) json::value(value);
}
Json::Json(const Json& other) {
  new (storage_) json::value(native(other));
}
Json::Json(Json&& other) noexcept {
  new (storage_) json::value(std::move(native(other)));
}
Json::~Json() {
  native(*this).~value();
}

Json Json::from_signed(std::int64_t value) noexcept {
  Json result;
  native(result) = value;
  return result;
}

Json Json::from_unsigned(std::uint64_t value) noexcept {
  if (value <= INT64_MAX) return from_signed(static_cast<std::int64_t>(value));
  Json result;
  native(result) = value;
  return result;
}

Json& Json::operator=(const Json& other) {
  native(*this) = native(other);
  return *this;
}

// By way of a temporary: Boost would otherwise destroy `other` first when it lies inside this value.
Json& Json::operator=(Json&& other) noexcept {
  json::value taken(std::move(native(other)));
  native(*this) = std::move(taken);
  return *this;
}

Json Json::object(std::initializer_list<Member> members) {
  Json result;
  json::object& object = native(result).emplace_object();
  object.reserve(members.size());
  for (const auto& [key, value] : members) object[key] = native(value);
  return result;
}

Json Json::array(std::initializer_list<Json> items) {
  Json result;
  json::array& array = native(result).emplace_array();
  array.reserve(items.size());
  for (const Json& item : items) array.push_back(native(item));
  return result;
}

Json::Kind Json::kind() const noexcept {
  switch (native(*this).kind()) {
    case json::kind::null:
      return Kind::null;
    case json::kind::bool_:
      return Kind::boolean;
    case json::kind::int64:
      return Kind::integer;
    case json::kind::uint64:
      return Kind::unsigned_integer;
    case json::kind::double_:
      return Kind::real;
    case json::kind::string:
      return Kind::string;
    case json::kind::array:
      return Kind::array;
    case json::kind::object:
      return Kind::object;
  }
  return Kind::null;
}

std::optional<bool> Json::as_bool() const noexcept {
  if (const bool* value = native(*this).if_bool()) return *value;
  return {};
}

std::optional<std::int64_t> Json::as_int64() const noexcept {
  const json::value& value = native(*this);
  if (const std::int64_t* number = value.if_int64()) return *number;
  if (const std::uint64_t* number = value.if_uint64(); number && *number <= INT64_MAX)
    return static_cast<std::int64_t>(*number);
  if (const double* number = value.if_double()) return exact_int64(*number);
  return {};
}

std::optional<std::uint64_t> Json::as_uint64() const noexcept {
  const json::value& value = native(*this);
  if (const std::uint64_t* number = value.if_uint64()) return *number;
  if (const std::int64_t* number = value.if_int64(); number && *number >= 0) return static_cast<std::uint64_t>(*number);
  if (const double* number = value.if_double()) return exact_uint64(*number);
  return {};
}

std::optional<double> Json::as_double() const noexcept {
  const json::value& value = native(*this);
  if (const double* number = value.if_double()) return *number;
  if (const std::int64_t* number = value.if_int64()) return static_cast<double>(*number);
  if (const std::uint64_t* number = value.if_uint64()) return static_cast<double>(*number);
  return {};
}

std::optional<std::string_view> Json::as_string() const noexcept {
  if (const json::string* value = native(*this).if_string()) return std::string_view(value->data(), value->size());
  return {};
}

std::size_t Json::size() const noexcept {
  if (const json::object* object = native(*this).if_object()) return object->size();
  if (const json::array* array = native(*this).if_array()) return array->size();
  return 0;
}

const Json* Json::find(std::string_view key) const noexcept {
  const json::object* object = native(*this).if_object();
  const json::value* value = object ? object->if_contains(key) : nullptr;
  return value ? &as_json(*value) : nullptr;
}

const Json& Json::at(std::size_t index) const noexcept {
  const json::array* array = native(*this).if_array();
  CHECK(array != nullptr && index < array->size());
  return as_json((*array)[index]);
}

Json& Json::operator[](std::string_view key) {
  json::value& value = native(*this);
  if (value.is_null()) value.emplace_object();
  CHECK(value.is_object());
  return as_json(value.get_object()[key]);
}

// Stable, because for_each_member promises insertion order.
void Json::erase(std::string_view key) {
  if (json::object* object = native(*this).if_object()) object->stable_erase(key);
}

void Json::push_back(Json item) {
  json::value& value = native(*this);
  if (value.is_null()) value.emplace_array();
  CHECK(value.is_array());
  value.get_array().push_back(std::move(native(item)));
}

void Json::for_each_member(const std::function<void(std::string_view, const Json&)>& visit) const {
  const json::object* object = native(*this).if_object();
  if (object == nullptr) return;
  for (const json::key_value_pair& member : *object) visit(member.key(), as_json(member.value()));
}

bool operator==(const Json& left, const Json& right) noexcept {
  return equal(native(left), native(right));
}

}  // namespace symphainy
