#include "engine/sinks/column_table.h"

#include <doctest/doctest.h>

namespace dl {

TEST_CASE("columns are as wide as they must be, without blanks at the end of a line") {
  const std::vector<TableRow> rows = {{"run", {"a", "longer"}}, {"loss", {"0.123", ""}}};
  CHECK(column_table(rows, 20, 20) == "run   a      longer\nloss  0.123\n");
  CHECK(column_table({}, 20, 20) == "");
}

TEST_CASE("what is longer than its column goes on in the next line, at a blank or a mark") {
  const std::vector<TableRow> rows = {{"key.of.a.section", {"random_crop, normalize", "short"}},
                                      {"b", {"resnet20_preact-001", "aaaaaaaaaaaaaaaaaaaaaaaaaa"}}};
  CHECK(column_table(rows, 10, 14) ==
        "key.of.a.  random_crop,   short\n"
        "section    normalize\n"
        "b          resnet20_      aaaaaaaaaaaaaa\n"
        "           preact-001     aaaaaaaaaaaa\n");
}

TEST_CASE("letters that take several bytes take one place and are not cut") {
  const std::vector<TableRow> rows = {{"ü", {"ééééééé", "x"}}, {"yz", {"1", "2"}}};
  CHECK(column_table(rows, 4, 4) == "ü   éééé  x\n    ééé\nyz  1     2\n");
}

TEST_CASE("texts in a table are escaped") {
  const std::vector<TableRow> rows = {{"a\x1b[31m", {"b\nc"}}};
  CHECK(column_table(rows, 20, 20) == "a\\x1b[31m  b\\x0ac\n");
}

}  // namespace dl
