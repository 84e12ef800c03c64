// SPDX-License-Identifier: Apache-2.0
// What a program supports, taken without a data directory to run it in.
#include "runtime/handler_catalogue.h"

#include <gmock/gmock.h>

#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

const IntentHandler kHandler =
    answering([](const Intent&, ExecutionContext&) -> Result<HandlerResult> { return HandlerResult{}; });

class Notes final : public DomainService {
 public:
  [[nodiscard]] std::string_view name() const override { return "notes"; }
  [[nodiscard]] std::vector<IntentSupport> supported_intents() const override {
    return {{.intent_type = "note.take"}, {.intent_type = "note.lose", .version = 3}};
  }
  [[nodiscard]] Task<Result<HandlerResult>> handle_intent(const Intent& intent, ExecutionContext& context) override {
    return kHandler(intent, context);
  }
};

TEST(HandlerCatalogueTest, TakesIntentsAndServices) {
  HandlerCatalogue catalogue({});
  ASSERT_TRUE(catalogue.register_intent({.intent_type = "work"}, "things", "handle", kHandler));
  ASSERT_TRUE(catalogue.register_service(std::make_shared<Notes>()));
  EXPECT_THAT(catalogue.registry().list_supported_intents(), ::testing::ElementsAre("note.lose", "note.take", "work"));
  EXPECT_NE(catalogue.registry().find("note.lose", 3), nullptr);
  EXPECT_EQ(catalogue.registry().find("note.lose", 1), nullptr);
}

TEST(HandlerCatalogueTest, RefusesWhatTheDirectoryWouldRefuse) {
  public_works::RegistrationRow row;
  row.intent_type = "work";
  row.version = 1;
  row.domain_service = "things";
  row.handler = "handle";
  row.schema_digest = "of another schema";
  HandlerCatalogue catalogue({row});
  const auto refused = catalogue.register_intent({.intent_type = "work"}, "things", "handle", kHandler);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().reason, "schema_changed");
}

TEST(HandlerCatalogueTest, ExecutesNothing) {
  HandlerCatalogue catalogue({});
  ASSERT_TRUE(catalogue.register_intent({.intent_type = "work"}, "things", "handle", kHandler));
  int refused = 0;
  const auto expect_refused = [&refused](const Result<ExecutionResult>& result) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().reason, "registers_only");
    ++refused;
  };
  expect_refused(catalogue.execute(intent_for("work")));
  expect_refused(catalogue.command({}));
  catalogue.submit(intent_for("work"), expect_refused);
  catalogue.start(intent_for("work"), expect_refused);
  catalogue.submit_json(Json(), expect_refused);
  catalogue.command({}, expect_refused);
  EXPECT_EQ(refused, 6);
  EXPECT_EQ(catalogue.resume(), 0U);
}

}  // namespace
}  // namespace symphainy::runtime
