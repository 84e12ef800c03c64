// SPDX-License-Identifier: Apache-2.0
// One table names every setting; the file, the environment and the flags are layers over its defaults. A layer's
// value is checked where it is read, so that the error can say where it stands.
#include "app/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <sstream>
#include <toml++/toml.h>
#include <unistd.h>
#include <utility>

#include "base/ids.h"
#include "base/time.h"
#include "base/try.h"

namespace symphainy::app {
namespace {

enum class Kind { path, address, name, actor, list, count, span };

struct SettingRule {
  std::string_view key;
  Kind kind;
  std::string_view environment;
  std::string_view flag;
  std::uint64_t least = 0;  ///< of a count
  std::uint64_t most = 0;
};

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 53;
constexpr const char* kConfigVariable = "SYMPHAINY_CONFIG";

constexpr std::array<SettingRule, 16> kRules{{
    {"data", Kind::path, "SYMPHAINY_DATA", "--data"},
    {"tenant", Kind::name, "SYMPHAINY_TENANT", "--tenant"},
    {"actor", Kind::actor, "SYMPHAINY_ACTOR", "--actor"},
    {"roots", Kind::list, "SYMPHAINY_ROOTS", "--root"},
    {"concurrency", Kind::count, "SYMPHAINY_CONCURRENCY", "--concurrency", 1, 65'536},
    {"handler_threads", Kind::count, "SYMPHAINY_HANDLER_THREADS", "", 1, 1'024},
    {"segment_bytes", Kind::count, "SYMPHAINY_SEGMENT_BYTES", "", kMebibyte, 4'096 * kMebibyte},
    {"max_in_flight", Kind::count, "SYMPHAINY_MAX_IN_FLIGHT", "", 1, 1'000'000},
    {"log.retain_age", Kind::span, "SYMPHAINY_LOG_RETAIN_AGE", "--older-than"},
    {"log.retain_bytes", Kind::count, "SYMPHAINY_LOG_RETAIN_BYTES", "--keep-bytes", 0, kMostBytes},
    {"log.archive", Kind::path, "SYMPHAINY_LOG_ARCHIVE", "--archive"},
    {"log.snapshot_every", Kind::count, "SYMPHAINY_LOG_SNAPSHOT_EVERY", "", 1, kMostBytes},
    {"metrics.address", Kind::address, "SYMPHAINY_METRICS_ADDRESS", "--metrics"},
    // What the intent model takes at most: a record must be readable again.
    {"limits.parameters_bytes", Kind::count, "SYMPHAINY_LIMITS_PARAMETERS_BYTES", "", 2, 32 * kMebibyte},
    {"limits.metadata_bytes", Kind::count, "SYMPHAINY_LIMITS_METADATA_BYTES", "", 2, 32 * kMebibyte},
    {"limits.depth", Kind::count, "SYMPHAINY_LIMITS_DEPTH", "", 1, 480},
}};

const SettingRule* find_rule(std::string_view key) {
  for (const SettingRule& rule : kRules)
    if (rule.key == key) return &rule;
  return nullptr;
}

using Layers = std::map<std::string, Setting, std::less<>>;

Layers default_layer() {
  const RuntimeOptions runtime;
  const Configuration configuration;
  Layers layers;
  auto add = [&](std::string key, Json value) {
    Setting setting{key, std::move(value), "default"};
    layers.emplace(std::move(key), std::move(setting));
  };
  add("data", runtime.data_directory);
  add("tenant", nullptr);
  add("actor", nullptr);
  add("roots", Json::array({"."}));
  add("concurrency", configuration.concurrency);
  add("handler_threads", runtime.handler_threads);
  add("segment_bytes", runtime.segment_bytes);
  add("max_in_flight", runtime.max_in_flight);
  for (const char* key : {"log.retain_age", "log.retain_bytes", "log.archive", "log.snapshot_every", "metrics.address"})
    add(key, nullptr);
  add("limits.parameters_bytes", runtime.intent_limits.parameters_bytes);
  add("limits.metadata_bytes", runtime.intent_limits.metadata_bytes);
  add("limits.depth", runtime.intent_limits.depth);
  return layers;
}

/// What is wrong with the value, or nothing.
std::optional<std::string> complaint(const SettingRule& rule, const Json& value) {
  const auto text = value.as_string();
  switch (rule.kind) {
    case Kind::path:
      if (!text || text->empty()) return "must be a path that is not empty";
      return std::nullopt;
    case Kind::address:
      if (!text || text->empty()) return "must be a loopback address, as in 127.0.0.1:9464";
      return std::nullopt;
    case Kind::name:
      // The operator's '*' is no tenant's name, but stands where one does.
      if (!text || (*text != "*" && !base::is_name(*text))) return std::string(base::kNameRule);
      return std::nullopt;
    case Kind::actor:
      if (!text || !parse_actor(*text)) return "must be type:id, as in user:ada";
      return std::nullopt;
    case Kind::list:
      if (!value.is_array() || value.empty()) return "must be a list of directories that is not empty";
      for (std::size_t i = 0; i < value.size(); ++i)
        if (!value.at(i).is_string() || value.at(i).as_string()->empty()) return "must list directories";
      return std::nullopt;
    case Kind::count:
      if (const auto number = value.as_uint64(); !number || *number < rule.least || *number > rule.most)
        return fmt::format("must be a whole number from {} to {}", rule.least, rule.most);
      return std::nullopt;
    case Kind::span:
      if (!text || !base::parse_span(*text)) return "must be a span of time, as in 12h or 30d";
      return std::nullopt;
  }
  return std::nullopt;
}

Result<void> put(Layers& layers, const SettingRule& rule, Json value, std::string source, const std::string& where) {
  if (auto wrong = complaint(rule, value))
    return fail(ErrorCode::invalid_argument, fmt::format("{}: '{}' {}", where, rule.key, *wrong), "invalid_setting");
  layers.insert_or_assign(std::string(rule.key), Setting{std::string(rule.key), std::move(value), std::move(source)});
  return {};
}

/// Null for a value that no setting takes; the rule's check then says what it wants instead.
Json from_toml(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* list = node.as_array()) {
    Json items = Json::array();
    for (const toml::node& item : *list) items.push_back(from_toml(item));
    return items;
  }
  return {};
}

std::string known_keys() {
  std::string keys;
  for (const SettingRule& rule : kRules) keys += (keys.empty() ? "" : ", ") + std::string(rule.key);
  return keys;
}

Result<void> read_table(const toml::table& table, const std::string& prefix, const std::string& path, Layers& layers) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const auto line = name.source().begin.line;
    const std::string where = fmt::format("{}:{}", path, line);
    if ((key == "limits" || key == "log" || key == "metrics") && node.is_table()) {
      TRY(read_table(*node.as_table(), key + ".", path, layers));
      continue;
    }
    const SettingRule* rule = find_rule(key);
    if (rule == nullptr)
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{}: unknown key '{}'; the keys are {}", where, key, known_keys()), "unknown_key");
    TRY(put(layers, *rule, from_toml(node), "file " + where, where));
  }
  return {};
}

Result<void> read_file(const std::string& path, Layers& layers) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored))
    return fail(ErrorCode::invalid_argument,
                fmt::format("cannot read the configuration file {}; name another with --config", path),
                "unreadable_configuration");
  // The packaged library throws; no error of it leaves this function that way.
  try {
    return read_table(toml::parse_file(path), "", path, layers);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}:{}: {}; correct the TOML", path, error.source().begin.line, error.description()),
                "malformed_configuration");
  }
}

