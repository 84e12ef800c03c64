// SPDX-License-Identifier: Apache-2.0
// Where a command writes: tables for people on a terminal, JSON lines for programs, `-o` deciding otherwise. Colours
// appear on a terminal only, and never with NO_COLOR. Text of others is made printable before it reaches the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "symphainy/error.h"

namespace symphainy::cli {

enum class Format { automatic, table, json };
enum class Colour { plain, faint, bold, good, bad, notice };
enum class Align { left, right };

struct Cell {
  Cell(std::string cell_text, Colour cell_colour = Colour::plain) : text(std::move(cell_text)), colour(cell_colour) {}
  Cell(std::string_view cell_text) : text(cell_text) {}
  Cell(const char* cell_text) : text(cell_text) {}

  std::string text;
  Colour colour = Colour::plain;
};

struct Column {
  std::string title;
  Align align = Align::left;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

class Output {
 public:
  explicit Output(Format format);

  /// True when the answer is for a program: -o json, or neither a terminal nor -o table.
  [[nodiscard]] bool json() const noexcept;
  /// True for -o json only.
  [[nodiscard]] bool json_asked() const noexcept { return format_ == Format::json; }
  [[nodiscard]] bool table_asked() const noexcept { return format_ == Format::table; }

  void line(std::string_view text) const;   ///< as it is, and a line end
  void json_line(const Json& value) const;  ///< canonical, on one line
  void table(const Table& table) const;
  /// Two columns without a head: what a thing is called, and what it is.
  void facts(const std::vector<std::pair<std::string, Cell>>& facts) const;

  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;

 private:
  Format format_;
  bool terminal_;
  bool colours_;
};

/// The table's lines, each ended by a line end; `paint` adds colours.
[[nodiscard]] std::string render(const Table& table, const Output& output);

/// "completed" in green, "failed" in red ...
[[nodiscard]] Cell status_cell(std::string_view status);

/// One line on stderr: `symphainy: ` and what is wrong.
void complain(std::string_view message);
/// One line on stderr that is no error.
void notify(std::string_view message);

[[nodiscard]] std::string group_digits(std::uint64_t number);          ///< 36634 → "36,634"
[[nodiscard]] std::string format_duration(std::int64_t microseconds);  ///< "412 µs", "3.4 ms", "12.0 s"
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);           ///< "12 B", "4.0 MiB"
/// A scalar as people write it (strings without quotes), anything else as JSON.
[[nodiscard]] std::string plain(const Json& value);

}  // namespace symphainy::cli
