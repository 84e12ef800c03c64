// SPDX-License-Identifier: Apache-2.0
// The translation reads the pattern by ECMA-262's grammar and writes every construct anew in RE2's,
// so that nothing is passed on whose meaning differs between the two (RE2's POSIX classes, \Q, \A,
// inline flags, "[]a]").
#include "runtime/json_schema_regex.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace symphainy::runtime::json_schema {

namespace {

constexpr std::uint32_t kMaxRepeats = 1000;  // RE2's own limit
// Enough for \p{L}{1,256}; a DFA that would outgrow it falls back to RE2's slower, still linear,
// automaton.
constexpr std::int64_t kMaxPatternMemory = 8 * 1024 * 1024;

// ECMA-262's WhiteSpace and LineTerminator, and all the rest, as ranges of a class.
constexpr std::string_view kSpaces =
    "\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"
    "\\x{3000}\\x{feff}";
constexpr std::string_view kNonSpaces =
    "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}"
    "\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
    "\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}";
constexpr std::string_view kAnyButLineEnds = "[^\\n\\r\\x{2028}\\x{2029}]";

constexpr auto kCategories = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"Letter", "L"},
    {"Cased_Letter", "LC"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
    {"cntrl", "Cc"},
    {"Format", "Cf"},
    {"Surrogate", "Cs"},
    {"Private_Use", "Co"},
});
constexpr std::string_view kShortCategories =
    " L LC Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C "
    "Cc Cf Co ";

