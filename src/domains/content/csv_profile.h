// SPDX-License-Identifier: Apache-2.0
// Tells what is in a CSV file: how it is written, which columns it has, and the figures of each.
// One pass, memory bounded whatever the size of the file, and equal bytes give an equal profile
// however they were cut into chunks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

#include "domains/content/column_profile.h"
#include "domains/content/csv_reader.h"
#include "domains/content/text_encoding.h"

namespace symphainy::domains::content {

/// What the caller knows better than the detection.
struct CsvOptions {
  std::optional<char> delimiter = std::nullopt;
  std::optional<bool> header = std::nullopt;
};

/// The profile:
///   kind               "csv"
///   bytes              as fed
///   encoding           ascii, utf-8, utf-16le, utf-16be (decoded first), or latin-1: a guess, when
///                      some cell is not UTF-8. Such bytes are shown as Latin-1.
///   byte_order_mark    boolean
///   delimiter, header  as detected (csv_delimiter.h, csv_header.h) or given
///   rows               records without the header
///   columns            [{name, and what ColumnProfile::finish says}]: as many as the widest record
///                      has fields
///   ragged_rows        {count, first: up to 10 of {row, fields}}: records with another number of
///                      fields than the first. Missing fields count as nulls.
///   quote_errors       {count, first: up to 10 of {row, error}}
///   blank_lines        lines without any byte; they are no records
///   line_endings       {cr, lf, crlf}: record ends, blank lines included
///   invalid_utf8       cells that are not UTF-8 (broken UTF-16 units count as well)
/// `row` counts records from 1, the header being row 1.
///
/// Limits: those of CsvLimits (1 MiB a field, 16 MiB a record, 4,096 fields), and ColumnLimits:
/// about 160 MiB of exact figures at worst for all columns of the first record together, and three
/// times that when later ones are wider, plus up to 16 KiB and the buffers of QuantileSketch a column
/// once they are estimated. Not synchronized.
class CsvProfiler {
 public:
  explicit CsvProfiler(CsvOptions options = {});
  CsvProfiler(const CsvProfiler&) = delete;  // the reader calls back into this object
  CsvProfiler& operator=(const CsvProfiler&) = delete;

  /// invalid_argument as CsvReader::feed, and with reason not_tabular: the content begins like a file
  /// that is no text, or has a NUL (outside UTF-16).
  [[nodiscard]] Result<void> feed(std::string_view chunk);
  /// Call it once, last. An empty file has no rows and no columns.
  [[nodiscard]] Result<Json> finish();

 private:
  static constexpr std::size_t kRaggedRowsKept = 10;
  struct RaggedRow {
    std::uint64_t row;
    std::size_t fields;
  };

  [[nodiscard]] Result<void> take_text(std::string_view text);
  [[nodiscard]] Result<void> refuse(std::string_view why);
  void take_row(std::uint64_t row, std::span<const std::string_view> fields);
  void widen(std::size_t columns, std::uint64_t rows_before);
  void take_first_row(std::span<const std::string_view> fields);
  [[nodiscard]] bool settle_header();
  [[nodiscard]] Json columns_json(bool header);
  [[nodiscard]] Json ragged_json() const;
  [[nodiscard]] Json quote_errors_json() const;
  [[nodiscard]] std::uint64_t invalid_cells(bool header) const noexcept;
  [[nodiscard]] Encoding encoding(std::uint64_t invalid_utf8) const noexcept;

  CsvOptions options_;
  TextDecoder decoder_;
  CsvReader reader_;
  std::uint64_t bytes_ = 0;
  std::uint64_t text_bytes_ = 0;  // what the decoder let through
  std::optional<Error> refusal_;
  // Kept aside until the end: whether it is a header depends on what is below it.
  std::vector<std::string> first_row_;
  std::vector<ColumnProfile> columns_;
  std::size_t first_row_fields_ = 0;
  std::size_t widenings_ = 0;
  std::uint64_t ragged_rows_ = 0;
  std::vector<RaggedRow> first_ragged_rows_;
};

}  // namespace symphainy::domains::content
