// SPDX-License-Identifier: Apache-2.0
// How a domain service becomes registrations: one for each intent that it supports.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "symphainy/runtime.h"

#include "base/try.h"

namespace symphainy::runtime {

/// With a handler that keeps the service alive.
[[nodiscard]] inline Result<void> register_every_intent(Runtime& runtime,
                                                        const std::shared_ptr<DomainService>& service) {
  for (IntentSupport& support : service->supported_intents()) {
    const IntentHandler handler = [service](const Intent& intent, ExecutionContext& context) {
      return service->handle_intent(intent, context);
    };
    const std::string type = support.intent_type;
    TRY(runtime.register_intent(std::move(support), std::string(service->name()), type, handler));
  }
  return {};
}

}  // namespace symphainy::runtime
