// SPDX-License-Identifier: Apache-2.0
// One run of a command: the configuration in force, whose data is asked for, and the ways to open a data directory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "symphainy/cli.h"
#include "symphainy/runtime.h"

#include "app/config.h"
#include "app/store_reader.h"
#include "cli/command.h"
#include "cli/output.h"

namespace symphainy::cli {

enum ExitCode : int { kOk = 0, kSomeFailed = 1, kUsage = 2, kDamaged = 3, kUnknown = 4 };

/// What a command that ended with this error exits with.
[[nodiscard]] int exit_code_of(const Error& error) noexcept;

/// The reason of the error when the data directory holds no store.
inline constexpr std::string_view kNoStore = "no_store";

/// The operator's name for every tenant.
inline constexpr std::string_view kEveryTenant = "*";

/// What an earlier process left unfinished.
enum class Unfinished {
  goes_on,
  waits,  ///< until Runtime::resume() is called
};

class Invocation {
 public:
  Invocation(const SharedOptions& options, const RegisterDomains& register_domains);

  [[nodiscard]] const Output& out() const noexcept { return output_; }
  /// The directory given with --data itself: what may be written to without asking the configuration.
  [[nodiscard]] const std::optional<std::string>& data_flag() const noexcept { return options_.data; }
  /// The tenant given with --tenant itself: for this command and nothing else.
  [[nodiscard]] const std::optional<std::string>& tenant_flag() const noexcept { return options_.tenant; }
  /// How the program was called, for commands that a person may copy.
  [[nodiscard]] const std::string& program() const noexcept { return options_.program; }
  /// `flags` are a command's own options that are settings too, by key.
  [[nodiscard]] Result<app::Configuration> configuration(std::map<std::string, Json> flags = {}) const;
  /// --tenant, else the configured default; an error that says so when there is neither.
  [[nodiscard]] Result<public_works::TenantScope> scope() const;
  [[nodiscard]] Result<std::unique_ptr<app::StoreReader>> open_reader() const;
  /// Opens it with every domain registered. When another process owns the directory and serves it, the runtime is that
  /// process's (goes_through_socket), and so are the options and the roots.
  [[nodiscard]] Result<std::unique_ptr<Runtime>> open_runtime(const RuntimeOptions& options,
                                                              const std::vector<std::string>& roots,
                                                              Unfinished unfinished = Unfinished::goes_on) const;
  /// The same, of this process only.
  [[nodiscard]] Result<std::unique_ptr<Runtime>> own_runtime(const RuntimeOptions& options,
                                                             const std::vector<std::string>& roots,
                                                             Unfinished unfinished = Unfinished::goes_on) const;
  /// Every domain of this program.
  [[nodiscard]] Result<void> register_handlers(Runtime& runtime, const std::vector<std::string>& roots,
                                               const std::string& data_directory) const;

 private:
  const SharedOptions& options_;
  const RegisterDomains& register_domains_;
  Output output_;
};

/// Whether open_runtime() found the directory served by another process.
[[nodiscard]] bool goes_through_socket(const Runtime& runtime);

/// A reader with the tenants it may answer about: what nearly every command that reads begins with.
struct ScopedReader {
  public_works::TenantScope scope;
  std::unique_ptr<app::StoreReader> store;
};
[[nodiscard]] Result<ScopedReader> open_scoped(const Invocation& invocation);

/// The configured actor, else the user of the operating system.
[[nodiscard]] Actor who_asks(const app::Configuration& configuration);

/// The error for a data directory that holds no store.
[[nodiscard]] Error no_store(const std::string& data_directory);

/// False when the data directory has no log. Asked before a command's work, whose "not found" may be of something else.
[[nodiscard]] bool holds_store(const std::string& data_directory);

/// The error for an id that this tenant does not have.
[[nodiscard]] Error unknown_id(std::string_view kind, std::string_view id, std::string_view list_command);

}  // namespace symphainy::cli
