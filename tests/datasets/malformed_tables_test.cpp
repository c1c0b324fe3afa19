#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

// Files that people really have: each is refused with its place, what is wrong, and exit code 4
// (which data_error() checks).
namespace dl::test {
namespace {

struct Malformed {
  std::string content, message;
};

void check_all(const std::string& source, const std::vector<Malformed>& files) {
  const TempFolder folder;
  for (const Malformed& file : files) {
    CAPTURE(file.content);
    write_text(folder / "bad", file.content);
    const std::string message = data_error(typed_yaml(source), folder.path());
    CHECK(message.substr(0, file.message.size()) == file.message);
  }
}

}  // namespace

TEST_CASE("malformed .ts files are refused") {
  check_all(
      "ts: {train: '@data/bad'}",
      {{"", "bad:1:1: the file ends without a line @data"},
       {"@problemName x\n@classLabel true a\n", "bad:3:1: the file ends without a line @data"},
       {"1,2,3:a\n", "bad:1:1: '1,2,3:a' before @data; expected a line that begins with @"},
       {"@classLabel true a\n@data\n# none\n", "bad:4:1: there are no series after @data"},
       {"@timeStamps true\n@data\n", "bad:1:13: series with time stamps are not read"},
       {"@classLabel true a\n@data\n(0,1),(1,2):a\n", "bad:3:1: series with time stamps"},
       {"@classLabel yes a\n@data\n1:a\n",
        "bad:1:13: @classLabel: expected true or false, found 'yes'"},
       {"@classLabel true\n@data\n1:a\n",
        "bad:1:13: @classLabel true: the classes' names should follow"},
       {"@classLabel true a b a\n@data\n1:a\n", "bad:1:22: @classLabel: 'a' stands here twice"},
       {"@classLabel true a\n@targetLabel true\n@data\n1:a\n", "bad:2:1: both @classLabel and"},
       {"@dimensions none\n@data\n1\n", "bad:1:13: @dimensions: expected their number"},
       {"@equalLength true\n@seriesLength 3\n@classLabel true a\n@data\n1,2,3:a\n1,2:a\n",
        "bad:6:1: this series has 2 steps, expected 3 as @seriesLength says"},
       {"@equalLength true\n@classLabel true a\n@data\n1,2,3:a\n1:a\n",
        "bad:5:1: this series has 1 step, expected 3 as the first has"},
       {"@classLabel true a\n@data\n1,2\n",
        "bad:3:1: this series has no ':' and a label at its end"},
       {"@classLabel true a\n@data\n1,2:\n", "bad:3:5: the label is missing"},
       {"@classLabel true abc\n@data\n1,2:abd\n",
        "bad:3:5: 'abd' is none of the classes of @classLabel; did you mean 'abc'?"},
       {"@dimensions 3\n@classLabel true a\n@data\n1:2:a\n",
        "bad:4:1: this series has 2 dimensions, expected 3"},
       {"@classLabel true a\n@data\n1:2:a\n\n3:a\n",
        "bad:5:1: this series has 1 dimension, expected 2"},
       {"@classLabel true a\n@data\n1,2:3:a\n",
        "bad:3:5: dimension 2 has 1 values, the first has 2"},
       {"@classLabel true a\n@data\n1,two,3:a\n", "bad:3:3: expected a number, found 'two'"},
       {"@classLabel true a\n@data\n1,,3:a\n", "bad:3:3: expected a number, found ''"},
       {"@classLabel true a\n@data\n1,2e99:a\n", "bad:3:3: expected a number, found '2e99'"},
       {"@classLabel true a\n@data\n1, ?,3:a\n", "bad:3:4: a value is missing"},
       {"@targetLabel true\n@data\n1,2:high\n",
        "bad:3:5: expected a number as the target, found 'high'"}});
  check_all(
      "ts: {train: '@data/bad', missing: previous}",
      {{"@classLabel true a\n@data\n1,2:?,?:a\n", "bad:3:5: a dimension without a single value"}});
}

TEST_CASE("malformed tables are refused") {
  std::string many = "a,y\n", names = "a,x,y\n";
  for (int i = 0; i < 2002; ++i) many += "w" + std::to_string(i / 2) + ",p\n";
  for (int i = 0; i < 21; ++i) names += "w" + std::to_string(i) + ",1,p\n";
  check_all("csv: {path: '@data/bad', target: y}",
            {{"", "bad: is empty, expected a table"},
             {"a,y\n", "bad: column 'a' has no values"},
             {"a,b\n1,2\n", "bad: there is no column 'y'"},
             {"y,a,a\n1,2,3\n", "bad:1:5: columns 2 and 3 are both called 'a'"},
             {"a,y\n1,p\n2,q,r\n", "bad:3:1: this row has 3 fields, expected 2"},
             {"a;y\n1;p\n", "bad: there is no column 'y'"},
             {"a,y\n1,p\n,q\n", "bad:3:1: column 'a': the value is missing"},
             {"a,y\n1,p\n2,\n", "bad:3:3: column 'y': the target is missing"},
             {"a,y\nNA,p\n?,q\n", "bad: column 'a' has no values"},
             {"a,y\n1,\"p\n2,q\n", "bad:2:3: this quote is never closed"},
             {"a,y\n1,\"p\"q\n", "bad:2:6: 'q' after a field's closing quote"},
             {"a,y\n1,p\n1e300,q\n", "bad:3:1: column 'a': the number 1e300 is too large"},
             {"a,y\n1,\xFF\n", "bad:2:3: this byte is no UTF-8"},
             {"y\n1\n", "bad: the columns come to 0 features"},
             {names, "bad: column 'a' has another word in each of its 21 rows, which says nothing"},
             {many, "bad:2002:1: column 'a': more than 1000 different values"}});
  check_all("csv: {path: '@data/bad', target: y, numeric: [a], categorical: [], missing: drop}",
            {{"a,y\n1,p\n1 2,q\n", "bad:3:1: column 'a': expected a number, found '1 2'"},
             {"a,y\n0x10,p\n", "bad:2:1: column 'a': expected a number, found '0x10'"},
             {"a,y\n,p\n", "bad: column 'a' has no values"},
             {"a,y\n inf ,p\n", "bad:2:1: column 'a': expected a number, found 'inf'"}});
}

TEST_CASE("malformed tables of a sequence are refused") {
  const std::string source = "csv_sequence: {path: '@data/bad', window: 1, valid: 0, test: 0}";
  check_all(source,
            {{"", "bad: is empty, expected a table"},
             {"a,b\n", "bad: there are no rows"},
             {"a,b\n1,2\n3,4,5\n", "bad:3:1: this row has 3 fields, expected 2"},
             {"a,b\n1,2\n3,four\n", "bad:3:3: column 'b': expected a number, found 'four'"},
             {"a,b\n1,2\n\"3\",\"1,5\"\n", "bad:3:5: column 'b': expected a number, found '1,5'"},
             {"a,b\n1,2\nNA,4\n", "bad:3:1: column 'a': the value is missing"},
             {"a,b\n1,2\n1e39,4\n", "bad:3:1: column 'a': the number 1e39 is too large"},
             {"a,b\n1,2\n", "bad: of its 1 rows train gets 1, and a single sample needs 2"},
             {"a,b\n1,2\n3,\"4\n", "bad:3:3: this quote is never closed"},
             {"1,2\n1,2\n", "bad: of its 1 rows train gets 1"},
             {"1,2\n1,2\n3,4\n", "nothing was thrown"}});
  check_all("csv_sequence: {path: '@data/bad', window: 1, valid: 0, test: 0, missing: previous}",
            {{"a,b\n1,?\n3,4\n", "bad:2:3: column 'b': the value is missing, and none stands"}});
}

}  // namespace dl::test
