// SPDX-License-Identifier: Apache-2.0
// Decoder, reader and columns in a row; this file only joins them and writes the result.
#include "domains/content/csv_profile.h"

#include <algorithm>
#include <utility>

#include "base/try.h"
#include "domains/content/csv_header.h"

namespace symphainy::domains::content {

CsvProfiler::CsvProfiler(CsvOptions options)
    : options_(options),
      reader_(options.delimiter,
              [this](std::uint64_t row, std::span<const std::string_view> fields) { take_row(row, fields); }) {}

Result<void> CsvProfiler::feed(std::string_view chunk) {
  bytes_ += chunk.size();
  return reader_.feed(decoder_.feed(chunk));
}

Result<Json> CsvProfiler::finish() {
  TRY(reader_.feed(decoder_.finish()));
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
  if (fields.size() != columns_.size()) {
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
  const ColumnLimits limits = ColumnLimits::for_columns(fields.size());
  columns_.reserve(fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) columns_.emplace_back(limits);
}

bool CsvProfiler::settle_header() {
  if (first_row_.empty()) return false;
  const bool header = options_.header.value_or(is_csv_header(first_row_, columns_, reader_.rows() > 1));
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
