// SPDX-License-Identifier: Apache-2.0
// Tenant state and the outbox from outside, on a store that a program with a handler of its own has left unpublished.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "symphainy/runtime.h"

#include "program.h"

namespace symphainy::tests {
namespace {

// Puts parameters.key (with the value {"note": key}; "delete": deletes it again) and adds two events.
Task<Result<HandlerResult>> take_note(const Intent& intent, ExecutionContext& context) {
  const std::string key = text(intent.parameters, "key");
  if (auto put = context.put_state(key, Json::object({{"note", key}})); !put) co_return std::unexpected(put.error());
  if (intent.parameters.find("delete") != nullptr) {
    if (auto gone = context.delete_state(key); !gone) co_return std::unexpected(gone.error());
  }
  for (const char* topic : {"note", "audit"}) {
    auto event = context.add_event({"note.taken", Json::object({{"key", key}}), key, topic});
    if (!event) co_return std::unexpected(event.error());
  }
  co_return HandlerResult{};
}

class StateAndOutbox : public ProgramTest {
 protected:
  // Keys by tenant, in the order in which they are noted; nothing of it is published.
  void note(const std::vector<std::pair<std::string, std::string>>& notes, bool deleting = false) {
    RuntimeOptions options;
    options.data_directory = directory_ / "data";
    options.publish_events = false;
    auto opened = Runtime::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    Runtime& runtime = **opened;
    ASSERT_TRUE(runtime.register_intent({.intent_type = "note.take"}, "notes", "take", take_note));
    for (const auto& [tenant, key] : notes) {
      Json parameters = Json::object({{"key", key}});
      if (deleting) parameters["delete"] = true;
      const auto result = runtime.execute(
          Intent::create("note.take", tenant, "session", "solution", {"user", "u"}, std::move(parameters)));
      ASSERT_TRUE(result) << result.error().message;
      ASSERT_EQ(result->status, ExecutionStatus::completed) << result->to_json().dump();
    }
    ASSERT_TRUE(runtime.close());
  }

  Ended ask(std::vector<std::string> arguments, const std::string& tenant = "acme") {
    arguments.insert(arguments.end(), {"--data", "data"});
    if (!tenant.empty()) arguments.insert(arguments.end(), {"--tenant", tenant});
    return run(arguments);
  }

  // One member of every row that the list answers, page by page.
  std::vector<std::string> pages(std::vector<std::string> list, const std::string& rows, const std::string& member,
                                 const std::string& tenant) {
    list.insert(list.end(), {"-o", "json"});
    std::vector<std::string> seen;
    std::optional<std::string> cursor;
    for (int page = 0; page < 50; ++page) {
      std::vector<std::string> arguments = list;
      if (cursor) arguments.insert(arguments.end(), {"--cursor", *cursor});
      const Ended ended = ask(arguments, tenant);
      EXPECT_EQ(ended.code, 0) << ended.err;
      const Json json = ended.json();
      const Json& found = *json.find(rows);
      for (std::size_t i = 0; i < found.size(); ++i)
        seen.push_back(text(found.at(i), "tenant_id") + ":" + text(found.at(i), member));
      if (json.find("next_cursor")->is_null()) return seen;
      cursor = text(json, "next_cursor");
    }
    ADD_FAILURE() << "the pages have no end";
    return seen;
  }