std::string known_variables() {
  std::string names(kConfigVariable);
  for (const SettingRule& rule : kRules) names += ", " + std::string(rule.environment);
  return names;
}

Json from_environment(Kind kind, const std::string& text) {
  if (kind == Kind::count) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? Json(number) : Json();
  }
  if (kind != Kind::list) return text;
  Json items = Json::array();
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ':');) items.push_back(item);
  return items;
}

Result<void> read_environment(const ConfigurationInput& input, Layers& layers) {
  for (const auto& [name, text] : input.environment) {
    if (text.empty() || name == kConfigVariable) continue;
    const auto* rule = std::ranges::find(kRules, name, &SettingRule::environment);
    if (rule == kRules.end())
      return fail(ErrorCode::invalid_argument,
                  fmt::format("{} is no variable that sets anything; those there are: {}", name, known_variables()),
                  "unknown_variable");
    TRY(put(layers, *rule, from_environment(rule->kind, text), "environment " + name, name));
  }
  return {};
}

Result<void> read_flags(const ConfigurationInput& input, Layers& layers) {
  for (const auto& [key, value] : input.flags) {
    const SettingRule* rule = find_rule(key);
    if (rule == nullptr) return fail(ErrorCode::internal, "no setting is called " + key);
    const std::string flag(rule->flag);
    TRY(put(layers, *rule, value, "flag " + flag, flag));
  }
  return {};
}