// RE2's class for what stands in the braces of \p{...}, or nothing when it has none.
std::optional<std::string> property_class(std::string_view property, bool negated) {
  const std::size_t equals = property.find('=');
  const std::string_view name = property.substr(0, std::min(equals, property.size()));
  std::string_view value = equals == std::string_view::npos ? name : property.substr(equals + 1);
  if (value.empty() || value.find_first_of("{}\\^") != std::string_view::npos) return {};
  const char mark = negated ? 'P' : 'p';
  if (equals != std::string_view::npos && (name == "Script" || name == "sc"))
    return fmt::format("\\{}{{{}}}", mark, value);
  if (equals != std::string_view::npos && name != "General_Category" && name != "gc") return {};
  if (equals == std::string_view::npos && value == "Any")
    return negated ? std::nullopt : std::optional<std::string>("\\x{0}-\\x{10ffff}");
  if (equals == std::string_view::npos && value == "ASCII") return negated ? "\\x{80}-\\x{10ffff}" : "\\x{0}-\\x{7f}";
  for (const auto& [long_name, short_name] : kCategories)
    if (value == long_name) value = short_name;
  if (value == "LC") {
    if (negated) return {};
    return "\\p{Lu}\\p{Ll}\\p{Lt}";
  }
  if (kShortCategories.find(fmt::format(" {} ", value)) == std::string_view::npos) return {};
  return fmt::format("\\{}{{{}}}", mark, value);
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// One escape or character: a code point, or the inside of a class.
struct Atom {
  std::uint32_t code_point = 0;
  std::string ranges;  ///< not empty for a class
};

class Translator {
 public:
  explicit Translator(std::string_view pattern) : text_(pattern) {}

  std::expected<std::string, PatternProblem> translate() {
    while (!at_end() && !problem_) translate_term();
    if (!problem_ && open_groups_ > 0) malformed("a group is not closed");
    if (problem_) return std::unexpected(std::move(*problem_));
    return std::move(out_);
  }

 private:
  void translate_term() {
    const char c = text_[at_++];
    switch (c) {
      case '(':
        return open_group();
      case ')':
        if (open_groups_-- == 0) return malformed("')' without '('");
        return put_atom(")");
      case '|':
        return put_boundary("|");
      case '^':
      case '$':  // without RE2's multi-line flag, these are the ends of the text alone
        return put_boundary({&c, 1});
      case '.':
        return put_atom(kAnyButLineEnds);
      case '[':
        return translate_class();
      case '\\':
        return translate_escape();
      case '*':
      case '+':
      case '?':
        return put_quantifier({&c, 1});
      case '{':
        return translate_braces();
      case ']':
      case '}':
        return put_atom(fmt::format("\\{}", c));
      default:
        --at_;
        return put_literal();
    }
  }

  void put_literal() {
    const std::size_t length = sequence_length();
    put_atom(text_.substr(at_, length));
    at_ += length;
  }

  void open_group() {
    quantifiable_ = false;
    ++open_groups_;
    out_ += "(?:";  // nothing refers to what a group captured
    if (!take("?") || take(":")) return;
    if (take("=") || take("!") || take("<=") || take("<!")) return unsupported("lookaround");
    if (!take("<")) return unsupported("a group with flags");
    const std::size_t name_end = text_.find('>', at_);
    if (name_end == std::string_view::npos || name_end == at_) return malformed("a group's name does not end");
    at_ = name_end + 1;
  }

  void translate_escape() {
    if (at_end()) return malformed("a backslash at the end");
    const char c = text_[at_];
    if (c == 'b' || c == 'B') {
      ++at_;
      return put_boundary(c == 'b' ? "\\b" : "\\B");
    }
    if (c >= '1' && c <= '9') return unsupported("a back reference");
    if (c == 'k') return unsupported("a named back reference");
    const auto atom = read_escape(false);
    if (!atom) return;
    put_atom(atom->ranges.empty() ? fmt::format("\\x{{{:x}}}", atom->code_point) : fmt::format("[{}]", atom->ranges));
  }

  // Reads what follows a backslash; nothing after a problem.
  std::optional<Atom> read_escape(bool in_class) {
    const char c = text_[at_++];
    switch (c) {
      case 'd':
        return Atom{0, "0-9"};
      case 'D':
        return Atom{0, "\\x{0}-\\x{2f}\\x{3a}-\\x{10ffff}"};
      case 'w':
        return Atom{0, "0-9A-Za-z_"};
      case 'W':
        return Atom{0, "\\x{0}-\\x{2f}\\x{3a}-\\x{40}\\x{5b}-\\x{5e}\\x{60}\\x{7b}-\\x{10ffff}"};
      case 's':
        return Atom{0, std::string(kSpaces)};
      case 'S':
        return Atom{0, std::string(kNonSpaces)};
      case 'p':
      case 'P':
        return read_property(c == 'P');
      case 't':
        return Atom{'\t', {}};
      case 'n':
        return Atom{'\n', {}};
      case 'v':
        return Atom{'\v', {}};
      case 'f':
        return Atom{'\f', {}};
      case 'r':
        return Atom{'\r', {}};
      case 'c':
        if (at_end() || !is_letter(text_[at_])) return refuse("\\c must be followed by a letter");
        return Atom{static_cast<std::uint32_t>(text_[at_++]) & 0x1F, {}};
      case 'x':
        return read_code_point(2);
      case 'u':
        return read_unicode();
      case '0':
        if (!at_end() && is_digit(text_[at_])) return refuse("an octal escape");
        return Atom{0, {}};
      default:
        break;
    }
    if (in_class && c == 'b') return Atom{'\b', {}};
    if (is_letter(c) || is_digit(c)) return refuse(fmt::format("\\{} is no escape", c));
    --at_;
    return Atom{read_literal(), {}};
  }

  std::optional<Atom> read_property(bool negated) {
    const std::size_t end = text_.find('}', at_);
    if (!take("{") || end == std::string_view::npos) return refuse("\\p must be followed by {...}");
    const std::string_view property = text_.substr(at_, end - at_);
    at_ = end + 1;
    auto ranges = property_class(property, negated);
    if (!ranges) {
      unsupported(fmt::format("the Unicode property {}", property));
      return {};
    }
    return Atom{0, *std::move(ranges)};
  }

  std::optional<Atom> read_code_point(std::size_t digits) {
    std::uint32_t value = 0;
    const char* from = text_.data() + at_;
    if (text_.size() - at_ < digits || std::from_chars(from, from + digits, value, 16).ptr != from + digits)
      return refuse("an escape needs more hexadecimal digits");
    at_ += digits;
    return Atom{value, {}};
  }

  std::optional<Atom> read_unicode() {
    if (take("{")) {
      const std::size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || end == at_) return refuse("\\u{ is not closed");
      if (end - at_ > 8) return refuse("a code point beyond U+10FFFF");
      auto atom = read_code_point(end - at_);
      if (atom && atom->code_point > 0x10FFFF) return refuse("a code point beyond U+10FFFF");
      ++at_;
      return checked_surrogate(std::move(atom));
    }
    auto atom = read_code_point(4);
    if (!atom || atom->code_point < 0xD800 || atom->code_point > 0xDBFF) return checked_surrogate(std::move(atom));
    const std::size_t before = at_;
    if (take("\\u")) {
      const auto low = read_code_point(4);
      if (!low) return {};
      if (low->code_point >= 0xDC00 && low->code_point <= 0xDFFF)
        return Atom{0x10000 + ((atom->code_point - 0xD800) << 10) + (low->code_point - 0xDC00), {}};
    }
    at_ = before;
    return checked_surrogate(std::move(atom));
  }

  std::optional<Atom> checked_surrogate(std::optional<Atom> atom) {
    if (atom && atom->code_point >= 0xD800 && atom->code_point <= 0xDFFF) {
      unsupported("a lone surrogate");
      return {};
    }
    return atom;
  }

  void translate_class() {
    const bool negated = take("^");
    std::string ranges;
    while (!at_end() && text_[at_] != ']') {
      if (!translate_class_item(ranges)) return;
    }
    if (!take("]")) return malformed("a class is not closed");
    // RE2 has no spelling for ECMA-262's [] (nothing) and [^] (anything).
    if (ranges.empty()) return put_atom(negated ? "[\\x{0}-\\x{10ffff}]" : "[^\\x{0}-\\x{10ffff}]");
    put_atom(fmt::format("[{}{}]", negated ? "^" : "", ranges));
  }

  bool translate_class_item(std::string& ranges) {
    const auto first = read_class_atom();
    if (!first) return false;
    const bool is_range = at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']';
    if (!is_range || !first->ranges.empty()) {
      append_to_class(ranges, *first);
      return true;
    }
    ++at_;
    const auto last = read_class_atom();
    if (!last) return false;
    if (!last->ranges.empty()) {  // "a-\d": the hyphen stands for itself
      append_to_class(ranges, *first);
      append_to_class(ranges, Atom{'-', {}});
      append_to_class(ranges, *last);
      return true;
    }
    if (first->code_point > last->code_point) {
      malformed("a range of a class is out of order");
      return false;
    }
    ranges += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", first->code_point, last->code_point);
    return true;
  }

  std::optional<Atom> read_class_atom() {
    if (!take("\\")) return Atom{read_literal(), {}};
    if (at_end()) return refuse("a class is not closed");
    return read_escape(true);
  }

  static void append_to_class(std::string& ranges, const Atom& atom) {
    ranges += atom.ranges.empty() ? fmt::format("\\x{{{:x}}}", atom.code_point) : atom.ranges;
  }

  // {n}, {n,} and {n,m} repeat; any other brace stands for itself.
  void translate_braces() {
    const std::size_t open = at_;
    const auto least = read_count();
    const bool has_comma = least && take(",");
    const auto most = has_comma ? read_count() : std::nullopt;
    if (!least || !take("}")) {
      at_ = open;
      return put_atom("\\{");
    }
    if (std::max(*least, most.value_or(0)) > kMaxRepeats)
      return unsupported(fmt::format("a repeat count over {}", kMaxRepeats));
    if (most && *most < *least) return malformed("a repeat's bounds are out of order");
    // Anew, because RE2 takes "{01}" for text.
    if (!has_comma) return put_quantifier(fmt::format("{{{}}}", *least));
    put_quantifier(most ? fmt::format("{{{},{}}}", *least, *most) : fmt::format("{{{},}}", *least));
  }

  std::optional<std::uint32_t> read_count() {
    std::uint32_t count = 0;
    const char* from = text_.data() + at_;
    const auto [stop, status] = std::from_chars(from, text_.data() + text_.size(), count);
    if (stop == from) return {};
    at_ += static_cast<std::size_t>(stop - from);
    return status == std::errc{} ? count : UINT32_MAX;
  }

  void put_quantifier(std::string_view quantifier) {
    if (!quantifiable_) return malformed("a quantifier with nothing to repeat");
    out_ += quantifier;
    if (take("?")) out_ += '?';
    quantifiable_ = false;
  }

  void put_atom(std::string_view atom) {
    out_ += atom;
    quantifiable_ = true;
  }

  void put_boundary(std::string_view boundary) {
    out_ += boundary;
    quantifiable_ = false;
  }

  [[nodiscard]] std::size_t sequence_length() const noexcept {
    const auto lead = static_cast<unsigned char>(text_[at_]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return std::min(length, text_.size() - at_);
  }

  std::uint32_t read_literal() {
    const std::size_t length = sequence_length();
    const auto lead = static_cast<unsigned char>(text_[at_]);
    std::uint32_t code_point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i)
      code_point = code_point << 6 | (static_cast<unsigned char>(text_[at_ + i]) & 0x3FU);
    at_ += length;
    return code_point;
  }

  bool take(std::string_view token) noexcept {
    if (!text_.substr(std::min(at_, text_.size())).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  [[nodiscard]] bool at_end() const noexcept { return at_ >= text_.size(); }

  void malformed(std::string message) { problem_ = PatternProblem{false, std::move(message)}; }
  void unsupported(std::string_view what) {
    problem_ = PatternProblem{true, fmt::format("{} cannot be matched in linear time by RE2", what)};
  }
  std::nullopt_t refuse(std::string message) {
    malformed(std::move(message));
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t open_groups_ = 0;
  bool quantifiable_ = false;
  std::optional<PatternProblem> problem_;
};

}  // namespace

std::expected<std::string, PatternProblem> to_re2_syntax(std::string_view pattern) {
  return Translator(pattern).translate();
}

std::expected<Pattern, PatternProblem> Pattern::compile(std::string_view pattern) {
  auto translated = to_re2_syntax(pattern);
  if (!translated) return std::unexpected(std::move(translated).error());
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMaxPatternMemory);
  auto expression = std::make_unique<const RE2>(*translated, options);
  // The syntax was checked above, so what RE2 still refuses is a size or a property that it does
  // not know.
  if (!expression->ok()) return std::unexpected(PatternProblem{true, fmt::format("RE2 says: {}", expression->error())});
  return Pattern(pattern, std::move(expression));
}

bool Pattern::is_found_in(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression_);
}

}  // namespace symphainy::runtime::json_schema
