// SPDX-License-Identifier: Apache-2.0
// Two tables. Signatures win over names: a picture called report.csv is a picture.
#include "domains/content/media_type.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "domains/content/text_encoding.h"

namespace symphainy::domains::content {
namespace {

using std::string_view_literals::operator""sv;

struct Signature {
  std::string_view bytes;
  std::string_view type;
};

constexpr std::array<Signature, 6> kSignatures = {{{"%PDF-"sv, "application/pdf"},
                                                   {"\x89PNG\r\n\x1a\n"sv, "image/png"},
                                                   {"\xFF\xD8\xFF"sv, "image/jpeg"},
                                                   {"GIF87a"sv, "image/gif"},
                                                   {"GIF89a"sv, "image/gif"},
                                                   {"\x1F\x8B"sv, "application/gzip"}}};
constexpr std::string_view kZip = "PK\x03\x04"sv;

struct Extension {
  std::string_view name;
  std::string_view type;
};

constexpr std::array<Extension, 4> kZipExtensions = {
    {{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
     {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
     {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
     {"ods", "application/vnd.oasis.opendocument.spreadsheet"}}};

constexpr std::array<Extension, 16> kTextExtensions = {{{"csv", "text/csv"},
                                                        {"tsv", "text/tab-separated-values"},
                                                        {"tab", "text/tab-separated-values"},
                                                        {"md", "text/markdown"},
                                                        {"markdown", "text/markdown"},
                                                        {"txt", "text/plain"},
                                                        {"text", "text/plain"},
                                                        {"log", "text/plain"},
                                                        {"json", "application/json"},
                                                        {"jsonl", "application/x-ndjson"},
                                                        {"ndjson", "application/x-ndjson"},
                                                        {"html", "text/html"},
                                                        {"htm", "text/html"},
                                                        {"xml", "application/xml"},
                                                        {"yaml", "application/yaml"},
                                                        {"yml", "application/yaml"}}};

constexpr std::string_view kUnknown = "application/octet-stream";

std::string extension_of(std::string_view name) {
  name = name.substr(name.find_last_of('/') + 1);
  const std::size_t dot = name.rfind('.');
  std::string extension(dot == std::string_view::npos ? "" : name.substr(dot + 1));
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return extension;
}

template <std::size_t size>
std::string_view find(const std::array<Extension, size>& table, std::string_view extension) {
  const auto found = std::ranges::find(table, extension, &Extension::name);
  return found == table.end() ? std::string_view() : found->type;
}

std::string_view by_signature(std::string_view bytes, std::string_view extension) {
  for (const Signature& signature : kSignatures) {
    if (bytes.starts_with(signature.bytes)) return signature.type;
  }
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "image/webp";
  if (!bytes.starts_with(kZip)) return {};
  const std::string_view office = find(kZipExtensions, extension);
  return office.empty() ? "application/zip" : office;
}

bool is_text(std::string_view bytes) {
  if (detect_utf16(bytes)) return true;
  const auto stray = std::ranges::count_if(
      bytes, [](char c) { return (c >= 0 && c < ' ' && c != 0x1B && !(c >= '\b' && c <= '\r')) || c == 0x7F; });
  return !bytes.contains('\0') && static_cast<std::size_t>(stray) * 100 <= bytes.size();
}

}  // namespace

std::string detect_media_type(std::string_view name, std::string_view first_bytes) {
  const std::string extension = extension_of(name);
  if (const auto type = by_signature(first_bytes, extension); !type.empty()) {
    return std::string(type);
  }
  if (!is_text(first_bytes)) return std::string(kUnknown);
  if (const auto type = find(kTextExtensions, extension); !type.empty()) return std::string(type);
  return std::string(first_bytes.empty() ? kUnknown : "text/plain"sv);
}

}  // namespace symphainy::domains::content