std::optional<std::string> file_to_read(const ConfigurationInput& input) {
  if (input.file) return input.file;
  const auto named = input.environment.find(kConfigVariable);
  if (named != input.environment.end() && !named->second.empty()) return named->second;
  std::error_code ignored;
  if (std::filesystem::exists("symphainy.toml", ignored)) return "symphainy.toml";
  return std::nullopt;
}

std::size_t count_of(const Layers& layers, std::string_view key) {
  return layers.find(key)->second.value.as_uint64().value();
}

LogRetention log_from(const Layers& layers) {
  const auto value = [&](std::string_view key) -> const Json& { return layers.find(key)->second.value; };
  LogRetention log;
  if (const auto age = value("log.retain_age").as_string()) log.retain_age_us = *base::parse_span(*age);
  log.retain_bytes = value("log.retain_bytes").as_uint64().value_or(0);
  if (const auto archive = value("log.archive").as_string()) log.archive = std::string(*archive);
  log.snapshot_every = value("log.snapshot_every").as_uint64().value_or(0);
  return log;
}

Configuration from_layers(Layers layers) {
  Configuration result;
  auto text = [&](std::string_view key) { return layers.find(key)->second.value.as_string(); };
  result.data_directory = std::string(*text("data"));
  if (auto tenant = text("tenant")) result.tenant = std::string(*tenant);
  if (auto address = text("metrics.address")) result.metrics_address = std::string(*address);
  if (auto actor = text("actor")) result.actor = *parse_actor(*actor);
  const Json& roots = layers.find("roots")->second.value;
  for (std::size_t i = 0; i < roots.size(); ++i) result.roots.emplace_back(*roots.at(i).as_string());
  result.concurrency = count_of(layers, "concurrency");
  result.handler_threads = count_of(layers, "handler_threads");
  result.segment_bytes = count_of(layers, "segment_bytes");
  result.max_in_flight = count_of(layers, "max_in_flight");
  result.log = log_from(layers);
  result.limits.parameters_bytes = count_of(layers, "limits.parameters_bytes");
  result.limits.metadata_bytes = count_of(layers, "limits.metadata_bytes");
  result.limits.depth = count_of(layers, "limits.depth");
  for (const SettingRule& rule : kRules) result.settings.push_back(std::move(layers.find(rule.key)->second));
  return result;
}

}  // namespace

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> found;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const auto equals = text.find('=');
    if (text.starts_with("SYMPHAINY_") && equals != std::string_view::npos)
      found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

Result<Actor> parse_actor(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !base::is_name(text.substr(0, colon)) || text.size() - colon - 1 == 0 ||
      text.size() - colon - 1 > 256)
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is no actor; write type:id, as in user:ada", text));
  return Actor{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<Configuration> load_configuration(const ConfigurationInput& input) {
  Layers layers = default_layer();
  const auto file = file_to_read(input);
  if (file) TRY(read_file(*file, layers));
  TRY(read_environment(input, layers));
  TRY(read_flags(input, layers));
  Configuration result = from_layers(std::move(layers));
  result.file = file;
  return result;
}

RuntimeOptions Configuration::runtime_options() const {
  RuntimeOptions options;
  options.data_directory = data_directory;
  options.handler_threads = handler_threads;
  options.segment_bytes = segment_bytes;
  options.max_in_flight = max_in_flight;
  options.log_retention = log;
  options.intent_limits = limits;
  return options;
}

Json Configuration::to_json() const {
  Json list = Json::array();
  for (const Setting& setting : settings)
    list.push_back(Json::object({{"key", setting.key}, {"value", setting.value}, {"source", setting.source}}));
  return Json::object({{"file", file ? Json(*file) : Json()}, {"settings", std::move(list)}});
}

}  // namespace symphainy::app
