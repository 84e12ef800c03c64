// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <unistd.h>

#include "cli/text_width.h"

namespace symphainy::cli {
namespace {

constexpr std::string_view kGap = "  ";

std::string_view escape_of(Colour colour) noexcept {
  switch (colour) {
    case Colour::plain:
      return "";
    case Colour::faint:
      return "\033[2m";
    case Colour::bold:
      return "\033[1m";
    case Colour::good:
      return "\033[32m";
    case Colour::bad:
      return "\033[31m";
    case Colour::notice:
      return "\033[33m";
  }
  return "";
}

void write_stdout(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::vector<std::size_t> column_widths(const Table& table) {
  std::vector<std::size_t> widths;
  for (const Column& column : table.columns) widths.push_back(display_width(column.title));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], display_width(printable(row[i].text)));
  return widths;
}

/// The last column is not padded, so that no line ends in blanks.
std::string padded(const std::string& painted, std::size_t width, std::size_t target, Align align, bool last) {
  const std::string blanks(target > width ? target - width : 0, ' ');
  if (align == Align::right) return blanks + painted;
  return last ? painted : painted + blanks;
}

}  // namespace

Output::Output(Format format)
    : format_(format),
      terminal_(::isatty(STDOUT_FILENO) == 1),
      colours_(terminal_ && std::getenv("NO_COLOR") == nullptr) {}

bool Output::json() const noexcept {
  return format_ == Format::json || (format_ == Format::automatic && !terminal_);
}

void Output::line(std::string_view text) const {
  write_stdout(text);
  write_stdout("\n");
}

void Output::json_line(const Json& value) const {
  line(value.dump());
}

void Output::table(const Table& table) const {
  write_stdout(render(table, *this));
}

void Output::facts(const std::vector<std::pair<std::string, Cell>>& facts) const {
  std::size_t width = 0;
  for (const auto& [name, cell] : facts) width = std::max(width, display_width(name));
  for (const auto& [name, cell] : facts) {
    const std::string blanks(width - display_width(name), ' ');
    line(paint(Colour::faint, name) + blanks + std::string(kGap) + paint(cell.colour, printable(cell.text)));
  }
}

std::string Output::paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::plain || text.empty()) return std::string(text);
  return std::string(escape_of(colour)) + std::string(text) + "\033[0m";
}

std::string render(const Table& table, const Output& output) {
  const std::vector<std::size_t> widths = column_widths(table);
  std::string out;
  auto append_row = [&](const std::vector<Cell>& cells) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string text = i < cells.size() ? printable(cells[i].text) : std::string();
      const std::string painted = i < cells.size() ? output.paint(cells[i].colour, text) : std::string();
      if (i > 0) out += kGap;
      out += padded(painted, display_width(text), widths[i], table.columns[i].align, i + 1 == widths.size());
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  std::vector<Cell> head;
  for (const Column& column : table.columns) head.emplace_back(column.title, Colour::bold);
  append_row(head);
  for (const auto& row : table.rows) append_row(row);
  return out;
}

Cell status_cell(std::string_view status) {
  const Colour colour = status == "completed"                        ? Colour::good
                        : status == "failed" || status == "rejected" ? Colour::bad
                                                                     : Colour::notice;
  return {std::string(status), colour};
}

void complain(std::string_view message) {
  std::fflush(stdout);
  const std::string line = fmt::format("symphainy: {}\n", printable(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void notify(std::string_view message) {
  complain(message);
}

std::string group_digits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string format_duration(std::int64_t microseconds) {
  const auto value = static_cast<double>(microseconds);
  if (microseconds < 1'000) return fmt::format("{} µs", microseconds);
  if (microseconds < 1'000'000) return fmt::format("{:.1f} ms", value / 1e3);
  return fmt::format("{:.1f} s", value / 1e6);
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  const auto value = static_cast<double>(bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.1f} KiB", value / 1024);
  if (bytes < 1024ULL * 1024 * 1024) return fmt::format("{:.1f} MiB", value / (1024.0 * 1024));
  return fmt::format("{:.1f} GiB", value / (1024.0 * 1024 * 1024));
}

std::string plain(const Json& value) {
  if (const auto text = value.as_string()) return std::string(*text);
  return value.is_null() ? std::string() : value.dump();
}

}  // namespace symphainy::cli
