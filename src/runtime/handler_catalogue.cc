// SPDX-License-Identifier: Apache-2.0
#include "runtime/handler_catalogue.h"

#include <string_view>
#include <utility>

#include "base/try.h"
#include "runtime/register_service.h"

namespace symphainy::runtime {
namespace {

std::unexpected<Error> registers_only() {
  return fail(ErrorCode::conflict,
              "handlers are registered here to be replayed, and nothing is executed; submit and act on executions in "
              "another place than where the domains are registered",
              "registers_only");
}

}  // namespace

Result<void> HandlerCatalogue::register_intent(IntentSupport support, std::string domain_service,
                                               std::string handler_name, IntentHandler handler) {
  TRY(registry_.register_intent(std::move(support), std::move(domain_service), std::move(handler_name),
                                std::move(handler)));
  return {};
}

Result<void> HandlerCatalogue::register_service(std::shared_ptr<DomainService> service) {
  return register_every_intent(*this, service);
}

void HandlerCatalogue::submit(Intent /*intent*/, Done done) {
  done(registers_only());
}

Result<ExecutionResult> HandlerCatalogue::execute(Intent /*intent*/) {
  return registers_only();
}

void HandlerCatalogue::start(Intent /*intent*/, Done done) {
  done(registers_only());
}

void HandlerCatalogue::command(ExecutionCommand /*command*/, Done done) {
  done(registers_only());
}

Result<ExecutionResult> HandlerCatalogue::command(ExecutionCommand /*command*/) {
  return registers_only();
}

void HandlerCatalogue::submit_json(Json /*intent*/, Done done) {
  done(registers_only());
}

}  // namespace symphainy::runtime
