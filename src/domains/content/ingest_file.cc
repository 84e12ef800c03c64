// SPDX-License-Identifier: Apache-2.0
#include "domains/content/ingest_file.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/try.h"
#include "domains/content/media_type.h"

namespace symphainy::domains::content {
namespace {

using public_works::File;
using public_works::FileStat;
using public_works::FileSystem;

constexpr std::size_t kPieceBytes = 1024UL * 1024;
constexpr std::size_t kMediaTypeSampleBytes = 4096;

struct Request {
  std::optional<std::string> path;
  std::string name;
  std::optional<std::string> media_type;
};

std::optional<std::string> text_of(const Json& parameters, std::string_view member) {
  const Json* found = parameters.find(member);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string(*found->as_string());
}

Request to_request(const Json& parameters) {
  Request request{text_of(parameters, "path"), "bytes", text_of(parameters, "media_type")};
  if (request.path) request.name = request.path->substr(request.path->find_last_of('/') + 1);
  if (auto name = text_of(parameters, "name")) request.name = *std::move(name);
  return request;
}

Result<std::unique_ptr<ArtifactSink>> open_sink(const Request& request, std::string_view first_bytes,
                                                ExecutionContext& context) {
  std::string media_type =
      request.media_type.value_or(detect_media_type(request.name, first_bytes.substr(0, kMediaTypeSampleBytes)));
  return context.open_artifact(base::is_name(request.name) ? request.name : "content", std::move(media_type));
}

Result<Artifact> store_bytes(const Request& request, const std::string& base64, ExecutionContext& context) {
  const std::optional<std::string> bytes = base::from_base64(base64);
  if (!bytes) {
    return fail(ErrorCode::invalid_argument,
                "bytes are not base64 as in RFC 4648, with padding and without line breaks; encode them again",
                "invalid_base64");
  }
  TRY(const auto sink, open_sink(request, *bytes, context));
  TRY(sink->write(*bytes));
  return sink->finish();
}

// Up to the size the file had; a file that somebody keeps appending to would otherwise never end.
Result<Artifact> copy(const File& file, const FileStat& before, const Request& request, ExecutionContext& context) {
  std::unique_ptr<ArtifactSink> sink;
  std::string piece;
  std::uint64_t offset = 0;
  do {
    if (!context.still_owner()) return fail(ErrorCode::cancelled, "the runtime gave up on this attempt", "gave_up");
    if (auto read = file.read_at(offset, kPieceBytes, piece); !read) {
      Error error = std::move(read).error();
      error.reason = "file_unreadable";
      return std::unexpected(std::move(error));
    }
    if (sink == nullptr) {
      TRY(sink, open_sink(request, piece, context));
    }
    TRY(sink->write(piece));
    offset += piece.size();
  } while (piece.size() == kPieceBytes && offset <= before.size);
  TRY(const FileStat after, file.stat());
  if (offset != before.size || after != before) return std::unexpected(file_changed(*request.path));
  return sink->finish();
}

Result<Artifact> store_file(FileSystem& files, const ReadableDirectories& readable, const Request& request,
                            ExecutionContext& context) {
  TRY(const ConfinedPath path, confine_path(files, readable, *request.path));
  TRY(const auto file, open_confined(files, path));
  return copy(*file, path.stat, request, context);
}

}  // namespace

IntentSupport ingest_file_support() {
  const Json one_of = Json::array({Json::object({{"required", Json::array({"path"})}}),  //
                                   Json::object({{"required", Json::array({"bytes"})}})});
  const Json properties = Json::object({
      {"path", Json::object({{"type", "string"},
                             {"minLength", 1},
                             {"maxLength", 4096},
                             {"description", "the file; relative paths start at the working directory"}})},
      {"bytes", Json::object({{"type", "string"},
                              {"contentEncoding", "base64"},
                              {"maxLength", 1'398'104},
                              {"description", "the content itself, up to 1 MiB (and to the limit on parameters)"}})},
      {"media_type", Json::object({{"type", "string"},
                                   {"maxLength", 255},
                                   {"pattern", "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;[ -~]*)?$"},
                                   {"description", "detected when absent"}})},
      {"name", Json::object({{"type", "string"},
                             {"minLength", 1},
                             {"maxLength", 255},
                             {"description", "for people; the file's own name when absent"}})},
  });
  return {.intent_type = std::string(kIngestFile),
          .schema = Json::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                                  {"title", "Stores a file's content and registers a reference to it"},
                                  {"type", "object"},
                                  {"properties", properties},
                                  {"oneOf", one_of},
                                  {"additionalProperties", false}}),
          .version = 1,
          .effects = Effects::external};
}

Result<HandlerResult> ingest_file(FileSystem& files, const ReadableDirectories& readable, const Json& parameters,
                                  ExecutionContext& context) {
  const Request request = to_request(parameters);
  TRY(const Artifact artifact, request.path ? store_file(files, readable, request, context)
                                            : store_bytes(request, text_of(parameters, "bytes").value_or(""), context));
  TRY(const std::string reference_id,
      context.register_reference({.type = "file",
                                  .name = request.name,
                                  .digest = artifact.digest,
                                  .size = artifact.size,
                                  .media_type = artifact.media_type,
                                  .location = artifact.location,
                                  .metadata = Json::object({{"source", request.path.value_or("bytes")}})}));
  Json summary = Json::object({{"reference_id", reference_id},
                               {"digest", artifact.digest},
                               {"size", artifact.size},
                               {"media_type", artifact.media_type},
                               {"name", request.name}});
  TRY(context.add_event(
      {.type = "content.file.ingested", .data = summary, .subject = reference_id, .topic = "content"}));
  return HandlerResult{std::move(summary)};
}

}  // namespace symphainy::domains::content
