// SPDX-License-Identifier: Apache-2.0
// A guess at a file's media type from its name and first bytes. Never fails, and says
// application/octet-stream rather than something it does not know.
#pragma once

#include <string>
#include <string_view>

namespace symphainy::domains::content {

/// In this order: a signature at the start of the bytes (PDF, PNG, JPEG, GIF, WebP, gzip, ZIP and
/// the office formats that are ZIP files, told apart by the name's extension);
/// application/octet-stream when the bytes are no text; the extension of the name, in any case
/// (csv, tsv, md, json, ...); application/octet-stream when there are no bytes; text/plain. A
/// content without known extension is not searched for commas or braces. A few hundred bytes
/// suffice; the last character may be cut.
[[nodiscard]] std::string detect_media_type(std::string_view name, std::string_view first_bytes);

}  // namespace symphainy::domains::content
