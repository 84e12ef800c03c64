// SPDX-License-Identifier: Apache-2.0
#include "app/manifest_members.h"

#include <algorithm>

#include "base/bytes.h"

namespace symphainy::app {

std::string text_member(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  const auto text = member == nullptr ? std::nullopt : member->as_string();
  return text ? std::string(*text) : std::string();
}

std::uint64_t number_member(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? 0 : member->as_uint64().value_or(0);
}

base::Digest digest_member(const Json& json, std::string_view key) {
  base::Digest digest;
  const auto raw = base::from_hex(text_member(json, key));
  if (raw && raw->size() == digest.bytes.size()) std::ranges::copy(*raw, digest.bytes.begin());
  return digest;
}

}  // namespace symphainy::app
