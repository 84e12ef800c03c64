// SPDX-License-Identifier: Apache-2.0
// policy_migration: the symphainy command line with the domains of a migration. What they need besides an intent stands
// in the environment:
//   POLICY_SYSTEM        the new policy system, as libpq has it: "host=127.0.0.1 port=5432 dbname=policies
//   user=migrator" PORTFOLIO_DIRECTORY  where portfolio files are read from (default: .) FAIL_RATE, FAIL_SEED which
//   share of the policy system's calls goes wrong (0 to 0.5), and which ones
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <symphainy/cli.h>
#include <utility>

#include "import_portfolio_service.h"
#include "import_rows_service.h"
#include "ingest_portfolio_service.h"
#include "migrate_policy_service.h"
#include "policy_system.h"

namespace {

using namespace symphainy;

std::string environment(const char* name, std::string absent) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::move(absent) : std::string(value);
}

template <typename Number>
Result<Number> number_from_environment(const char* name, Number absent, Number most) {
  const std::string text = environment(name, "");
  if (text.empty()) return absent;
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed == std::errc() && end == text.data() + text.size() && value >= 0 && value <= most) return value;
  return fail(ErrorCode::invalid_argument,
              std::string(name) + " is '" + text + "', and must be a number from 0 to " + std::to_string(most));
}

Result<std::shared_ptr<policy_migration::PolicySystem>> policy_system() {
  const std::string conninfo = environment("POLICY_SYSTEM", "");
  if (conninfo.empty()) {
    return fail(ErrorCode::invalid_argument,
                "POLICY_SYSTEM does not say where the new policy system is; set it to a libpq connection string, as in "
                "\"host=127.0.0.1 port=5432 dbname=policies user=migrator\"");
  }
  const auto rate = number_from_environment<double>("FAIL_RATE", 0, 0.5);
  if (!rate) return std::unexpected(rate.error());
  const auto seed = number_from_environment<std::uint64_t>("FAIL_SEED", 1, UINT64_MAX);
  if (!seed) return std::unexpected(seed.error());
  return std::make_shared<policy_migration::PolicySystem>(
      policy_migration::PolicySystem::Options{.conninfo = conninfo, .faults = {.rate = *rate, .seed = *seed}});
}

Result<void> register_domains(Runtime& runtime) {
  using namespace policy_migration;
  auto policies = policy_system();
  if (!policies) return std::unexpected(policies.error());
  const std::shared_ptr<DomainService> services[] = {
      std::make_shared<ImportPortfolioService>(),
      std::make_shared<IngestPortfolioService>(environment("PORTFOLIO_DIRECTORY", ".")),
      std::make_shared<ImportRowsService>(), std::make_shared<MigratePolicyService>(*policies)};
  for (const auto& service : services)
    if (auto registered = runtime.register_service(service); !registered) return registered;
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return symphainy::cli_main(argc, argv, register_domains);
}
