// SPDX-License-Identifier: Apache-2.0
#include "runtime/content_location.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

constexpr std::string_view kArtifactPrefix = "artifact:";
constexpr std::string_view kExecutionPrefix = "execution:";

class StoredContent final : public ContentSource {
 public:
  explicit StoredContent(std::unique_ptr<public_works::ArtifactReader> reader) : reader_(std::move(reader)) {}
  std::uint64_t size() const override { return reader_->size(); }
  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    return reader_->read_at(offset, length, out);
  }

 private:
  std::unique_ptr<public_works::ArtifactReader> reader_;
};

class LoggedContent final : public ContentSource {
 public:
  explicit LoggedContent(std::string content) : content_(std::move(content)) {}
  std::uint64_t size() const override { return content_.size(); }
  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    out = offset < content_.size() ? content_.substr(offset, length) : std::string();
    return {};
  }

 private:
  std::string content_;
};

Result<std::unique_ptr<ContentSource>> open_stored(public_works::ArtifactStore& artifacts,
                                                   std::string_view digest_hex) {
  const auto raw = base::from_hex(digest_hex);
  base::Digest digest;
  if (!raw || raw->size() != digest.bytes.size()) {
    return fail(ErrorCode::invalid_argument, fmt::format("'{}' is not a SHA-256 digest", digest_hex));
  }
  std::ranges::copy(*raw, digest.bytes.begin());
  TRY(auto reader, artifacts.open(digest));
  return std::make_unique<StoredContent>(std::move(reader));
}

Result<std::unique_ptr<ContentSource>> open_logged(const ContentStores& stores, const std::string& tenant,
                                                   std::string_view place) {
  const auto slash = std::min(place.find('/'), place.size());
  const std::string execution_id(place.substr(0, slash));
  const std::string_view name = place.substr(std::min(slash + 1, place.size()));
  TRY(const auto row, stores.state.execution(public_works::TenantScope::only(tenant), execution_id));
  if (row) {
    TRY(const auto history, read_history(stores.log, *row));
    for (const base::LogRecord& record : history) {
      if (static_cast<RecordType>(record.type) != RecordType::artifacts_handled) continue;
      TRY(const Json payload, Json::parse(record.payload));
      const Json* list = payload.find("artifacts");
      for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        Payload artifact(list->at(i));
        // Larger ones are in the artifact store, under a location of their own.
        if (artifact.text("name") != name || list->at(i).find("content") == nullptr) continue;
        auto content = base::from_base64(artifact.text("content"));
        TRY(artifact.complete(record));
        if (content) return std::make_unique<LoggedContent>(*std::move(content));
      }
    }
  }
  return fail(ErrorCode::not_found, fmt::format("execution {} has no artifact '{}' in the log", execution_id, name));
}

}  // namespace

std::string artifact_location(std::string_view digest) {
  return fmt::format("{}{}", kArtifactPrefix, digest);
}

std::string execution_location(std::string_view execution_id, std::string_view artifact_name) {
  return fmt::format("{}{}/{}", kExecutionPrefix, execution_id, artifact_name);
}

bool is_artifact_location(std::string_view location) noexcept {
  return location.starts_with(kArtifactPrefix);
}

bool digest_matches(std::string_view location, std::string_view digest) {
  if (!is_artifact_location(location) || digest.empty()) return true;
  const auto named = base::from_hex(location.substr(kArtifactPrefix.size()));
  return named && named == base::from_hex(digest);
}

std::unexpected<Error> foreign_content(const Reference& reference) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("reference {} names the content at '{}', which this execution has not stored and no other "
                          "reference of its tenant names; store it with the context, or derive from a reference that "
                          "you can see",
                          reference.reference_id, reference.location),
              "foreign_content",
              Json::object({{"location", reference.location}, {"reference_id", reference.reference_id}}));
}

Result<std::unique_ptr<ContentSource>> open_content(const ContentStores& stores, const std::string& tenant,
                                                    const Reference& reference) {
  const std::string_view location = reference.location;
  if (is_artifact_location(location)) {
    return open_stored(stores.artifacts, location.substr(kArtifactPrefix.size()));
  }
  if (location.starts_with(kExecutionPrefix)) {
    return open_logged(stores, tenant, location.substr(kExecutionPrefix.size()));
  }
  return fail(ErrorCode::invalid_argument,
              fmt::format("the content of reference {} is not kept here but at '{}'", reference.reference_id, location),
              "content_elsewhere");
}

}  // namespace symphainy::runtime
