// SPDX-License-Identifier: Apache-2.0
// The only file that knows CLI11.
#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

namespace symphainy::cli {
namespace {

constexpr int kUsage = 2;
constexpr std::size_t kHelpColumn = 34;

const std::map<std::string, Format> kFormats{{"json", Format::json}, {"table", Format::table}};

std::string path_of(const CLI::App* app) {
  std::string path;
  for (; app->get_parent() != nullptr; app = app->get_parent())
    path = path.empty() ? app->get_name() : app->get_name() + " " + path;
  return path;
}

void add_shared(CLI::App* app, SharedOptions& options) {
  app->add_option_function<std::string>(
         "-o,--output", [&options](const std::string& name) { options.format = kFormats.at(name); },
         "json, or table; a terminal gets tables, anything else JSON")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"json", "table"}));
  app->add_option_function<std::string>(
         "--config", [&options](const std::string& path) { options.config = path; },
         "configuration file (default: symphainy.toml when there is one)")
      ->type_name("FILE");
}

const CLI::App* chosen_app(const CLI::App* app) {
  const auto chosen = app->get_subcommands();
  return chosen.empty() ? app : chosen_app(chosen.front());
}

/// CLI11 says "--limit: Value x not in range"; people need the command whose help to read.
void complain_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = chosen_app(&app);
  const std::string path = path_of(at);
  const std::string help = "see symphainy " + path + (path.empty() ? "" : " ") + "--help";
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && at->get_require_subcommand_min() > 0) {
    const std::vector<std::string> strange = at->remaining();
    if (!strange.empty())
      return complain("there is no command '" + (path.empty() ? "" : path + " ") + strange.front() + "'; " + help);
    return complain(path.empty() ? "no command given; " + help : "symphainy " + path + " needs one more word; " + help);
  }
  std::string what = error.what();
  while (!what.empty() && (what.back() == '\n' || what.back() == '.')) what.pop_back();
  complain(what + "; " + help);
}

void outline_of(const CLI::App* app, std::vector<CommandOutline>& into) {
  CommandOutline outline{path_of(app), {}, {}, {}};
  for (const CLI::App* child : app->get_subcommands({})) outline.subcommands.push_back(child->get_name());
  for (const CLI::Option* option : app->get_options()) {
    const std::size_t before = outline.options.size();
    for (const std::string& name : option->get_snames()) outline.options.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) outline.options.push_back("--" + name);
    if (option->get_items_expected_max() == 0) continue;  // a flag
    outline.value_options.insert(outline.value_options.end(),
                                 outline.options.begin() + static_cast<std::ptrdiff_t>(before), outline.options.end());
  }
  into.push_back(std::move(outline));
  for (const CLI::App* child : app->get_subcommands({})) outline_of(child, into);
}

}  // namespace

Command::Command(CLI::App* app, std::shared_ptr<Shared> shared) : app_(app), shared_(std::move(shared)) {}

Command Command::add(const std::string& name, const std::string& summary) const {
  CLI::App* child = app_->add_subcommand(name, summary);
  app_->require_subcommand(1);
  child->footer("");
  child->require_subcommand(0);
  child->group("Commands");
  add_shared(child, shared_->options);
  return {child, shared_};
}

Command& Command::flag(const std::string& names, bool& target, const std::string& help) {
  app_->add_flag(names, target, help);
  return *this;
}

Command& Command::option(const std::string& names, std::optional<std::string>& target, const std::string& help,
                         const std::string& shown) {
  app_->add_option_function<std::string>(
          names, [&target](const std::string& text) { target = text; }, help)
      ->type_name(shown);
  return *this;
}

Command& Command::option(const std::string& names, std::optional<std::uint64_t>& target, const std::string& help) {
  app_->add_option_function<std::string>(
          names,
          [&target](const std::string& text) {
            std::uint64_t number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            // CLI11's own conversion takes -1 for the largest number, and 010 for eight.
            if (error != std::errc() || end != text.data() + text.size())
              throw CLI::ValidationError("'" + text + "' is no whole number");
            target = number;
          },
          help)
      ->type_name("N");
  return *this;
}

Command& Command::option(const std::string& names, std::optional<double>& target, const std::string& help) {
  app_->add_option_function<double>(names, [&target](double number) { target = number; }, help)->type_name("N");
  return *this;
}

Command& Command::option(const std::string& names, std::vector<std::string>& target, const std::string& help,
                         const std::string& shown) {
  // Otherwise `--root DIR FILE` would take FILE as a second directory.
  app_->add_option(names, target, help)->allow_extra_args(false)->type_name(shown);
  return *this;
}

Command& Command::argument(const std::string& name, std::string& target, const std::string& help) {
  app_->add_option(name, target, help)->required()->type_name("");
  return *this;
}

Command& Command::optional_argument(const std::string& name, std::string& target, const std::string& help) {
  app_->add_option(name, target, help)->type_name("");
  return *this;
}

Command& Command::arguments(const std::string& name, std::vector<std::string>& target, const std::string& help) {
  app_->add_option(name, target, help)->required()->type_name("");
  return *this;
}

Command& Command::takes_data() {
  return option("-d,--data", shared_->options.data, "data directory (default: .symphainy)", "DIR");
}

Command& Command::takes_tenant() {
  return option("-t,--tenant", shared_->options.tenant, "whose data; '*' is every tenant, for the operator", "TENANT");
}

Command& Command::examples(const std::vector<std::string>& lines) {
  std::string footer = "Examples:";
  for (const std::string& line : lines) footer += "\n  " + line;
  app_->footer(footer);
  return *this;
}

Command& Command::runs(CommandBody body) {
  app_->callback([shared = shared_.get(), body = std::move(body)] { shared->chosen = body; });
  return *this;
}

CommandLine::CommandLine()
    : app_(
          std::make_unique<CLI::App>("Symphainy Runtime: executes intents durably and under governance.", "symphainy")),
      shared_(std::make_shared<Command::Shared>()) {
  app_->get_formatter()->column_width(kHelpColumn);
  app_->set_version_flag("--version", "symphainy " SYMPHAINY_VERSION);
  add_shared(app_.get(), shared_->options);
  Command(app_.get(), shared_).takes_data().takes_tenant();
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() {
  return {app_.get(), shared_};
}

std::expected<CommandBody, int> CommandLine::parse(int argc, const char* const* argv) {
  if (argc > 0) shared_->options.program = argv[0];
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& asked) {
    std::ostringstream text;
    app_->exit(asked, text, text);
    std::fputs(text.str().c_str(), stdout);
    return std::unexpected(0);
  } catch (const CLI::ParseError& error) {
    complain_usage(*app_, error);
    return std::unexpected(kUsage);
  }
  return shared_->chosen;
}

const SharedOptions& CommandLine::options() const {
  return shared_->options;
}

std::vector<CommandOutline> CommandLine::outline() const {
  std::vector<CommandOutline> outline;
  outline_of(app_.get(), outline);
  return outline;
}

}  // namespace symphainy::cli
