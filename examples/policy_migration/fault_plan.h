// SPDX-License-Identifier: Apache-2.0
// Which calls of the policy system go wrong, and how: the same ones in every run with the same seed, so that two runs
// can be compared.
#pragma once

#include <cstdint>
#include <string_view>

namespace policy_migration {

enum class Fault {
  none,
  refused,       ///< the call never leaves
  answer_lost,   ///< it was sent and happens, and the connection is cut before the answer is read
  server_error,  ///< the server fails behind the effect, and rolls it back
  timed_out,     ///< the server takes too long behind the effect, and rolls it back
};
inline constexpr unsigned kFaults = 4;  ///< besides none, each as likely as another

struct FaultPlan {
  double rate = 0;  ///< of the calls, 0 to 0.9
  std::uint64_t seed = 1;

  /// `subject` is the policy's number, `number` tells the tries of one call apart.
  [[nodiscard]] Fault of_call(std::string_view operation, std::string_view subject, std::uint64_t number) const;
};

}  // namespace policy_migration
