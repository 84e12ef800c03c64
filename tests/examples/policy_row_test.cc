// SPDX-License-Identifier: Apache-2.0
// A row of the portfolio becomes a record of whole cents, or is refused with everything that is wrong with it.
#include "policy_row.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>

#include "fault_plan.h"
#include "fixed_point.h"
#include "import_rows_service.h"
#include "ingest_portfolio_service.h"
#include "portfolio_file.h"
#include "temporary_directory.h"

namespace policy_migration {
namespace {

using symphainy::Json;

constexpr const char* kRow =
    "119736,FL,ST JOHNS COUNTY,498960,0,0.5,498960,498960,792148.9,0,9979.2,0,0,30.102261,-81.711777,Residential,"
    "Masonry,1";

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string with(std::size_t field, const std::string& value) {
  std::vector<std::string> fields = split_fields(kRow);
  fields.at(field) = value;
  std::string line = fields.front();
  for (std::size_t i = 1; i < fields.size(); ++i) line += "," + fields[i];
  return line;
}

std::string refusal(const std::string& line) {
  const auto row = validate_policy_row(line);
  EXPECT_FALSE(row) << line;
  if (row) return "";
  EXPECT_EQ(row.error().reason, "invalid_policy_row");
  return row.error().message;
}

TEST(FixedPoint, IsExactOrNothing) {
  EXPECT_EQ(parse_fixed_point("648.5", 2), 64850);
  EXPECT_EQ(parse_fixed_point("-81.711777", 6), -81711777);
  EXPECT_EQ(parse_fixed_point("-0.01", 2), -1);
  EXPECT_EQ(parse_fixed_point("0", 2), 0);
  EXPECT_EQ(parse_fixed_point("007", 0), 7);
  EXPECT_EQ(parse_fixed_point("9999999999999999.99", 2), 999'999'999'999'999'999);
  for (const char* text : {"", "-", ".", "1.", ".5", "1.005", "1e3", "+1", " 1", "1 ", "1,5", "0x1", "--1", "1.2.3",
                           "10000000000000000.00", "NaN"})
    EXPECT_EQ(parse_fixed_point(text, 2), std::nullopt) << text;
}

TEST(PolicyRow, BecomesARecordOfWholeCents) {
  const auto row = validate_policy_row(kRow);
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(policy_record(*row, "119736-3").dump(),
            R"({"construction_class":2,"county":"St Johns","eq_deductible_cents":0,"eq_limit_cents":49896000,)"
            R"("fl_deductible_cents":0,"fl_limit_cents":50,"fr_deductible_cents":0,"fr_limit_cents":49896000,)"
            R"("geocode_quality":1,"hu_deductible_cents":997920,"hu_limit_cents":0,"latitude_microdegrees":30102261,)"
            R"("line_of_business":"RES","longitude_microdegrees":-81711777,"policy_number":"119736-3","state":"FL",)"
            R"("tiv_2011_cents":49896000,"tiv_2012_cents":79214890})");
}

TEST(PolicyRow, IsRefusedForEachFieldThatCannotBe) {
  const std::vector<std::pair<std::size_t, std::vector<std::string>>> wrong{{0, {"", "x", "0", "-1", "1.5"}},
                                                                            {1, {"", "F", "FLA", "fl"}},
                                                                            {2, {"", "\tCLAY"}},
                                                                            {3, {"", "-1", "1.001", "1e5"}},
                                                                            {7, {"0", "-5"}},
                                                                            {8, {"", "1000000000000.01"}},
                                                                            {13, {"90.000001", "north"}},
                                                                            {14, {"-180.1", "1.1234567"}},
                                                                            {15, {"", "Industrial"}},
                                                                            {16, {"Straw"}},
                                                                            {17, {"0", "10", "1.0"}}};
  const std::vector<std::string> names = split_fields(portfolio_header());
  ASSERT_EQ(names.size(), 18U);
  for (const auto& [field, values] : wrong)
    for (const std::string& value : values)
      EXPECT_TRUE(refusal(with(field, value)).starts_with(names[field] + " must be ")) << names[field] << "=" << value;
}

TEST(PolicyRow, IsToldEverythingThatIsWrongAtOnce) {
  std::string line = with(0, "x");
  line.replace(line.find("Masonry"), 7, "Straw");
  const auto row = validate_policy_row(line);
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().details.size(), 2U);
  EXPECT_EQ(row.error().details.at(1).find("field")->as_string(), "construction");
}

TEST(PolicyRow, HasEighteenFields) {
  EXPECT_NE(refusal("1,2,3").find("this one has 3"), std::string::npos);
  EXPECT_NE(refusal(std::string(kRow) + ",more").find("this one has 19"), std::string::npos);
}

TEST(PolicyRow, KeepsACommaInQuotes) {
  EXPECT_EQ(split_fields(R"(a,"b,""c""",,d)"), (std::vector<std::string>{"a", R"(b,"c")", "", "d"}));
  EXPECT_EQ(split_fields(R"("open,a)"), (std::vector<std::string>{"open,a"}));
  EXPECT_EQ(split_fields(R"(5" pipe)"), (std::vector<std::string>{"5\" pipe"}));
}

struct Sums {
  std::size_t rows = 0;
  std::int64_t tiv_2011 = 0;
  std::int64_t tiv_2012 = 0;
};

Sums sums_of(const std::string& bytes) {
  Sums sums;
  for (const std::string_view line : lines_of(bytes)) {
    if (line == portfolio_header()) continue;
    const auto row = validate_policy_row(line);
    EXPECT_TRUE(row) << line << ": " << row.error().message;
    if (!row) continue;
    const Json record = policy_record(*row, "1");
    ++sums.rows;
    sums.tiv_2011 += record.find("tiv_2011_cents")->as_int64().value();
    sums.tiv_2012 += record.find("tiv_2012_cents")->as_int64().value();
  }
  return sums;
}

TEST(Portfolio, OfTheRepositoryAddsUpToTheCent) {
  const Sums sums = sums_of(read_file(SYMPHAINY_SOURCE_DIR "/examples/policies.csv"));
  EXPECT_EQ(sums.rows, 300U);
  EXPECT_EQ(sums.tiv_2011, 49438187183);
  EXPECT_EQ(sums.tiv_2012, 62274900969);
}

TEST(Portfolio, ThatIsPublicAddsUpToTheCent) {
  const std::filesystem::path path = SYMPHAINY_SOURCE_DIR "/../shared/data/FL_insurance_sample.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the public sample is not at " << path;
  const Sums sums = sums_of(read_file(path));
  EXPECT_EQ(sums.rows, 36'634U);
  EXPECT_EQ(sums.tiv_2011, 7'960'110'276'183);
  EXPECT_EQ(sums.tiv_2012, 9'418'616'410'203);
}

TEST(PortfolioFile, HasLinesWhateverTheirEnds) {
  EXPECT_EQ(lines_of("a\rb\r\nc\n\nd"), (std::vector<std::string_view>{"a", "b", "c", "d"}));
  EXPECT_TRUE(lines_of("").empty());
}

// The rows as they stand at the slices' places.
std::vector<std::string> rows_at(const std::vector<Slice>& slices, const std::string& file) {
  std::vector<std::string> rows;
  for (const Slice& slice : slices) {
    EXPECT_EQ(slice.first_row, rows.size() + 1);
    const std::string text = file.substr(slice.offset, slice.size);
    const auto lines = lines_of(text);
    EXPECT_EQ(lines.size(), slice.rows);
    rows.insert(rows.end(), lines.begin(), lines.end());
  }
  return rows;
}

TEST(Slices, HoldEachRowOnceWhateverItsEnd) {
  const std::vector<std::string> rows{"1,a", "2,b", "3,c", "4,d", "5,e"};
  for (const char* end : {"\n", "\r", "\r\n", "\n\n"}) {
    std::string file = portfolio_header();
    for (const std::string& row : rows) file += end + row;
    for (std::uint64_t slice_rows : {1U, 2U, 5U, 9U}) {
      EXPECT_EQ(rows_at(slices_of(file, 9, slice_rows).value(), file), rows);
      EXPECT_EQ(rows_at(slices_of(file + end, 3, slice_rows).value(), file).size(), 3U);
    }
  }
  EXPECT_TRUE(slices_of(portfolio_header(), 9, 1).value().empty());
}

TEST(Slices, ReadBackAsTheyWereWritten) {
  const Slice slice{.first_row = 501, .rows = 500, .offset = 1234, .size = 56789};
  EXPECT_EQ(Slice::from_json(slice.to_json()).to_json().dump(), slice.to_json().dump());
  EXPECT_EQ(slice.to_json().dump(), R"({"first_row":501,"offset":1234,"rows":500,"size":56789})");
}

TEST(Slices, AreOfAPortfolioAndNotTooMany) {
  for (const char* file : {"", "a,b\n1,2\n"}) EXPECT_EQ(slices_of(file, 1, 1).error().reason, "not_a_portfolio");
  std::string file = portfolio_header();
  for (int i = 0; i < 10'001; ++i) file += "\nx";
  EXPECT_EQ(slices_of(file, UINT64_MAX, 1).error().reason, "too_many_slices");
  EXPECT_EQ(slices_of(file, UINT64_MAX, 2).value().size(), 5'001U);
}

TEST(PolicyNumber, IsOfTheRowOrItsPlace) {
  EXPECT_EQ(policy_number_of("119736,FL", 7, 0), "119736");
  EXPECT_EQ(policy_number_of("119736,FL", 7, 3), "119736-3");
  for (const char* row : {"no number,FL", "", ",FL", "1234567890123,FL"}) {
    EXPECT_EQ(policy_number_of(row, 7, 0), "0-7");
    EXPECT_EQ(policy_number_of(row, 7, 3), "0-7-3");
  }
}

TEST(PortfolioFile, IsReadFromItsDirectoryOnly) {
  const symphainy::tests::TemporaryDirectory directory;
  std::ofstream(directory / "rows.csv") << "a\n";
  std::filesystem::create_symlink("/etc/passwd", directory / "link");
  std::filesystem::create_directory(directory / "folder");
  EXPECT_EQ(read_portfolio(directory.path(), "rows.csv").value(), "a\n");
  for (const char* name : {"", ".", "..", "../rows.csv", "/etc/passwd", "link", "folder", "absent"}) {
    const auto refused = read_portfolio(directory.path(), name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().reason, "unreadable_portfolio") << name;
  }
}

TEST(FaultPlan, ChoosesItsShareAndTheSameAgain) {
  const FaultPlan plan{.rate = 0.2, .seed = 7};
  std::array<int, kFaults + 1> drawn{};
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const Fault fault = plan.of_call("write", std::to_string(i), 1);
    EXPECT_EQ(fault, plan.of_call("write", std::to_string(i), 1));
    ++drawn.at(static_cast<std::size_t>(fault));
  }
  EXPECT_NEAR(drawn[0], 8'000, 200);
  for (std::size_t kind = 1; kind < drawn.size(); ++kind) EXPECT_NEAR(drawn.at(kind), 500, 120) << kind;
}

TEST(FaultPlan, WithoutARateIsNone) {
  for (std::uint64_t i = 0; i < 1'000; ++i) EXPECT_EQ(FaultPlan().of_call("write", "1", i), Fault::none);
}

}  // namespace
}  // namespace policy_migration