  std::vector<std::string> published(const std::string& tenant, const std::string& topic) {
    std::ifstream file(directory_ / ("data/events/" + tenant + "/" + topic + ".ndjson"));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
};

TEST_F(StateAndOutbox, StateGetAnswersTheKeyItsVersionAndItsValue) {
  note({{"acme", "k/1"}, {"acme", "k/1"}, {"globex", "theirs"}});
  const Ended json = ask({"state", "get", "k/1", "-o", "json"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(text(json.json(), "key"), "k/1");
  EXPECT_EQ(text(json.json(), "tenant_id"), "acme");
  EXPECT_EQ(json.json().find("version")->as_uint64(), 2U);
  EXPECT_EQ(*json.json().find("value"), Json::object({{"note", "k/1"}}));
  EXPECT_EQ(json.json().find("position"), nullptr) << "positions are the operator's";
  const Ended table = ask({"state", "get", "k/1", "-o", "table"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find(R"({"note":"k/1"})"), std::string::npos) << table.out;
}

TEST_F(StateAndOutbox, StateGetOfAKeyThatIsNotThereOrDeletedOrAnotherTenantsIsNotFound) {
  note({{"acme", "here"}, {"globex", "theirs"}});
  note({{"acme", "gone"}}, true);
  for (const std::string key : {"never", "gone", "theirs"}) {
    const Ended ended = ask({"state", "get", key, "-o", "json"});
    EXPECT_EQ(ended.code, 1) << key;
    EXPECT_EQ(ended.out, "") << key;
    EXPECT_EQ(ended.err, "symphainy: this tenant has no key " + key + "; symphainy state list shows those there are\n");
  }
}

TEST_F(StateAndOutbox, StateIsPagedForOneTenantAndOverEveryTenant) {
  note({{"acme", "k/2"}, {"acme", "k/1"}, {"globex", "k/1"}, {"globex", "a"}, {"acme", "z"}, {"zeta", "k/9"}});
  const std::vector<std::string> acmes{"acme:k/1", "acme:k/2", "acme:z"};
  const std::vector<std::string> all{"acme:k/1", "acme:k/2", "acme:z", "globex:a", "globex:k/1", "zeta:k/9"};
  const std::vector<std::string> with_prefix{"acme:k/1", "acme:k/2", "globex:k/1", "zeta:k/9"};
  EXPECT_EQ(pages({"state", "list", "--limit", "2"}, "state", "key", "acme"), acmes);
  EXPECT_EQ(pages({"state", "list", "--limit", "1"}, "state", "key", "*"), all);
  EXPECT_EQ(pages({"state", "list"}, "state", "key", "*"), all);
  EXPECT_EQ(pages({"state", "list", "--limit", "3", "--prefix", "k/"}, "state", "key", "*"), with_prefix);
  const Ended told = ask({"state", "list", "--limit", "2", "-o", "table"}, "*");
  EXPECT_NE(told.err.find("--cursor 'acme/k/2'"), std::string::npos) << told.err;
  const Ended refused = ask({"state", "list", "--cursor", "acme"}, "*");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("TENANT/KEY"), std::string::npos) << refused.err;
}

TEST_F(StateAndOutbox, WhatIsPendingIsPublishedOnce) {
  note({{"acme", "one"}, {"acme", "two"}, {"globex", "three"}});
  EXPECT_FALSE(std::filesystem::exists(directory_ / "data/events/acme"));
  Json pending = ask({"outbox", "list", "--pending", "-o", "json"}, "*").json();
  ASSERT_EQ(pending.find("events")->size(), 6U);
  EXPECT_EQ(pending.find("events")->at(0).find("published")->as_bool(), false);
  std::set<std::string> queued;
  for (std::size_t i = 0; i < 6; ++i) queued.insert(text(pending.find("events")->at(i), "event_id"));

  const Ended first = ask({"outbox", "publish", "-o", "json"}, "");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(first.json().find("advanced")->as_bool(), true);
  EXPECT_EQ(first.json().find("pending")->as_bool(), false);
  EXPECT_EQ(ask({"outbox", "list", "--pending", "-o", "json"}, "*").json().find("events")->size(), 0U);
  const auto lines = [&] {
    std::vector<std::string> all;
    for (const std::string tenant : {"acme", "globex"}) {
      for (const std::string topic : {"note", "audit"}) {
        for (std::string& line : published(tenant, topic)) all.push_back(std::move(line));
      }
    }
    return all;
  };
  const auto once = lines();
  EXPECT_EQ(once.size(), 6U);
  std::set<std::string> ids;
  for (const std::string& line : once) ids.insert(text(Json::parse(line).value(), "id"));
  EXPECT_EQ(ids, queued);

  const Ended second = ask({"outbox", "publish", "-o", "json"}, "");
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(lines(), once);
}

TEST_F(StateAndOutbox, PublishingThatFailsSaysSoAndLosesNothing) {
  note({{"acme", "one"}});
  write_file("data/events", "in the way of the directory");
  const Ended failed = ask({"outbox", "publish"}, "");
  EXPECT_NE(failed.code, 0) << failed.out;
  EXPECT_EQ(std::ranges::count(failed.err, '\n'), 1) << failed.err;
  EXPECT_NE(failed.err.find("data/events"), std::string::npos) << failed.err;
  EXPECT_EQ(ask({"outbox", "list", "--pending", "-o", "json"}).json().find("events")->size(), 2U);
  std::filesystem::remove(directory_ / "data/events");
  EXPECT_EQ(ask({"outbox", "publish"}, "").code, 0);
  EXPECT_EQ(published("acme", "note").size(), 1U);
  EXPECT_EQ(published("acme", "audit").size(), 1U);
}

TEST_F(StateAndOutbox, EventsArePagedWithoutPositionsAndAnExecutionsStayTogether) {
  note({{"acme", "1"}, {"globex", "2"}, {"acme", "3"}, {"acme", "4"}});
  const std::vector<std::string> acmes{"acme:1", "acme:1", "acme:3", "acme:3", "acme:4", "acme:4"};
  const std::vector<std::string> all{"acme:1", "acme:1", "globex:2", "globex:2",
                                     "acme:3", "acme:3", "acme:4",   "acme:4"};
  EXPECT_EQ(pages({"outbox", "list", "--limit", "1"}, "events", "subject", "acme"), acmes);
  EXPECT_EQ(pages({"outbox", "list", "--limit", "3"}, "events", "subject", "*"), all);
  EXPECT_EQ(pages({"outbox", "list"}, "events", "subject", "acme"), acmes);
  EXPECT_EQ(pages({"outbox", "list", "--limit", "2", "--topic", "audit", "--pending"}, "events", "subject", "acme"),
            (std::vector<std::string>{"acme:1", "acme:3", "acme:4"}));
  const Json first = ask({"outbox", "list", "--limit", "1", "-o", "json"}).json();
  EXPECT_EQ(first.find("events")->size(), 2U) << "the cursor could not name a place between them";
  const Ended told = ask({"outbox", "list", "--limit", "1", "-o", "table"});
  EXPECT_NE(told.err.find("--cursor " + text(first, "next_cursor")), std::string::npos) << told.err;

  const Json theirs = ask({"outbox", "list", "-o", "json"}, "globex").json();
  const std::string foreign = text(theirs.find("events")->at(0), "execution_id");
  for (const std::string& cursor : {foreign, std::string("0192f0c1-2345-7abc-8def-0123456789ab")}) {
    const Ended refused = ask({"outbox", "list", "--cursor", cursor});
    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(refused.err, "symphainy: this tenant has no execution " + cursor +
                               "; symphainy execution list shows those there are\n");
  }
}

TEST_F(StateAndOutbox, PendingGoesOnBehindTheCursorAlsoWhereSomeIsPublished) {
  note({{"acme", "1"}});
  ASSERT_EQ(ask({"outbox", "publish"}, "").code, 0);
  const Json before = ask({"outbox", "list", "-o", "json"}).json();
  const std::string published_one = text(before.find("events")->at(0), "execution_id");
  note({{"acme", "2"}, {"acme", "3"}});
  const std::vector<std::string> unpublished{"acme:2", "acme:2", "acme:3", "acme:3"};
  EXPECT_EQ(pages({"outbox", "list", "--pending", "--limit", "1"}, "events", "subject", "acme"), unpublished);
  const Json behind = ask({"outbox", "list", "--pending", "--cursor", published_one, "-o", "json"}).json();
  EXPECT_EQ(behind.find("events")->size(), 4U);
}

}  // namespace
}  // namespace symphainy::tests
