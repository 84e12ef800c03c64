// SPDX-License-Identifier: Apache-2.0
#include "policy_row.h"

#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "fixed_point.h"

namespace policy_migration {
namespace {

using symphainy::ErrorCode;
using symphainy::Json;
using symphainy::Result;

enum class Kind { policy_id, state, county, amount, insured_value, latitude, longitude, line, construction, quality };

struct Field {
  std::string_view name;
  Kind kind;
};

constexpr std::array<Field, 18> kFields{{{"policyID", Kind::policy_id},
                                         {"statecode", Kind::state},
                                         {"county", Kind::county},
                                         {"eq_site_limit", Kind::amount},
                                         {"hu_site_limit", Kind::amount},
                                         {"fl_site_limit", Kind::amount},
                                         {"fr_site_limit", Kind::amount},
                                         {"tiv_2011", Kind::insured_value},
                                         {"tiv_2012", Kind::insured_value},
                                         {"eq_site_deductible", Kind::amount},
                                         {"hu_site_deductible", Kind::amount},
                                         {"fl_site_deductible", Kind::amount},
                                         {"fr_site_deductible", Kind::amount},
                                         {"point_latitude", Kind::latitude},
                                         {"point_longitude", Kind::longitude},
                                         {"line", Kind::line},
                                         {"construction", Kind::construction},
                                         {"point_granularity", Kind::quality}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kLines{
    {{"Residential", "RES"}, {"Commercial", "COM"}}};

// ISO's construction classes.
constexpr std::array<std::pair<std::string_view, int>, 5> kConstructions{
    {{"Wood", 1}, {"Masonry", 2}, {"Steel Frame", 3}, {"Reinforced Masonry", 4}, {"Reinforced Concrete", 6}}};

constexpr std::int64_t kMostCents = 1'000'000'000'000'00;  // a million millions
constexpr std::int64_t kMicrodegrees = 1'000'000;

template <typename Table>
auto found_in(const Table& table, std::string_view key) -> std::optional<decltype(table[0].second)> {
  for (const auto& [name, value] : table)
    if (name == key) return value;
  return std::nullopt;
}

std::optional<Json> between(std::optional<std::int64_t> value, std::int64_t least, std::int64_t most) {
  if (!value || *value < least || *value > most) return std::nullopt;
  return Json(*value);
}

bool has_letters_only(std::string_view text) {
  for (const char c : text)
    if (c < 'A' || c > 'Z') return false;
  return true;
}

bool is_printable_ascii(std::string_view text) {
  for (const char c : text)
    if (c < ' ' || c > '~') return false;
  return true;
}

/// The value as the row has it, or nothing when it cannot be.
std::optional<Json> value_of(Kind kind, const std::string& text) {
  switch (kind) {
    case Kind::policy_id:
      if (!between(parse_fixed_point(text, 0), 1, 999'999'999'999)) return std::nullopt;
      return Json(text);
    case Kind::state:
      if (text.size() != 2 || !has_letters_only(text)) return std::nullopt;
      return Json(text);
    case Kind::county:
      if (text.empty() || text.size() > 64 || !is_printable_ascii(text)) return std::nullopt;
      return Json(text);
    case Kind::amount:
      return between(parse_fixed_point(text, 2), 0, kMostCents);
    case Kind::insured_value:
      return between(parse_fixed_point(text, 2), 1, kMostCents);
    case Kind::latitude:
      return between(parse_fixed_point(text, 6), -90 * kMicrodegrees, 90 * kMicrodegrees);
    case Kind::longitude:
      return between(parse_fixed_point(text, 6), -180 * kMicrodegrees, 180 * kMicrodegrees);
    case Kind::line:
      if (!found_in(kLines, text)) return std::nullopt;
      return Json(text);
    case Kind::construction:
      if (!found_in(kConstructions, text)) return std::nullopt;
      return Json(text);
    case Kind::quality:
      return between(parse_fixed_point(text, 0), 1, 9);
  }
  return std::nullopt;
}

std::string_view rule_of(Kind kind) {
  switch (kind) {
    case Kind::policy_id:
      return "must be a whole number from 1 to 999999999999";
    case Kind::state:
      return "must be two capital letters";
    case Kind::county:
      return "must be 1 to 64 printable ASCII characters";
    case Kind::amount:
      return "must be an amount from 0 to 1000000000000 with at most two decimals";
    case Kind::insured_value:
      return "must be an amount from 0.01 to 1000000000000 with at most two decimals";
    case Kind::latitude:
      return "must be degrees from -90 to 90 with at most six decimals";
    case Kind::longitude:
      return "must be degrees from -180 to 180 with at most six decimals";
    case Kind::line:
      return "must be Residential or Commercial";
    case Kind::construction:
      return "must be Wood, Masonry, Steel Frame, Reinforced Masonry or Reinforced Concrete";
    case Kind::quality:
      return "must be a whole number from 1 to 9";
  }
  return "";
}

std::unexpected<symphainy::Error> invalid(std::string message, Json violations) {
  return symphainy::fail(ErrorCode::invalid_argument, std::move(message), "invalid_policy_row", std::move(violations));
}

/// "CLAY COUNTY" is Clay, "ST JOHNS COUNTY" St Johns.
std::string county_name(std::string_view text) {
  constexpr std::string_view kSuffix = " COUNTY";
  if (text.ends_with(kSuffix)) text.remove_suffix(kSuffix.size());
  std::string name;
  bool begins_word = true;
  for (const char c : text) {
    const auto letter = static_cast<unsigned char>(c);
    name += static_cast<char>(begins_word ? std::toupper(letter) : std::tolower(letter));
    begins_word = !std::isalpha(letter);
  }
  return name;
}

std::string text_of(const Json& row, std::string_view field) {
  return std::string(row.find(field)->as_string().value());
}

}  // namespace

std::string portfolio_header() {
  std::string header;
  for (const Field& field : kFields) header += (header.empty() ? "" : ",") + std::string(field.name);
  return header;
}

std::vector<std::string> split_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[++i];
    } else if (c == '"' && (quoted || fields.back().empty())) {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

Result<Json> validate_policy_row(std::string_view line) {
  const std::vector<std::string> fields = split_fields(line);
  if (fields.size() != kFields.size()) {
    return invalid("a row has " + std::to_string(kFields.size()) + " fields, this one has " +
                       std::to_string(fields.size()) + "; correct it in the portfolio file",
                   Json::array());
  }
  Json row = Json::object();
  Json violations = Json::array();
  std::string message;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (auto value = value_of(kFields[i].kind, fields[i])) {
      row[kFields[i].name] = *std::move(value);
      continue;
    }
    const std::string_view rule = rule_of(kFields[i].kind);
    violations.push_back(Json::object({{"field", kFields[i].name}, {"rule", rule}}));
    message += (message.empty() ? "" : "; ") + std::string(kFields[i].name) + " " + std::string(rule);
  }
  if (!violations.empty()) return invalid(message + "; correct it in the portfolio file", std::move(violations));
  return row;
}

Json policy_record(const Json& row, std::string_view policy_number) {
  return Json::object({{"policy_number", policy_number},
                       {"state", *row.find("statecode")},
                       {"county", county_name(text_of(row, "county"))},
                       {"line_of_business", found_in(kLines, text_of(row, "line")).value()},
                       {"construction_class", found_in(kConstructions, text_of(row, "construction")).value()},
                       {"tiv_2011_cents", *row.find("tiv_2011")},
                       {"tiv_2012_cents", *row.find("tiv_2012")},
                       {"eq_limit_cents", *row.find("eq_site_limit")},
                       {"hu_limit_cents", *row.find("hu_site_limit")},
                       {"fl_limit_cents", *row.find("fl_site_limit")},
                       {"fr_limit_cents", *row.find("fr_site_limit")},
                       {"eq_deductible_cents", *row.find("eq_site_deductible")},
                       {"hu_deductible_cents", *row.find("hu_site_deductible")},
                       {"fl_deductible_cents", *row.find("fl_site_deductible")},
                       {"fr_deductible_cents", *row.find("fr_site_deductible")},
                       {"latitude_microdegrees", *row.find("point_latitude")},
                       {"longitude_microdegrees", *row.find("point_longitude")},
                       {"geocode_quality", *row.find("point_granularity")}});
}

}  // namespace policy_migration
