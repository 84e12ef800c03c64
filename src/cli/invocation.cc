// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>
#include <utility>

#include "app/content.h"
#include "base/ids.h"
#include "base/try.h"
#include "experience/control_socket.h"
#include "experience/remote_runtime.h"

namespace symphainy::cli {

int exit_code_of(const Error& error) noexcept {
  // The question was well put; there was too little time for it.
  if (error.reason == "time_limit") return kSomeFailed;
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return kUsage;
    case ErrorCode::corrupt:
      return kDamaged;
    case ErrorCode::unknown:
    case ErrorCode::stopped:
      return kUnknown;
    default:
      return kSomeFailed;
  }
}

Invocation::Invocation(const SharedOptions& options, const RegisterDomains& register_domains)
    : options_(options), register_domains_(register_domains), output_(options.format) {}

Result<app::Configuration> Invocation::configuration(std::map<std::string, Json> flags) const {
  app::ConfigurationInput input;
  input.flags = std::move(flags);
  if (options_.data) input.flags.insert_or_assign("data", Json(*options_.data));
  if (options_.tenant) input.flags.insert_or_assign("tenant", Json(*options_.tenant));
  input.file = options_.config;
  input.environment = app::process_environment();
  return app::load_configuration(input);
}

Result<public_works::TenantScope> Invocation::scope() const {
  TRY(const app::Configuration configuration, this->configuration());
  if (!configuration.tenant)
    return fail(ErrorCode::invalid_argument,
                "whose data? name the tenant with --tenant NAME, SYMPHAINY_TENANT, or tenant in "
                "symphainy.toml ('*' is every tenant, for the operator)",
                "no_tenant");
  if (*configuration.tenant == kEveryTenant) return public_works::TenantScope::every_tenant();
  return public_works::TenantScope::only(*configuration.tenant);
}

Result<std::unique_ptr<app::StoreReader>> Invocation::open_reader() const {
  TRY(const app::Configuration configuration, this->configuration());
  auto reader = app::StoreReader::open(configuration.data_directory);
  if (!reader && reader.error().code == ErrorCode::not_found)
    return std::unexpected(no_store(configuration.data_directory));
  return reader;
}

Result<std::unique_ptr<Runtime>> Invocation::open_runtime(const RuntimeOptions& options,
                                                          const std::vector<std::string>& roots,
                                                          Unfinished unfinished_ones) const {
  auto own = own_runtime(options, roots, unfinished_ones);
  if (own || own.error().reason != "locked") return own;
  auto served = experience::RemoteRuntime::connect(options.data_directory, options.max_in_flight);
  // Whoever owns the directory does not serve it, or not any more.
  if (!served && served.error().reason == experience::kNotServing) return own;
  return served;
}

Result<std::unique_ptr<Runtime>> Invocation::own_runtime(const RuntimeOptions& options,
                                                         const std::vector<std::string>& roots,
                                                         Unfinished unfinished_ones) const {
  TRY(std::unique_ptr<Runtime> runtime, Runtime::open(options));
  TRY(register_handlers(*runtime, roots, options.data_directory));
  if (unfinished_ones == Unfinished::waits) return runtime;
  TRY(const std::size_t unfinished, runtime->resume());
  if (unfinished > 0)
    notify(fmt::format("going on with {} execution{} that an earlier process left unfinished", unfinished,
                       unfinished == 1 ? "" : "s"));
  return runtime;
}

Result<void> Invocation::register_handlers(Runtime& runtime, const std::vector<std::string>& roots,
                                           const std::string& data_directory) const {
  TRY(app::register_content(runtime, roots, data_directory));
  if (!register_domains_) return {};
  return register_domains_(runtime);
}

bool goes_through_socket(const Runtime& runtime) {
  return dynamic_cast<const experience::RemoteRuntime*>(&runtime) != nullptr;
}

Result<ScopedReader> open_scoped(const Invocation& invocation) {
  TRY(public_works::TenantScope scope, invocation.scope());
  TRY(std::unique_ptr<app::StoreReader> store, invocation.open_reader());
  return ScopedReader{std::move(scope), std::move(store)};
}

Actor who_asks(const app::Configuration& configuration) {
  if (configuration.actor) return *configuration.actor;
  const passwd* entry = ::getpwuid(::geteuid());
  return {"user", entry != nullptr && entry->pw_name != nullptr && *entry->pw_name != '\0'
                      ? entry->pw_name
                      : fmt::format("uid-{}", ::geteuid())};
}

Error no_store(const std::string& data_directory) {
  return Error{
      ErrorCode::invalid_argument,
      fmt::format("there is no store in {}; name another directory with --data, or make one with symphainy run",
                  data_directory),
      std::string(kNoStore),
      {}};
}

bool holds_store(const std::string& data_directory) {
  const std::filesystem::path wal = std::filesystem::path(data_directory) / "wal";
  std::error_code failed;
  const std::filesystem::directory_iterator entries(wal, failed);
  // What cannot be looked at is for the command itself to tell.
  if (failed) return failed != std::errc::no_such_file_or_directory && failed != std::errc::not_a_directory;
  return std::ranges::any_of(entries, [](const std::filesystem::directory_entry& entry) {
    return entry.path().filename() == "head" || entry.path().extension() == ".seg";
  });
}

Error unknown_id(std::string_view kind, std::string_view id, std::string_view list_command) {
  return Error{ErrorCode::not_found,
               fmt::format("this tenant has no {} {}; symphainy {} shows those there are", kind, id, list_command),
               "unknown_" + std::string(kind),
               {}};
}

}  // namespace symphainy::cli
