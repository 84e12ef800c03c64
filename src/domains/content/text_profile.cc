// SPDX-License-Identifier: Apache-2.0
// Works on characters, not bytes, so that dashes and curly quotes end terms and letters do not.
#include "domains/content/text_profile.h"

#include <algorithm>
#include <array>
#include <utility>

namespace symphainy::domains::content {
namespace {

// Three letters or more, in the order of their bytes (looked up by bisection).
constexpr std::array<std::string_view, 62> kStopWords = {
    "about", "after",  "all",  "also", "and",  "any",   "are",  "because", "been",  "but",  "can",   "could", "did",
    "does",  "for",    "from", "had",  "has",  "have",  "her",  "here",    "him",   "his",  "how",   "into",  "its",
    "just",  "may",    "more", "most", "not",  "off",   "one",  "only",    "other", "our",  "out",   "over",  "shall",
    "she",   "should", "some", "such", "than", "that",  "the",  "their",   "them",  "then", "there", "these", "they",
    "this",  "was",    "were", "what", "when", "which", "will", "with",    "would", "you"};
static_assert(std::ranges::is_sorted(kStopWords));

struct Range {
  char32_t first;
  char32_t last;
};

// Punctuation, symbols and controls beyond ASCII; everything else there is taken for a letter.
constexpr std::array<Range, 15> kNotLetters = {{{0x80, 0xA9},
                                                {0xAB, 0xB4},
                                                {0xB6, 0xB9},
                                                {0xBB, 0xBF},
                                                {0xD7, 0xD7},
                                                {0xF7, 0xF7},
                                                {0x2000, 0x206F},
                                                {0x20A0, 0x20CF},
                                                {0x2190, 0x2BFF},
                                                {0x3000, 0x303F},
                                                {0xFE30, 0xFE4F},
                                                {0xFEFF, 0xFF0F},
                                                {0xFF1A, 0xFF20},
                                                {0xFFF0, 0xFFFF},
                                                {0x1F000, 0x1FAFF}}};

constexpr bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return std::ranges::none_of(kNotLetters, [c](const Range& range) { return c >= range.first && c <= range.last; });
}

constexpr char32_t lower(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (within('A', 'Z') || (within(0xC0, 0xDE) && c != 0xD7)) return c + 0x20;
  if (within(0x391, 0x3A9) && c != 0x3A2) return c + 0x20;
  if (within(0x410, 0x42F)) return c + 0x20;
  if (within(0x400, 0x40F)) return c + 0x50;
  return c;
}

constexpr bool is_space(char32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Backspace and escape occur in terminal logs, which are text.
constexpr bool is_stray_control(char32_t c) {
  return (c < 0x20 && !is_space(c) && c != 0x08 && c != 0x1B) || c == 0x7F;
}

constexpr char32_t kByteOrderMark = 0xFEFF;
constexpr char32_t kCurlyApostrophe = 0x2019;

}  // namespace

Result<void> TextProfiler::feed(std::string_view chunk) {
  bytes_ += chunk.size();
  take_bytes(decoder_.feed(chunk), false);
  return {};
}

Result<Json> TextProfiler::finish() {
  take_bytes(decoder_.finish(), true);
  end_term();
  if (line_bytes_ > 0) end_line();
  const Encoding kind = encoding();
  const bool binary = kind == Encoding::binary;
  Json out = Json::object({{"kind", "text"},
                           {"bytes", bytes_},
                           {"encoding", to_string(kind)},
                           {"byte_order_mark", byte_order_mark_},
                           {"lines", binary ? Json() : Json(lines_)},
                           {"words", binary ? Json() : Json(words_)},
                           {"longest_line_bytes", binary ? Json() : Json(longest_line_bytes_)},
                           {"top_terms", binary ? Json::array() : top_terms()},
                           {"invalid_utf8", invalid_ + decoder_.invalid_units()}});
  if (!binary && !terms_.exact()) {
    out["top_terms_estimated"] = true;
    out["top_terms_max_error"] = terms_.max_error();
  }
  return out;
}

void TextProfiler::take_bytes(std::string_view bytes, bool last) {
  std::string joined;
  if (!tail_.empty()) {
    joined = std::exchange(tail_, {});
    joined.append(bytes);
    bytes = joined;
  }
  while (!bytes.empty()) {
    const CodePoint next = first_code_point(bytes);
    if (next.status == CodePoint::Status::incomplete && !last) {
      tail_ = bytes;
      return;
    }
    if (next.status == CodePoint::Status::valid) {
      take(next.value, next.length);
      bytes.remove_prefix(next.length);
    } else {
      ++invalid_;
      take(latin1_reading(static_cast<unsigned char>(bytes[0])), 1);
      bytes.remove_prefix(1);
    }
  }
}

void TextProfiler::take(char32_t code_point, std::size_t bytes) {
  if (code_point == kByteOrderMark && characters_ == 0 && !byte_order_mark_) {
    byte_order_mark_ = true;
    return;
  }
  ++characters_;
  if (code_point == 0) ++nul_characters_;
  if (is_stray_control(code_point)) ++control_characters_;
  if (code_point >= 0x80) ++non_ascii_;
  const bool space = is_space(code_point);
  if (!space && !in_word_) ++words_;
  in_word_ = !space;
  take_for_lines(code_point, bytes);
  take_for_terms(code_point);
}

void TextProfiler::take_for_lines(char32_t code_point, std::size_t bytes) {
  const bool second_half = after_cr_ && code_point == '\n';
  after_cr_ = code_point == '\r';
  if (second_half) return;
  if (code_point == '\n' || code_point == '\r') {
    end_line();
  } else {
    line_bytes_ += bytes;
  }
}

void TextProfiler::end_line() {
  ++lines_;
  longest_line_bytes_ = std::max(longest_line_bytes_, line_bytes_);
  line_bytes_ = 0;
}

void TextProfiler::take_for_terms(char32_t code_point) {
  const bool letter = is_letter(code_point);
  const bool apostrophe = code_point == '\'' || code_point == kCurlyApostrophe;
  if (apostrophe && term_characters_ > 0 && !pending_apostrophe_) {
    pending_apostrophe_ = true;
    return;
  }
  if (!letter && !is_digit(code_point)) {
    end_term();
    return;
  }
  const bool kept = term_characters_ < kMaxTermCharacters;
  if (pending_apostrophe_ && kept) {
    term_.push_back('\'');
    ++term_characters_;
  }
  pending_apostrophe_ = false;
  // Beyond the limit it is only counted: such a run is no term.
  if (kept) append_utf8(term_, lower(code_point));
  ++term_characters_;
  term_has_letter_ = term_has_letter_ || letter;
}

void TextProfiler::end_term() {
  if (term_characters_ >= kMinTermCharacters && term_characters_ <= kMaxTermCharacters && term_has_letter_ &&
      !std::ranges::binary_search(kStopWords, std::string_view(term_))) {
    terms_.add(term_);
  }
  term_.clear();
  term_characters_ = 0;
  term_has_letter_ = false;
  pending_apostrophe_ = false;
}

Encoding TextProfiler::encoding() const noexcept {
  if (nul_characters_ > 0 || control_characters_ * 100 > characters_) return Encoding::binary;
  if (decoder_.utf16()) return *decoder_.utf16();
  if (invalid_ > 0) return Encoding::latin1;
  return non_ascii_ > 0 || byte_order_mark_ ? Encoding::utf8 : Encoding::ascii;
}

Json TextProfiler::top_terms() const {
  Json terms = Json::array();
  for (const ValueCounts::Entry& entry : terms_.top(kTopTerms)) {
    terms.push_back(Json::object({{"term", entry.value}, {"count", entry.count}}));
  }
  return terms;
}

}  // namespace symphainy::domains::content
