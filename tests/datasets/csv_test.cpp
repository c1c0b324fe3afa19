#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

namespace dl::test {
namespace {

using Values = std::vector<double>;

/// A table of people, and a second one with what the first has not.
struct People {
  People() {
    write_text(folder / "a.csv",
               "id,age,colour,height,kind\n"
               "x1,10,red,1.5,cat\n"
               "x2,20,blue,1.5,dog\n"
               "x3,30,red,1.5,cat\n"
               "x4,40,,1.5,emu\n");
    write_text(folder / "b.csv",
               "kind,age,height,colour,id\n"
               "dog,25,2.5,green,y1\n"
               "cat,25,2.5,teal,y2\n");
  }
  TypedNode node(const std::string& more) const {
    return typed_yaml("csv: {train: '@data/a.csv', test: '@data/b.csv', " + more + "}");
  }
  std::unique_ptr<Dataset> open(const std::string& more, Split split = Split::train) const {
    return found_source(node(more), folder.path())->open(split, {folder.path(), ""});
  }
  TempFolder folder;
};

constexpr const char* kKind = "target: kind, ignore: [id]";

}  // namespace

TEST_CASE("numbers and words are told apart in train, and words become a 0 or 1 each") {
  const People people;
  const auto train = people.open(std::string(kKind) + ", scale: none");
  REQUIRE(train->size() == 4);
  CHECK(train->spec().inputs[0].shape == std::vector<std::int64_t>{4});  // age, height, blue, red
  CHECK(train->spec().class_names == std::vector<std::string>{"cat", "dog", "emu"});
  CHECK(train->spec().order == SampleOrder::any);
  CHECK(sample_of(*train, 0) == std::vector<Values>{{10, 1.5, 0, 1}, {0}});
  CHECK(sample_of(*train, 1) == std::vector<Values>{{20, 1.5, 1, 0}, {1}});
  CHECK(sample_of(*train, 3) == std::vector<Values>{{40, 1.5, 0, 0}, {2}});  // no colour
  CHECK(train->sample_name(3) == people.folder / "a.csv:5");
  CHECK(train->notes().empty());
}

TEST_CASE("what was guessed is told, and nothing where the config says it") {
  const People people;
  CHECK(found_source(people.node(kKind), people.folder.path())->notes() ==
        std::vector<std::string>{people.folder / "a.csv: numeric: age, height; categorical: colour "
                                                 "(2 words); target: kind (3 classes)"});
  CHECK(found_source(people.node("target: age, numeric: [height]"), people.folder.path())
            ->notes()[0]
            .ends_with("numeric: height; categorical: id (4 words), colour (2 words), kind (3 "
                       "words); target: age (regression)"));
  CHECK(found_source(people.node("target: kind, numeric: [age], categorical: [], task: "
                                 "classification"),
                     people.folder.path())
            ->notes()
            .empty());
}

TEST_CASE("a value among numbers that is none is a mistake, unless the config says otherwise") {
  const TempFolder folder;
  std::string rows;
  for (int i = 0; i < 9; ++i) rows += std::to_string(i) + "," + std::to_string(i) + "e1\n";
  const auto error = [&](const std::string& more_rows, const std::string& more) {
    write_text(folder / "a.csv", "z,y\n" + rows + more_rows);
    return data_error(typed_yaml("csv: {path: '@data/a.csv', target: y" + more + "}"),
                      folder.path());
  };
  CHECK(error("abc,1\n", "") == "a.csv:11:1: column 'z': 'abc' in a column of numbers");
  CHECK(error("\" 1,5\",1\n", "") == "a.csv:11:1: column 'z': expected a number, found '1,5'");
  CHECK(error("1,n.d.\n", "") == "a.csv:11:3: column 'y': 'n.d.' in a column of numbers");
  CHECK(error("1,n.d.\n", ", task: classification") == "nothing was thrown");
  CHECK(error("abc,1\n", ", categorical: [z], numeric: []") == "nothing was thrown");
  CHECK(error("abc,1\n", ", missing_values: [abc], missing: drop") == "nothing was thrown");
  CHECK(error("abc,1\nx,1\n", "") == "nothing was thrown");  // 9 of 11
  for (const char* missing : {"N/A", "#N/A", "n/a", "null", "NULL", "None", "<NA>"}) {
    CAPTURE(missing);
    CHECK(error(std::string(missing) + ",1\n", "") ==
          "a.csv:11:1: column 'z': the value is missing");
  }
  CHECK(error("1e-400,-1e-400\n", "") == "nothing was thrown");
}

TEST_CASE("a decimal comma is told, in a column of nothing else too") {
  const TempFolder folder;
  write_text(folder / "a.csv", "z;y\n1,5;a\n2,25;b\n");
  try {
    found_source(typed_yaml("csv: {path: '@data/a.csv', target: y, separator: ;}"), folder.path());
    FAIL("nothing was thrown");
  } catch (const UserError& error) {
    CHECK(std::string(error.what()) ==
          "error: " + folder /
                          "a.csv:2:1: column 'z': expected a number, found '1,5'\n  hint: "
                          "numbers are written 1234.5: with a decimal point, and nothing "
                          "between thousands");
  }
}

TEST_CASE("columns are found by name, scaled by train's numbers, and unseen words are told") {
  const People people;
  const auto test = people.open(kKind, Split::test);
  const double deviation = std::sqrt(125.0);
  CHECK(sample_of(*test, 0) ==
        std::vector<Values>{{0, 1, 0, 0}, {1}});  // age is the mean; heights do not differ
  REQUIRE(test->notes().size() == 1);
  CHECK(test->notes()[0] == people.folder /
                                "b.csv: column 'colour' has 2 values that train has not "
                                "(first 'green' in line 2); they count as no category");
  CHECK(sample_of(*people.open(kKind), 0)[0][0] == doctest::Approx(-15 / deviation));
  const auto small = people.open(std::string(kKind) + ", scale: minmax", Split::test);
  CHECK(sample_of(*small, 0)[0][0] == doctest::Approx(0.5));
}

TEST_CASE("what was found in train is kept, and with it train is not needed") {
  const People people;
  const std::string found = completed(people.node(kKind), people.folder.path());
  for (const char* part : {"task: classification\n", "numeric: [age, height]\n",
                           "categorical: [colour]\n", "categories: [[blue, red]]\n",
                           "offsets: [25, 1.5]\n", "scales: [11.18", "classes: [cat, dog, emu]\n"})
    CHECK_MESSAGE(found.find(part) != std::string::npos, found);
  const auto kept = make_data_source(typed_yaml(
      "csv: {train: none.csv, test: '@data/b.csv', target: kind, task: classification, numeric: "
      "[height], categorical: [colour], categories: [[teal, red]], classes: [dog, cat], offsets: "
      "[0.5], scales: [4]}"));
  kept->look_up({"nowhere", ""});
  const auto test = kept->open(Split::test, {people.folder.path(), ""});
  CHECK(sample_of(*test, 0) == std::vector<Values>{{0.5, 0, 0}, {0}});
  CHECK(sample_of(*test, 1) == std::vector<Values>{{0.5, 1, 0}, {1}});
}

TEST_CASE("regression predicts numbers, one or several, with the way back to their units") {
  const People people;
  const auto one = people.open("target: age, numeric: [height], categorical: []");
  CHECK_FALSE(one->spec().classes);
  CHECK(one->spec().inputs[0].shape == std::vector<std::int64_t>{1});
  const Field& value = one->spec().targets[0];
  CHECK(value.scale[0] == doctest::Approx(std::sqrt(125.0)));
  CHECK(sample_of(*one, 3)[1][0] * value.scale[0] + value.offset[0] == doctest::Approx(40));
  const auto two = people.open(
      "target: [height, age], scale_target: false, numeric: [], categorical: [kind]", Split::test);
  CHECK(two->spec().targets[0].shape == std::vector<std::int64_t>{2});
  CHECK(sample_of(*two, 0) == std::vector<Values>{{0, 1, 0}, {2.5, 25}});
}

TEST_CASE("large targets that differ little come back as they were") {
  const TempFolder folder;
  write_text(folder / "a.csv", "x,y\n1,1700000864\n2,1700000001\n3,1700000037\n");
  const auto data = found_source(typed_yaml("csv: {path: '@data/a.csv', target: y}"), folder.path())
                        ->open(Split::train, {folder.path(), ""});
  const Field& value = data->spec().targets[0];
  CHECK(std::abs(sample_of(*data, 0)[1][0] * value.scale[0] + value.offset[0] - 1700000864) < 1e-3);
}

TEST_CASE("classes that are numbers stand in their order, where the config asks for classes") {
  const TempFolder folder;
  write_text(folder / "a.csv", "x,y\n1,10\n2,9\n3,2\n4,10\n");
  const auto source = found_source(
      typed_yaml("csv: {path: '@data/a.csv', target: y, task: classification}"), folder.path());
  CHECK(source->spec().class_names == std::vector<std::string>{"2", "9", "10"});
  CHECK_FALSE(source->has(Split::test));
  CHECK(found_source(typed_yaml("csv: {path: '@data/a.csv', target: y}"), folder.path())
            ->spec()
            .targets[0]
            .name == "value");
}

TEST_CASE("a missing number is an error, train's mean, or a reason to leave its row out") {
  const TempFolder folder;
  write_text(folder / "a.csv", "x,w,y\n1,a,p\nNA,a,q\n3,b,p\n5,c,\n");
  const auto node = [](const std::string& more) {
    return typed_yaml("csv: {path: '@data/a.csv', target: y, scale: none" + more + "}");
  };
  CHECK(data_error(node(""), folder.path()) == "a.csv:3:1: column 'x': the value is missing");
  CHECK(data_error(node(", missing: mean"), folder.path()) ==
        "a.csv:5:5: column 'y': the target is missing");
  const auto dropped = found_source(node(", missing: drop"), folder.path());
  const auto data = dropped->open(Split::train, {folder.path(), ""});
  CHECK(data->size() == 2);
  CHECK(dropped->spec().class_names == std::vector<std::string>{"p"});
  REQUIRE(data->notes().size() == 1);
  CHECK(data->notes()[0] == folder /
                                "a.csv: 2 of 4 rows are left out, since a value is missing "
                                "(missing: drop)");
  CHECK(sample_of(*data, 1) == std::vector<Values>{{3, 0, 1}, {0}});
  CHECK(data->sample_name(1) == folder / "a.csv:4");

  write_text(folder / "a.csv", "x,y\n1,p\n-,q\n3,p\n8,q\n");
  const TypedNode mean = node(", missing: mean, missing_values: ['-']");
  const auto filled = found_source(mean, folder.path());
  CHECK(sample_of(*filled->open(Split::train, {folder.path(), ""}), 1)[0] == Values{4});
  CHECK(completed(mean, folder.path()).find("fill: [4]\n") != std::string::npos);
}

TEST_CASE("tables without a header and with another separator are read") {
  const TempFolder folder;
  write_text(folder / "a.csv", "1\tx\n2\ty\n");
  const auto source = found_source(
      typed_yaml(
          "csv: {path: '@data/a.csv', header: false, separator: tab, target: '2', scale: none}"),
      folder.path());
  CHECK(sample_of(*source->open(Split::train, {folder.path(), ""}), 1) ==
        std::vector<Values>{{2}, {1}});
}

TEST_CASE("a file to be predicted need have no target") {
  const People people;
  const auto source =
      found_source(people.node(std::string(kKind) + ", scale: none"), people.folder.path());
  write_text(people.folder / "new.csv", "colour,age,height\nred,1,2\n");
  const auto without = source->open_file(people.folder / "new.csv");
  CHECK_FALSE(without->has_targets());
  CHECK(sample_of(*without, 0) == std::vector<Values>{{1, 2, 0, 1}, {-1}});
  write_text(people.folder / "new.csv", "colour,age,height,kind\nred,1,2,\nred,1,2,emu\n");
  const auto with = source->open_file(people.folder / "new.csv");
  CHECK(with->has_targets());
  CHECK(sample_of(*with, 0)[1] == Values{-1});
  CHECK(sample_of(*with, 1)[1] == Values{2});
  const auto numbers = found_source(people.node("target: age, numeric: [height], categorical: []"),
                                    people.folder.path());
  write_text(people.folder / "new.csv", "height\n2\n");
  CHECK(std::isnan(sample_of(*numbers->open_file(people.folder / "new.csv"), 0)[1][0]));
  write_text(people.folder / "new.csv", "age\n2\n");
  CHECK_THROWS_AS(numbers->open_file(people.folder / "new.csv"), UserError);
}

TEST_CASE("a config that says columns and classes needs no file for its shapes") {
  const auto source = make_data_source(
      typed_yaml("csv: {train: none.csv, target: y, numeric: [a, b], categorical: [c], categories: "
                 "[[u, v, w]], classes: [p, q]}"));
  CHECK_THROWS_AS(source->look_up({".", ""}), UserError);
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{5});
  CHECK(source->spec().classes == 2);
  const auto open = make_data_source(typed_yaml("csv: {train: none.csv, target: y}"));
  CHECK(open->spec().inputs[0].shape == std::vector<std::int64_t>{0});
}

