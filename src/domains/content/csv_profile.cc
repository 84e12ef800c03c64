// SPDX-License-Identifier: Apache-2.0
// Decoder, reader and columns in a row; this file only joins them and writes the result.
#include "domains/content/csv_profile.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/try.h"
#include "domains/content/csv_header.h"
#include "domains/content/media_type.h"

namespace symphainy::domains::content {
namespace {

constexpr std::size_t kSignatureBytes = 64;

/// The media type that the first bytes give away when it is none of text; empty otherwise.
std::string binary_type(std::string_view first_bytes) {
  std::string type = detect_media_type({}, first_bytes.substr(0, kSignatureBytes));
  return type == "text/plain" || type == "application/octet-stream" ? std::string() : type;
}

}  // namespace

CsvProfiler::CsvProfiler(CsvOptions options)
    : options_(options),
      reader_(options.delimiter,
              [this](std::uint64_t row, std::span<const std::string_view> fields) { take_row(row, fields); }) {}

Result<void> CsvProfiler::feed(std::string_view chunk) {
  bytes_ += chunk.size();
  return take_text(decoder_.feed(chunk));
}

Result<void> CsvProfiler::take_text(std::string_view text) {
  if (refusal_) return std::unexpected(*refusal_);
  if (decoder_.utf16() || text.empty()) return reader_.feed(text);
  // The decoder lets nothing through before it has seen enough of the content, so this is its beginning.
  if (const auto type = text_bytes_ == 0 ? binary_type(text) : std::string(); !type.empty())
    return refuse(fmt::format("the content begins like {}", type));
  const std::size_t nul = std::min(text.find('\0'), text.size());
  // What is refused must not depend on how the bytes were cut: the reader judges what comes before.
  TRY(reader_.feed(text.substr(0, nul)));
  if (nul < text.size()) return refuse(fmt::format("byte {} is NUL", text_bytes_ + nul));
  text_bytes_ += text.size();
  return {};
}

Result<void> CsvProfiler::refuse(std::string_view why) {
  refusal_ = Error{ErrorCode::invalid_argument,
                   fmt::format("this is no table of text: {}; a profile reads CSV and TSV files", why),
                   "not_tabular",
                   {}};
  return std::unexpected(*refusal_);
}

Result<Json> CsvProfiler::finish() {
  TRY(take_text(decoder_.finish()));
  TRY(reader_.finish());
  const bool header = settle_header();
  const std::uint64_t invalid_utf8 = invalid_cells(header) + decoder_.invalid_units();
  const CsvLineEndings& endings = reader_.line_endings();
  return Json::object({{"kind", "csv"},
                       {"bytes", bytes_},
                       {"encoding", to_string(encoding(invalid_utf8))},
                       {"byte_order_mark", reader_.has_byte_order_mark()},
                       {"delimiter", std::string(1, reader_.delimiter())},
                       {"header", header},
                       {"rows", reader_.rows() - (header ? 1 : 0)},
                       {"columns", columns_json(header)},
                       {"ragged_rows", ragged_json()},
                       {"quote_errors", quote_errors_json()},
                       {"blank_lines", reader_.blank_lines()},
                       {"line_endings", Json::object({{"cr", endings.cr}, {"lf", endings.lf}, {"crlf", endings.crlf}})},
                       {"invalid_utf8", invalid_utf8}});
}

void CsvProfiler::take_row(std::uint64_t row, std::span<const std::string_view> fields) {
  if (row == 1) {
    take_first_row(fields);
    return;
  }
  if (fields.size() > columns_.size()) widen(fields.size(), row - 2);
  if (fields.size() != first_row_fields_) {
    ++ragged_rows_;
    if (first_ragged_rows_.size() < kRaggedRowsKept) {
      first_ragged_rows_.push_back({row, fields.size()});
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    columns_[i].add(i < fields.size() ? fields[i] : std::string_view());
  }
}

void CsvProfiler::take_first_row(std::span<const std::string_view> fields) {
  first_row_.assign(fields.begin(), fields.end());
  first_row_fields_ = fields.size();
  const ColumnLimits limits = ColumnLimits::for_columns(fields.size());
  columns_.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) columns_.emplace_back(limits);
}

void CsvProfiler::widen(std::size_t columns, std::uint64_t rows_before) {
  // Half as much as the last time, so that they stay bounded however often a wider row comes.
  ++widenings_;
  const ColumnLimits limits = ColumnLimits::for_columns(columns << std::min<std::size_t>(widenings_, 12));
  while (columns_.size() < columns) columns_.emplace_back(limits).add_missing(rows_before);
}

bool CsvProfiler::settle_header() {
  if (first_row_.empty()) return false;
  const std::span<const ColumnProfile> named = std::span(columns_).first(first_row_.size());
  const bool header = options_.header.value_or(is_csv_header(first_row_, named, reader_.rows() > 1));
  first_row_.resize(columns_.size());  // with empty cells, where later rows are wider
  if (!header) {
    for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i].add(first_row_[i]);
  }
  return header;
}

Json CsvProfiler::columns_json(bool header) {
  std::vector<std::string> names = header ? csv_column_names(first_row_) : csv_column_numbers(columns_.size());
  Json columns = Json::array();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Json column = columns_[i].finish();
    column["name"] = names[i];
    columns.push_back(std::move(column));
  }
  return columns;
}

Json CsvProfiler::ragged_json() const {
  Json first = Json::array();
  for (const RaggedRow& ragged : first_ragged_rows_) {
    first.push_back(Json::object({{"row", ragged.row}, {"fields", ragged.fields}}));
  }
  return Json::object({{"count", ragged_rows_}, {"first", std::move(first)}});
}

Json CsvProfiler::quote_errors_json() const {
  Json first = Json::array();
  for (const CsvQuoteErrors::Item& item : reader_.quote_errors().first) {
    first.push_back(Json::object({{"row", item.row}, {"error", to_string(item.error)}}));
  }
  return Json::object({{"count", reader_.quote_errors().count}, {"first", std::move(first)}});
}

std::uint64_t CsvProfiler::invalid_cells(bool header) const noexcept {
  std::uint64_t invalid = 0;
  for (const ColumnProfile& column : columns_) invalid += column.invalid_utf8_cells();
  // Without header, the first row is among the columns' cells already.
  for (const std::string& cell : first_row_) invalid += header && !is_utf8(cell) ? 1 : 0;
  return invalid;
}

Encoding CsvProfiler::encoding(std::uint64_t invalid_utf8) const noexcept {
  if (decoder_.utf16()) return *decoder_.utf16();
  if (invalid_utf8 > 0) return Encoding::latin1;
  if (reader_.has_byte_order_mark()) return Encoding::utf8;
  const bool ascii = std::ranges::all_of(columns_, [](const ColumnProfile& column) { return column.ascii(); }) &&
                     std::ranges::all_of(first_row_, [](const std::string& cell) { return is_ascii(cell); });
  return ascii ? Encoding::ascii : Encoding::utf8;
}

}  // namespace symphainy::domains::content
