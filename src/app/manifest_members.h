// SPDX-License-Identifier: Apache-2.0
// Members of the JSON manifests beside backups and snapshots. One that is absent, or of another kind, reads as nothing:
// what vouches for a manifest (its digest, or its bytes being what would be written) is checked for all of it at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symphainy/json.h"

#include "base/digest.h"

namespace symphainy::app {

[[nodiscard]] std::string text_member(const Json& json, std::string_view key);
[[nodiscard]] std::uint64_t number_member(const Json& json, std::string_view key);
/// Of 64 hexadecimal digits.
[[nodiscard]] base::Digest digest_member(const Json& json, std::string_view key);

}  // namespace symphainy::app
