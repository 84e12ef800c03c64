// SPDX-License-Identifier: Apache-2.0
// Tells what is in a text file: its encoding, its size in lines and words, and the words it uses
// most. One pass, memory bounded whatever the size of the file, and equal bytes give an equal
// profile however they were cut into chunks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "domains/content/text_encoding.h"
#include "domains/content/value_counts.h"

namespace symphainy::domains::content {

/// The profile:
///   kind                "text"
///   bytes               as fed
///   encoding            ascii, utf-8, utf-16le, utf-16be; binary: it has NULs, or more than one
///                       character in a hundred is a control character; else latin-1: a guess, when
///                       it is not UTF-8. The bytes that are not are then read as Latin-1.
///   byte_order_mark     boolean
///   lines               pieces ended by LF, CR or CRLF, and what follows the last of them
///   words               runs of anything but ASCII white space
///   longest_line_bytes  without its end; in UTF-8, whatever the encoding
///   top_terms           [{term, count}], the 20 most frequent. Terms are runs of letters and
///   digits
///                       with at least one letter, an apostrophe between letters included, 3 to 64
///                       characters long, in lower case (ASCII, Latin-1, Greek and Cyrillic
///                       capitals), without some frequent English words.
///   top_terms_estimated, top_terms_max_error
///                       only when more than 65,536 terms or 8 MiB of them were seen: counts may be
///                       too low by up to that number
///   invalid_utf8        bytes that are no UTF-8, or broken UTF-16 units
/// Of binary content, lines, words and longest_line_bytes are null, and there are no top_terms.
/// Not synchronized.
class TextProfiler {
 public:
  static constexpr std::size_t kTopTerms = 20;
  static constexpr std::size_t kMinTermCharacters = 3;
  static constexpr std::size_t kMaxTermCharacters = 64;

  [[nodiscard]] Result<void> feed(std::string_view chunk);
  /// Call it once, last.
  [[nodiscard]] Result<Json> finish();

 private:
  void take_bytes(std::string_view bytes, bool last);
  void take(char32_t code_point, std::size_t bytes);
  void take_for_lines(char32_t code_point, std::size_t bytes);
  void take_for_terms(char32_t code_point);
  void end_line();
  void end_term();
  [[nodiscard]] Encoding encoding() const noexcept;
  [[nodiscard]] Json top_terms() const;

  TextDecoder decoder_;
  std::string tail_;  // the start of a character that the chunk cut
  std::uint64_t bytes_ = 0;
  std::uint64_t characters_ = 0;
  std::uint64_t control_characters_ = 0;
  std::uint64_t nul_characters_ = 0;
  std::uint64_t non_ascii_ = 0;
  std::uint64_t invalid_ = 0;
  bool byte_order_mark_ = false;

  std::uint64_t lines_ = 0;
  std::uint64_t line_bytes_ = 0;
  std::uint64_t longest_line_bytes_ = 0;
  bool after_cr_ = false;
  std::uint64_t words_ = 0;
  bool in_word_ = false;

  std::string term_;
  std::size_t term_characters_ = 0;
  bool term_has_letter_ = false;
  bool pending_apostrophe_ = false;
  ValueCounts terms_;
};

}  // namespace symphainy::domains::content
