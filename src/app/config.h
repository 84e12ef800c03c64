// SPDX-License-Identifier: Apache-2.0
// The settings of the program and where each of them comes from: flag > environment > symphainy.toml > default.
// A key that no release knows, or a value of the wrong kind, is an error that names the file and the line.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/intent.h"
#include "symphainy/runtime.h"

namespace symphainy::app {

/// One setting as it is in force.
struct Setting {
  std::string key;     ///< "data", "limits.depth"
  Json value;          ///< null: not set
  std::string source;  ///< "flag --data", "environment SYMPHAINY_DATA", "file symphainy.toml:3", "default"
};

struct Configuration {
  std::string data_directory;
  std::optional<std::string> tenant;
  std::optional<Actor> actor;
  std::vector<std::string> roots;  ///< directories that file intents may read from
  std::size_t concurrency = 64;    ///< intents that `run` keeps in flight
  std::size_t handler_threads = 4;
  std::size_t segment_bytes = 0;
  std::size_t max_in_flight = 0;
  LogRetention log;
  std::optional<std::string> metrics_address;  ///< where `serve` answers GET /metrics
  IntentLimits limits;
  std::optional<std::string> file;  ///< the configuration file that was read
  std::vector<Setting> settings;    ///< every setting, in the order of the documentation

  [[nodiscard]] RuntimeOptions runtime_options() const;
  /// {"file": path or null, "settings": [{"key", "value", "source"}...]}
  [[nodiscard]] Json to_json() const;
};

struct ConfigurationInput {
  /// Values given as flags, by key: strings, integers, arrays of strings.
  std::map<std::string, Json> flags;
  /// --config; else SYMPHAINY_CONFIG, else ./symphainy.toml when there is one.
  std::optional<std::string> file;
  /// Every variable that begins with SYMPHAINY_; one that no setting has is an error.
  std::map<std::string, std::string> environment;
};

/// Those of the process's own environment.
[[nodiscard]] std::map<std::string, std::string> process_environment();

[[nodiscard]] Result<Configuration> load_configuration(const ConfigurationInput& input);

/// "type:id" as an actor.
[[nodiscard]] Result<Actor> parse_actor(std::string_view text);

}  // namespace symphainy::app
