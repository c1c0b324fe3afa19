#include "datasets/series/dates.h"

#include <doctest/doctest.h>

namespace dl {
namespace {

using Strings = std::vector<std::string>;

Strings patterns_of(const Strings& words) {
  DateFormatFinder finder;
  for (const std::string& word : words) finder.add(word);
  Strings patterns;
  for (const DateFormat& format : finder.fitting()) patterns.push_back(format.pattern());
  return patterns;
}

/// What follows on the words, which are written so.
std::string next(const std::string& pattern, const Strings& words) {
  const DateFormat format(pattern);
  std::vector<double> times;
  for (const std::string& word : words) times.push_back(format.parse(word).value());
  return DateSteps(format, times).next();
}

}  // namespace

TEST_CASE("the usual ways of writing dates are told apart") {
  CHECK(patterns_of({"1949-01", "1949-02"}) == Strings{"%Y-%m"});
  CHECK(patterns_of({"2024-02-29"}) == Strings{"%Y-%m-%d"});
  CHECK(patterns_of({"2024-02-29 23:30", "2024-03-01 00:00"}) == Strings{"%Y-%m-%d %H:%M"});
  CHECK(patterns_of({"2024-02-29T23:30:00Z"}) == Strings{"%Y-%m-%dT%H:%M:%SZ"});
  CHECK(patterns_of({"2024-02-29 23:30:00+01:00"}) == Strings{"%Y-%m-%d %H:%M:%S%z"});
  CHECK(patterns_of({"2024-02-29 23:30:00.250"}) == Strings{"%Y-%m-%d %H:%M:%S.%f"});
  CHECK(patterns_of({"29.02.2024"}) == Strings{"%d.%m.%Y"});
  CHECK(patterns_of({"Jan 1949"}) == Strings{"%b %Y"});
  CHECK(patterns_of({"1", "2.5"}) == Strings{"number"});
  CHECK(patterns_of({"2023-02-29"}).empty());  // there is no such day
  CHECK(patterns_of({"2024-02-28", "soon"}).empty());
  CHECK(patterns_of({"2024-13-01"}).empty());
  CHECK(patterns_of({}).empty());
  CHECK(patterns_of({""}).empty());
}

TEST_CASE("day and month are told apart by their size or by the order of the rows") {
  CHECK(patterns_of({"01/13/2024", "02/01/2024"}) == Strings{"%m/%d/%Y"});
  CHECK(patterns_of({"13/01/2024", "01/02/2024"}) == Strings{"%d/%m/%Y"});
  CHECK(patterns_of({"01/02/2024", "02/02/2024", "01/03/2024"}) == Strings{"%d/%m/%Y"});
  CHECK(patterns_of({"01/02/2024", "02/02/2024"}) == Strings{"%m/%d/%Y", "%d/%m/%Y"});
}

TEST_CASE("times are microseconds since 1970, and come back as they were written") {
  CHECK(DateFormat("%Y-%m-%d").parse("1970-01-02") == 86'400e6);
  CHECK(DateFormat("%Y-%m-%d %H:%M:%S%z").parse("1970-01-01 01:00:00+01:00") == 0);
  CHECK(DateFormat("%d/%m/%y").parse("31/12/69") == -86'400e6);
  for (const auto& [pattern, word] : std::vector<std::pair<std::string, std::string>>{
           {"%Y-%m-%d %H:%M:%S", "1961-12-31 23:59:59"},
           {"%b %Y", "Feb 2000"},
           {"%Y-%m-%dT%H:%M:%S.%f", "2024-02-29T00:00:00.000001"},
           {"number", "17.5"}}) {
    const DateFormat format(pattern);
    CHECK(format.text(format.parse(word).value()) == word);
  }
  CHECK_FALSE(DateFormat("%Y-%m-%d").parse("2024-02-29 10:00"));
  CHECK_FALSE(DateFormat("%Y-%m-%d").parse("24-02-29"));
}

TEST_CASE("the date after the last is told by even steps, months of any length and weekdays") {
  CHECK(next("%Y-%m", {"1960-10", "1960-11", "1960-12"}) == "1961-01");
  CHECK(next("%Y-%m-%d", {"2023-12-31", "2024-01-31", "2024-02-29"}) == "2024-03-31");
  CHECK(next("%Y-%m-%d", {"2023-12-15", "2024-01-15", "2024-02-15"}) == "2024-03-15");
  CHECK(next("%Y-%m-%d", {"2024-02-27", "2024-02-28"}) == "2024-02-29");
  CHECK(next("%Y-%m-%d %H:%M", {"2024-02-28 23:00", "2024-02-28 23:30"}) == "2024-02-29 00:00");
  CHECK(next("%Y-%m-%d", {"2024-02-29", "2024-03-01", "2024-03-04", "2024-03-05", "2024-03-06",
                          "2024-03-07", "2024-03-08"}) == "2024-03-11");
  CHECK(next("%Y-%m", {"2023-01", "2023-04", "2023-07"}) == "2023-10");
  CHECK(next("number", {"0.5", "1", "1.5"}) == "2");
  CHECK(next("%Y-%m-%d", {"2024-01-01", "2024-01-02", "2024-01-09"}) == "after 2024-01-09");
  CHECK(next("%Y-%m-%d", {"2024-01-01"}) == "after 2024-01-01");
}

TEST_CASE("gaps among the dates are counted, and the first is named") {
  const DateFormat format("%Y-%m-%d");
  std::vector<double> times;
  for (const char* word : {"2024-01-06", "2024-01-07", "2024-01-08", "2024-01-10", "2024-01-11"})
    times.push_back(format.parse(word).value());
  const DateSteps steps(format, times);
  CHECK(steps.uneven() == 1);
  CHECK(steps.first_uneven() == "2024-01-10");
}

TEST_CASE("patterns of a config hold a year and known keys") {
  CHECK(pattern_fault("%d/%m/%Y %H:%M").empty());
  CHECK(pattern_fault("number").empty());
  CHECK(pattern_fault("%d/%m") == "'%d/%m' has no year; an example is '%Y-%m-%d %H:%M'");
  CHECK(pattern_fault("%Y-%j").find("may hold") != std::string::npos);
  CHECK(pattern_fault("%Y-%").find("may hold") != std::string::npos);
}

}  // namespace dl
