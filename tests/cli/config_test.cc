// SPDX-License-Identifier: Apache-2.0
// Settings: flag > environment > file > default, and what is wrong with a file is said with its line.
#include <algorithm>

#include "program.h"

namespace symphainy::tests {
namespace {

class Config : public ProgramTest {
 protected:
  Json setting(const std::string& key, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"config", "show", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Json json = run(arguments).json();
    const Json& settings = *json.find("settings");
    for (std::size_t i = 0; i < settings.size(); ++i)
      if (text(settings.at(i), "key") == key) return settings.at(i);
    ADD_FAILURE() << "no setting is called " << key;
    return {};
  }
};

TEST_F(Config, EachLayerCoversTheOneBelow) {
  EXPECT_EQ(text(setting("data"), "value"), ".symphainy");
  EXPECT_EQ(text(setting("data"), "source"), "default");
  write_file("symphainy.toml", "# settings\ndata = \"from-file\"\n");
  EXPECT_EQ(text(setting("data"), "value"), "from-file");
  EXPECT_EQ(text(setting("data"), "source"), "file symphainy.toml:2");
  environment_["SYMPHAINY_DATA"] = "from-environment";
  EXPECT_EQ(text(setting("data"), "value"), "from-environment");
  EXPECT_EQ(text(setting("data"), "source"), "environment SYMPHAINY_DATA");
  EXPECT_EQ(text(setting("data", {"--data", "from-flag"}), "value"), "from-flag");
  EXPECT_EQ(text(setting("data", {"--data", "from-flag"}), "source"), "flag --data");
}

TEST_F(Config, EveryKeyIsReadFromTheFile) {
  write_file("symphainy.toml",
             "data = \"d\"\ntenant = \"acme\"\nactor = \"service:loader\"\nroots = [\"a\", \"b\"]\nconcurrency = 3\n"
             "handler_threads = 2\nsegment_bytes = 1048576\nmax_in_flight = 9\n"
             "[limits]\nparameters_bytes = 100\nmetadata_bytes = 50\ndepth = 4\n");
  EXPECT_EQ(text(setting("tenant"), "value"), "acme");
  EXPECT_EQ(setting("roots").find("value")->size(), 2U);
  EXPECT_EQ(setting("limits.depth").find("value")->as_uint64(), 4U);
  EXPECT_EQ(text(setting("limits.depth"), "source"), "file symphainy.toml:12");
}

TEST_F(Config, TheFileMayBeNamed) {
  write_file("other.toml", "tenant = \"named\"\n");
  EXPECT_EQ(text(setting("tenant", {"--config", "other.toml"}), "value"), "named");
  environment_["SYMPHAINY_CONFIG"] = "other.toml";
  EXPECT_EQ(text(setting("tenant"), "value"), "named");
  environment_["SYMPHAINY_CONFIG"] = "absent.toml";
  EXPECT_EQ(run({"config", "show"}).code, 2);
}

struct BadFile {
  const char* name;
  const char* content;
  const char* place;
};

class BadConfig : public ProgramTest, public ::testing::WithParamInterface<BadFile> {};

TEST_P(BadConfig, IsAnErrorThatNamesFileAndLine) {
  write_file("symphainy.toml", GetParam().content);
  const Ended ended = run({"config", "show"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find(GetParam().place), std::string::npos) << ended.err;
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, BadConfig,
    ::testing::Values(BadFile{"UnknownKey", "data = \"d\"\ntennant = \"acme\"\n", "symphainy.toml:2"},
                      BadFile{"UnknownLimit", "[limits]\nwidth = 3\n", "symphainy.toml:2"},
                      BadFile{"UnknownTable", "[server]\nport = 1\n", "symphainy.toml:1"},
                      BadFile{"WrongKind", "concurrency = \"many\"\n", "symphainy.toml:1"},
                      BadFile{"Zero", "handler_threads = 0\n", "symphainy.toml:1"},
                      BadFile{"SegmentsTooSmall", "\nsegment_bytes = 1048575\n",
                              "symphainy.toml:2: 'segment_bytes' must be a whole number from "
                              "1048576 to 4294967296"},
                      BadFile{"SegmentsTooLarge", "segment_bytes = 4294967297\n", "symphainy.toml:1"},
                      BadFile{"TooManyThreads", "handler_threads = 1025\n", "symphainy.toml:1"},
                      BadFile{"TooManyAtATime", "concurrency = 65537\n", "symphainy.toml:1"},
                      BadFile{"TooManyInFlight", "max_in_flight = 1000001\n", "symphainy.toml:1"},
                      BadFile{"TooDeep", "[limits]\ndepth = 481\n", "symphainy.toml:2: 'limits.depth' must be"},
                      BadFile{"NoParameters", "[limits]\nparameters_bytes = 1\n", "symphainy.toml:2"},
                      BadFile{"TooMuchMetadata", "[limits]\nmetadata_bytes = 33554433\n", "symphainy.toml:2"},
                      BadFile{"BadTenant", "tenant = \"_system\"\n", "symphainy.toml:1"},
                      BadFile{"BadActor", "actor = \"nobody\"\n", "symphainy.toml:1"},
                      BadFile{"BadRoots", "roots = [1]\n", "symphainy.toml:1"},
                      BadFile{"BadSyntax", "data = \"d\"\nx = = 2\n", "symphainy.toml:2"}),
    [](const auto& parameter) { return parameter.param.name; });

TEST_F(Config, ACountOutOfItsBoundsNamesTheFlagOrTheVariable) {
  write_file("none.ndjson", "");
  const Ended flag = run({"run", "--data", "data", "--tenant", "acme", "--concurrency", "65537", "none.ndjson"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_NE(flag.err.find("--concurrency: 'concurrency' must be a whole number from 1 to 65536"), std::string::npos)
      << flag.err;
  environment_["SYMPHAINY_HANDLER_THREADS"] = "1000000";
  const Ended variable = run({"config", "show"});
  EXPECT_EQ(variable.code, 2);
  EXPECT_NE(variable.err.find("SYMPHAINY_HANDLER_THREADS: 'handler_threads' must be a whole number from 1 to 1024"),
            std::string::npos)
      << variable.err;
}

TEST_F(Config, AVariableThatSetsNothingIsAnErrorThatNamesIt) {
  environment_["SYMPHAINY_TENNANT"] = "acme";
  const Ended ended = run({"config", "show"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("SYMPHAINY_TENNANT"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("SYMPHAINY_TENANT"), std::string::npos) << ended.err;
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
}

TEST_F(Config, ABadEnvironmentNamesTheVariable) {
  environment_["SYMPHAINY_CONCURRENCY"] = "many";
  const Ended ended = run({"config", "show"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("SYMPHAINY_CONCURRENCY"), std::string::npos);
}

}  // namespace
}  // namespace symphainy::tests
