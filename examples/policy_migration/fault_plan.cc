// SPDX-License-Identifier: Apache-2.0
#include "fault_plan.h"

#include <algorithm>
#include <cmath>

namespace policy_migration {
namespace {

// FNV-1a behind a finishing mix (that of splitmix64): the same on every machine, which std::hash is not.
std::uint64_t mixed(std::uint64_t hash, std::string_view bytes) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebU;
  return hash ^ (hash >> 31U);
}

}  // namespace

Fault FaultPlan::of_call(std::string_view operation, std::string_view subject, std::uint64_t number) const {
  const std::uint64_t drawn = mixed(mixed(mixed(seed, operation) + number, subject), "fault");
  const double in_unit = std::ldexp(static_cast<double>(drawn >> 11U), -53);
  if (in_unit >= rate) return Fault::none;
  const auto kind = static_cast<unsigned>(in_unit / rate * kFaults);
  return static_cast<Fault>(1 + std::min(kind, kFaults - 1));
}

}  // namespace policy_migration
