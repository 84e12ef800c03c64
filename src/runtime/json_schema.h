// SPDX-License-Identifier: Apache-2.0
// JSON Schema (drafts 2020-12 and 7), compiled once and then applied to many instances.
//
// Whatever could fail fails at compile: malformed keywords, references that resolve to nothing,
// reference loops, patterns that cannot be matched in linear time. Nothing is ever fetched: other
// documents come from the caller. `format` and `content*` are annotations. Validation never
// overflows the stack and never runs away: an instance whose checking needs more than a fixed
// number of nested or total steps is invalid. Messages never quote values of the instance, which
// may be sensitive; they may name its members.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy::runtime {

/// One reason why an instance is invalid.
struct SchemaViolation {
  std::string instance_pointer;  ///< JSON pointer into the instance; "" is the whole of it
  std::string keyword;           ///< "required"; "limit" when checking was cut off
  std::string schema_pointer;    ///< JSON pointer into the schema, after "uri#" when in another document
  std::string message;           ///< "member \"name\" is missing"

  friend bool operator==(const SchemaViolation&, const SchemaViolation&) = default;
};

struct SchemaOptions {
  enum class Draft { draft_7, draft_2020_12 };

  Draft default_draft = Draft::draft_2020_12;  ///< of documents without $schema
  /// The document of that URI (without fragment), or nullptr. Asked for references and for $schema
  /// of other dialects, during compile only; the documents must stay unchanged until compile
  /// returns.
  std::function<const Json*(std::string_view absolute_uri)> find_document;
};

namespace json_schema {
struct Program;
}

/// A compiled schema: cheap to copy, safe to use from many threads at once.
class JsonSchema {
 public:
  /// Errors are invalid_argument with reason "invalid_schema" or "unsupported_pattern" and details
  /// {"schema_pointer": ..., "keyword": ...}.
  [[nodiscard]] static Result<JsonSchema> compile(const Json& schema, const SchemaOptions& options = {});

  /// Empty when the instance is valid; else up to max_violations (at least one) reasons.
  [[nodiscard]] std::vector<SchemaViolation> validate(const Json& instance, std::size_t max_violations = 100) const;

  /// Sorted pointers to the parts of the instance whose applied subschema has "x-sensitive": true.
  /// Of the alternatives of anyOf and oneOf those count that match, or all when none does: an
  /// invalid instance hides too much, never too little.
  [[nodiscard]] std::vector<std::string> sensitive_pointers(const Json& instance) const;

 private:
  explicit JsonSchema(std::shared_ptr<const json_schema::Program> program);

  std::shared_ptr<const json_schema::Program> program_;
};

}  // namespace symphainy::runtime
