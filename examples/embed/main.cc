// SPDX-License-Identifier: Apache-2.0
// A complete program on the Symphainy library: it supports one intent type of its own and executes one intent.
#include <cstdio>
#include <symphainy/runtime.h>

using namespace symphainy;

namespace {

Result<void> greet(const Intent& intent, ExecutionContext& context) {
  const std::string text = "Hello, " + std::string(*intent.parameters.find("name")->as_string());
  if (auto added = context.add_artifact({.name = "greeting.txt", .media_type = "text/plain", .content = text});
      !added) {
    return std::unexpected(added.error());
  }
  auto event =
      context.add_event({.type = "greeting.made", .data = Json::object({{"text", text}}), .subject = "", .topic = ""});
  if (!event) return std::unexpected(event.error());
  return {};
}

Task<Result<HandlerResult>> handle_greet(const Intent& intent, ExecutionContext& context) {
  if (auto done = greet(intent, context); !done) co_return std::unexpected(done.error());
  co_return HandlerResult{Json("greeted")};
}

int failed(const Error& error) {
  std::fprintf(stderr, "embed: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  RuntimeOptions options;
  options.data_directory = argc > 1 ? argv[1] : ".symphainy";
  auto runtime = Runtime::open(options);
  if (!runtime) return failed(runtime.error());

  auto schema = Json::parse(R"({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}})");
  IntentSupport support{.intent_type = "greet", .schema = *schema, .version = 1, .effects = Effects::context_only};
  if (auto ok = (*runtime)->register_intent(support, "greeter", "greet", handle_greet); !ok) return failed(ok.error());

  Json parameters = Json::object({{"name", argc > 2 ? argv[2] : "world"}});
  auto result =
      (*runtime)->execute(Intent::create("greet", "acme", "session-1", "demo", {"user", "maria"}, parameters));
  if (!result) return failed(result.error());
  std::puts(result->to_json().dump().c_str());
  if (auto closed = (*runtime)->close(); !closed) return failed(closed.error());
  return result->status == ExecutionStatus::completed ? 0 : 1;
}
