// SPDX-License-Identifier: Apache-2.0
// Reads comma-separated values as they come, in chunks that may end anywhere. Irregular files are
// read and their irregularities counted; only what would need unbounded memory is an error. The
// rows, counts and errors depend on the bytes alone, never on how they were cut into chunks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

namespace symphainy::domains::content {

struct CsvLimits {
  std::size_t max_field_bytes = 1024UL * 1024;        ///< after unquoting
  std::size_t max_record_bytes = 16UL * 1024 * 1024;  ///< all fields of a record together
  std::size_t max_fields = 4'096;                     ///< per record
};

/// Record ends seen outside quotes.
struct CsvLineEndings {
  std::uint64_t cr = 0;
  std::uint64_t lf = 0;
  std::uint64_t crlf = 0;
};

enum class CsvQuoteError {
  text_after_quote,    ///< "a"b: read as ab
  unterminated_quote,  ///< the input ends inside quotes: the field is what was read
};
[[nodiscard]] std::string_view to_string(CsvQuoteError error) noexcept;

/// How many there were, and the first of them by row.
struct CsvQuoteErrors {
  static constexpr std::size_t kKept = 10;
  struct Item {
    std::uint64_t row;
    CsvQuoteError error;
  };
  std::uint64_t count = 0;
  std::vector<Item> first;
};

/// Gets every record. `row` counts records from 1, a header being row 1, blank lines left out. The
/// views are valid during the call.
using CsvRowSink = std::function<void(std::uint64_t row, std::span<const std::string_view> fields)>;

/// RFC 4180, widened: records end at CR, LF or CRLF, mixed too; a UTF-8 byte order mark is skipped;
/// a quote that does not start a field is data; lines without any byte are skipped and counted. NUL
/// is data. Without a given delimiter, it is detected from the first kSampleBytes, which are kept
/// back until then. Memory: the limits of one record, and the sample. Not synchronized.
class CsvReader {
 public:
  static constexpr std::size_t kSampleBytes = 64UL * 1024;

  CsvReader(std::optional<char> delimiter, CsvRowSink sink, CsvLimits limits = {});

  /// invalid_argument when a limit is passed; the message names row and byte offset (counted from 0
  /// over all bytes fed). After an error every call repeats it.
  [[nodiscard]] Result<void> feed(std::string_view chunk);
  /// Ends the last record. Call it once, last.
  [[nodiscard]] Result<void> finish();

  /// The given or detected one; meaningful after finish, or once a row came.
  [[nodiscard]] char delimiter() const noexcept { return delimiter_.value_or(','); }
  [[nodiscard]] bool has_byte_order_mark() const noexcept { return byte_order_mark_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t blank_lines() const noexcept { return blank_lines_; }
  [[nodiscard]] const CsvLineEndings& line_endings() const noexcept { return line_endings_; }
  [[nodiscard]] const CsvQuoteErrors& quote_errors() const noexcept { return quote_errors_; }

 private:
  enum class State { field_start, unquoted, quoted, quote_seen };

  void start(bool complete);
  void consume(std::string_view bytes);
  // Both take at least one byte off the front and return how many.
  std::size_t take_quoted(std::string_view bytes);
  std::size_t take_plain(std::string_view bytes);
  void take_record_end(char end);
  void append(std::string_view text);
  void end_field();
  void end_record();
  void note(CsvQuoteError error);
  void refuse(std::string_view what, std::string reason);

  std::optional<char> delimiter_;
  CsvRowSink sink_;
  CsvLimits limits_;

  bool started_ = false;
  std::string sample_;
  State state_ = State::field_start;
  bool after_cr_ = false;
  std::array<bool, 256> stops_{};  // bytes that end a run of plain text
  std::string record_;             // the fields of the current record, one after the other
  std::vector<std::size_t> field_ends_;
  std::vector<std::string_view> fields_;
  std::uint64_t offset_ = 0;        // of the next byte
  std::uint64_t field_offset_ = 0;  // of the current field's first byte
  std::optional<Error> error_;

  bool byte_order_mark_ = false;
  std::uint64_t rows_ = 0;
  std::uint64_t blank_lines_ = 0;
  CsvLineEndings line_endings_;
  CsvQuoteErrors quote_errors_;
};

}  // namespace symphainy::domains::content
