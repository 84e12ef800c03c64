// SPDX-License-Identifier: Apache-2.0
// Which domain service supports which intent type, under which schema and version. Registrations are records, so that a
// past execution can say what it ran under; the handler itself is bound anew by each process.
//
// Changed on the partition's executor; may be asked from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "symphainy/domain_service.h"

#include "base/log_record.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/json_schema.h"

namespace symphainy::runtime {

struct RegisteredIntent {
  std::string intent_type;
  std::uint32_t version = 1;
  std::string domain_service;
  std::string handler_name;
  std::string schema_digest;  ///< hex SHA-256 of the canonical schema
  Effects effects = Effects::external;
  JsonSchema schema;
  IntentHandler handler;
  RetryPolicy retry = {};
  OutOfAttempts out_of_attempts = OutOfAttempts::fail;
  std::map<std::string, JsonSchema> signals = {};
};
using RegisteredPtr = std::shared_ptr<const RegisteredIntent>;

class IntentRegistry {
 public:
  /// What earlier processes registered: the record of it, without handlers.
  void load(const std::vector<public_works::RegistrationRow>& recorded);

  /// Binds the handler. Answers the record to append when this registration is new, nothing when it is known already.
  /// already_exists: the same (type, version) stands for another schema, service or handler.
  [[nodiscard]] Result<std::optional<base::RecordDraft>> register_intent(IntentSupport support,
                                                                         std::string domain_service,
                                                                         std::string handler_name,
                                                                         IntentHandler handler);

  /// The highest version with a handler; nullptr when there is none.
  [[nodiscard]] RegisteredPtr find(const std::string& intent_type) const;
  [[nodiscard]] RegisteredPtr find(const std::string& intent_type, std::uint32_t version) const;
  /// Every version that has a handler in this process, lowest first.
  [[nodiscard]] std::vector<RegisteredPtr> get_intent_handlers(const std::string& intent_type) const;
  [[nodiscard]] std::vector<std::string> list_supported_intents() const;

 private:
  using Key = std::pair<std::string, std::uint32_t>;
  struct Recorded {
    std::string domain_service;
    std::string handler_name;
    std::string schema_digest;
  };
  mutable std::mutex mutex_;
  std::map<Key, Recorded> recorded_;       // guarded by mutex_
  std::map<Key, RegisteredPtr> handlers_;  // guarded by mutex_
};

}  // namespace symphainy::runtime
