// SPDX-License-Identifier: Apache-2.0
#include "cli/reference_content.h"

#include <fmt/format.h>
#include <memory>
#include <string>

#include "base/digest.h"
#include "base/try.h"
#include "runtime/content_location.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

std::unexpected<Error> damaged(const Reference& reference, std::string_view how) {
  return fail(
      ErrorCode::corrupt,
      fmt::format("the content of reference {} {}; restore it, or ingest it again", reference.reference_id, how),
      "content_damaged");
}

Result<std::unique_ptr<ContentSource>> open(const ScopedReader& reader, const Reference& reference) {
  auto content = runtime::open_content({reader.store->state(), reader.store->log(), reader.store->artifacts()},
                                       reference.tenant_id, reference);
  if (!content && content.error().code == ErrorCode::not_found) return damaged(reference, "is missing from the store");
  if (content && (*content)->size() != reference.size)
    return damaged(reference, fmt::format("is {} bytes long, not {}", (*content)->size(), reference.size));
  return content;
}

}  // namespace

Result<void> read_content(const ScopedReader& reader, const Reference& reference,
                          const std::function<bool(std::string_view)>& take) {
  TRY(const auto content, open(reader, reference));
  base::Sha256 hash;
  std::string piece;
  for (std::uint64_t offset = 0; offset < reference.size; offset += piece.size()) {
    TRY(content->read_at(offset, kPieceBytes, piece));
    if (piece.empty()) return damaged(reference, fmt::format("ends at byte {} of {}", offset, reference.size));
    hash.update(piece);
    if (!take(piece)) return {};
  }
  // Not every domain says a digest.
  if (!reference.digest.empty() && hash.finish().hex() != reference.digest)
    return damaged(reference, "is not what was stored: its SHA-256 differs");
  return {};
}

}  // namespace symphainy::cli
