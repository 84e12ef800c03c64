// SPDX-License-Identifier: Apache-2.0
// A state machine that moves over runs of bytes rather than single ones. A CR ends its record at
// once; an LF right behind it only turns the count of CRs into one of CRLFs.
#include "domains/content/csv_reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "domains/content/csv_delimiter.h"
#include "domains/content/text_encoding.h"

namespace symphainy::domains::content {
namespace {

std::size_t index_of(char c) {
  return static_cast<unsigned char>(c);
}

}  // namespace

std::string_view to_string(CsvQuoteError error) noexcept {
  return error == CsvQuoteError::text_after_quote ? "text_after_quote" : "unterminated_quote";
}

CsvReader::CsvReader(std::optional<char> delimiter, CsvRowSink sink, CsvLimits limits)
    : delimiter_(delimiter), sink_(std::move(sink)), limits_(limits) {}

Result<void> CsvReader::feed(std::string_view chunk) {
  if (!started_) {
    const std::size_t wanted = delimiter_ ? kUtf8ByteOrderMark.size() : kSampleBytes;
    const std::size_t taken = std::min(chunk.size(), wanted - sample_.size());
    sample_.append(chunk.substr(0, taken));
    chunk.remove_prefix(taken);
    if (sample_.size() < wanted) return {};
    start(false);
  }
  consume(chunk);
  if (error_) return std::unexpected(*error_);
  return {};
}

Result<void> CsvReader::finish() {
  if (!started_) start(true);
  if (!error_) {
    if (after_cr_) ++line_endings_.cr;
    if (state_ == State::quoted) note(CsvQuoteError::unterminated_quote);
    if (state_ != State::field_start || !field_ends_.empty()) end_record();
  }
  if (error_) return std::unexpected(*error_);
  return {};
}

void CsvReader::start(bool complete) {
  started_ = true;
  const std::string sample = std::exchange(sample_, {});
  std::string_view bytes = sample;
  byte_order_mark_ = bytes.starts_with(kUtf8ByteOrderMark);
  if (byte_order_mark_) {
    bytes.remove_prefix(kUtf8ByteOrderMark.size());
    offset_ = field_offset_ = kUtf8ByteOrderMark.size();
  }
  if (!delimiter_) delimiter_ = detect_csv_delimiter(bytes, complete);
  for (const char c : {*delimiter_, '\r', '\n'}) stops_[index_of(c)] = true;
  consume(bytes);
}

void CsvReader::consume(std::string_view bytes) {
  while (!bytes.empty() && !error_) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes[0] == '\n') {
        ++line_endings_.crlf;
        field_offset_ = ++offset_;
        bytes.remove_prefix(1);
        continue;
      }
      ++line_endings_.cr;
    }
    const std::size_t taken = state_ == State::quoted ? take_quoted(bytes) : take_plain(bytes);
    bytes.remove_prefix(taken);
  }
}

std::size_t CsvReader::take_quoted(std::string_view bytes) {
  const std::size_t quote = bytes.find('"');
  append(bytes.substr(0, quote));
  const bool found = quote != std::string_view::npos;
  if (found) state_ = State::quote_seen;
  const std::size_t taken = found ? quote + 1 : bytes.size();
  offset_ += taken;
  return taken;
}

std::size_t CsvReader::take_plain(std::string_view bytes) {
  const char next = bytes[0];
  if (next == '"' && (state_ == State::field_start || state_ == State::quote_seen)) {
    if (state_ == State::quote_seen) append("\"");
    state_ = State::quoted;
    ++offset_;
    return 1;
  }
  std::size_t run = 0;
  while (run < bytes.size() && !stops_[index_of(bytes[run])]) ++run;
  if (run > 0) {
    if (state_ == State::quote_seen) note(CsvQuoteError::text_after_quote);
    state_ = State::unquoted;
    append(bytes.substr(0, run));
    offset_ += run;
    return run;
  }
  ++offset_;
  if (next == *delimiter_) {
    end_field();
    state_ = State::field_start;
  } else {
    take_record_end(next);
  }
  field_offset_ = offset_;
  return 1;
}

void CsvReader::take_record_end(char end) {
  if (end == '\r') {
    after_cr_ = true;
  } else {
    ++line_endings_.lf;
  }
  if (state_ == State::field_start && field_ends_.empty()) {
    ++blank_lines_;
  } else {
    end_record();
  }
}

void CsvReader::append(std::string_view text) {
  const std::size_t field_begin = field_ends_.empty() ? 0 : field_ends_.back();
  const std::size_t field_room = limits_.max_field_bytes - (record_.size() - field_begin);
  const std::size_t record_room = limits_.max_record_bytes - record_.size();
  if (text.size() <= std::min(field_room, record_room)) {
    record_.append(text);
  } else if (field_room <= record_room) {
    // The limit that is reached first is reported, however large the chunk.
    refuse(fmt::format("is longer than {} bytes", limits_.max_field_bytes), "csv_field_too_long");
  } else {
    refuse(fmt::format("makes its record longer than {} bytes", limits_.max_record_bytes), "csv_record_too_long");
  }
}

void CsvReader::end_field() {
  if (field_ends_.size() == limits_.max_fields) {
    refuse(fmt::format("is one more than the {} fields a record may have", limits_.max_fields), "csv_too_many_fields");
    return;
  }
  field_ends_.push_back(record_.size());
}

void CsvReader::end_record() {
  end_field();
  if (error_) return;
  fields_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : field_ends_) {
    fields_.push_back(std::string_view(record_).substr(begin, end - begin));
    begin = end;
  }
  ++rows_;
  sink_(rows_, fields_);
  record_.clear();
  field_ends_.clear();
  state_ = State::field_start;
}

void CsvReader::note(CsvQuoteError error) {
  ++quote_errors_.count;
  if (quote_errors_.first.size() < CsvQuoteErrors::kKept) {
    quote_errors_.first.push_back({rows_ + 1, error});
  }
}

void CsvReader::refuse(std::string_view what, std::string reason) {
  const bool in_quotes = state_ == State::quoted;
  Error error;
  error.code = ErrorCode::invalid_argument;
  error.message = fmt::format("row {}: the field at byte offset {} {}{}", rows_ + 1, field_offset_, what,
                              in_quotes ? "; check whether its quote is ever closed" : "");
  error.reason = std::move(reason);
  error.details = Json::object({{"row", rows_ + 1}, {"byte_offset", field_offset_}});
  error_ = std::move(error);
}

}  // namespace symphainy::domains::content