TEST_CASE("configs that contradict themselves or the table are refused") {
  const People people;
  for (const char* more :
       {"target: []", "target: kind, path: x.csv", "target: [age, height], task: classification",
        "target: kind, numeric: [kind]", "target: kind, numeric: [age], ignore: [age]",
        "target: kind, task: regression, classes: [a]", "target: kind, classes: [a, a]",
        "target: kind, offsets: [1]",
        "target: kind, numeric: [age], offsets: [1, 2], scales: [1, 2]",
        "target: kind, categories: [[a]]", "target: age, target_scales: [1]",
        "target: kind, separator: ''", "target: kind, numeric: [], categorical: []"}) {
    CAPTURE(more);
    CHECK_THROWS_AS(make_data_source(people.node(more)), UserError);
  }
  CHECK_THROWS_AS(make_data_source(typed_yaml("csv: {target: y}")), UserError);
  const auto error = [&](const std::string& more, Split split = Split::train) {
    return data_error(people.node(more), people.folder.path(), split);
  };
  CHECK(error("target: kinds") == "a.csv: there is no column 'kinds'; did you mean 'kind'?");
  CHECK(error("target: kind, ignore: [idd]") ==
        "a.csv: there is no column 'idd'; did you mean 'id'?");
  CHECK(error("target: kind, numeric: [colour], categorical: []") ==
        "a.csv:2:7: column 'colour': expected a number, found 'red'");
  CHECK(error("target: kind, numeric: [age], categorical: [], classes: [dog, emu]") ==
        "a.csv:2:15: column 'kind': 'cat' is none of the classes");
}

}  // namespace dl::test
