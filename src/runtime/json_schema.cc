// SPDX-License-Identifier: Apache-2.0
// The public face: a compiled program behind a shared pointer to const, and one run of it per call.
#include "runtime/json_schema.h"

#include <utility>

#include "base/json_native.h"
#include "base/try.h"
#include "runtime/json_schema_compile.h"
#include "runtime/json_schema_program.h"
#include "runtime/json_schema_validate.h"

namespace symphainy::runtime {

JsonSchema::JsonSchema(std::shared_ptr<const json_schema::Program> program) : program_(std::move(program)) {}

Result<JsonSchema> JsonSchema::compile(const Json& schema, const SchemaOptions& options) {
  TRY(std::shared_ptr<const json_schema::Program> program,
      json_schema::Compiler(options).compile(base::native(schema)));
  return JsonSchema(std::move(program));
}

std::vector<SchemaViolation> JsonSchema::validate(const Json& instance, std::size_t max_violations) const {
  return json_schema::SchemaRun(*program_).find_violations(base::native(instance), max_violations);
}

std::vector<std::string> JsonSchema::sensitive_pointers(const Json& instance) const {
  if (!program_->has_sensitive_nodes) return {};
  return json_schema::SchemaRun(*program_).find_sensitive(base::native(instance));
}

}  // namespace symphainy::runtime
