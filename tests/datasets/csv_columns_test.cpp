#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

// What the columns of a table are taken for, and what is done with those that are no features.
namespace dl::test {
namespace {

using Values = std::vector<double>;
using Strings = std::vector<std::string>;

/// A table and sources that read it.
struct Place {
  explicit Place(const std::string& text) { write(text); }
  void write(const std::string& text) const { write_text(folder / "a.csv", text); }
  TypedNode node(const std::string& more) const {
    return typed_yaml("csv: {path: '@data/a.csv', scale: none" + (more.empty() ? "" : ", " + more) +
                      "}");
  }
  std::unique_ptr<DataSource> source(const std::string& more) const {
    return found_source(node(more), folder.path());
  }
  std::unique_ptr<Dataset> open(const std::string& more) const {
    return source(more)->open(Split::train, {folder.path(), ""});
  }
  Strings features(const std::string& more) const { return source(more)->spec().feature_names; }
  std::string error(const std::string& more) const { return data_error(node(more), folder.path()); }
  /// What a source reports, behind the file's path.
  Strings notes(const std::string& more) const { return stripped(source(more)->notes()); }
  Strings row_notes(const std::string& more) const { return stripped(open(more)->notes()); }
  Strings stripped(Strings notes) const {
    for (std::string& note : notes) note.erase(0, (folder / "a.csv: ").size());
    return notes;
  }
  TempFolder folder;
};

/// A header and rows of `row(i)`.
template <class Row>
std::string table(const std::string& header, int rows, const Row& row) {
  std::string text = header + "\n";
  for (int i = 0; i < rows; ++i) text += row(i) + "\n";
  return text;
}

std::string hint_of(const Place& place, const std::string& more) {
  try {
    place.source(more);
  } catch (const UserError& error) {
    return error.diagnostics()[0].hint;
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("a misspelled column is reported in ignore too, also where all others are listed") {
  const Place place(table("day,x,y", 6, [](int i) {
    return std::to_string(i) + "," + std::to_string(i * i) + "," + (i % 2 ? "a" : "b");
  }));
  const std::string wrong = "a.csv: there is no column 'dya'; did you mean 'day'?";
  CHECK(place.error("target: y, ignore: [dya]") == wrong);
  const std::string listed = "target: y, numeric: [x], categorical: [], task: classification";
  CHECK(place.error(listed + ", ignore: [dya]") == wrong);
  CHECK(place.features(listed + ", ignore: [day]") == Strings{"x"});
}

TEST_CASE("pandas' index, a first column without a name that counts the rows, is left out") {
  const Place place(table(",x,y", 6, [](int i) {
    return std::to_string(i) + "," + std::to_string(i * i) + "," + (i % 2 ? "a" : "b");
  }));
  CHECK(place.features("target: y") == Strings{"x"});
  CHECK(place.notes("target: y") ==
        Strings{"numeric: x; categorical: none; target: y (2 classes); left out: 'Unnamed: 0' "
                "(without a name, counts the rows)"});
  CHECK(place.features("target: y, numeric: ['Unnamed: 0', x]") == Strings{"Unnamed: 0", "x"});
  CHECK(place.features("target: y, ignore: [1]") == Strings{"x"});
  CHECK(place.features("target: y, ignore: ['Unnamed: 0']") == Strings{"x"});
  CHECK(place.error("target: y, ignore: [4]") == "a.csv: there is no column '4'");
  place.write("x,y,\n1,a,\n2,b,\n");
  CHECK(place.notes("target: y")[0].ends_with(
      "left out: 'Unnamed: 2' (without a name, and without values)"));
  place.write(",x,y\n7,1,a\n9,2,b\n");  // it does not count
  CHECK(place.features("target: y") == Strings{"Unnamed: 0", "x"});
}

TEST_CASE("a column of names is refused with the ways out, each of which works") {
  const Place place(table("name,x,y", 30, [](int i) {
    return "n" + std::to_string(i) + "," + std::to_string(i % 7) + "," + (i % 2 ? "a" : "b");
  }));
  CHECK(place.error("target: y").starts_with("a.csv: column 'name' has another word in each of "));
  CHECK(hint_of(place, "target: y") ==
        "id: name, in the source, names the rows by it in predictions; ignore: [name] leaves it "
        "out; categorical: [..., name] makes a feature of each word");
  CHECK(place.features("target: y, ignore: [name]") == Strings{"x"});
  CHECK(place.features("target: y, categorical: [name]").size() == 31);
  const auto named = place.open("target: y, id: name");
  CHECK(named->spec().feature_names == Strings{"x"});
  CHECK(named->sample_id(3) == "n3");
  CHECK(named->sample_name(3) == place.folder / "a.csv:5");
  CHECK(place.notes("target: y, id: name")[0].ends_with("; id: name"));
  CHECK(place.open("target: y, ignore: [name]")->sample_id(3).empty());
  // A file to be predicted need not have it.
  write_text(place.folder / "new.csv", "x\n1\n");
  CHECK(place.source("target: y, id: name")->open_file(place.folder / "new.csv")->sample_id(0) ==
        "");
  write_text(place.folder / "new.csv", "name,x\nmine,1\n");
  CHECK(place.source("target: y, id: name")->open_file(place.folder / "new.csv")->sample_id(0) ==
        "mine");
}

TEST_CASE("columns that most rows fill with a word of their own, or that count, are reported") {
  const Place place(table("id,ticket,y", 40, [](int i) {
    return std::to_string(i + 1) + ",t" + std::to_string(i % 30) + "," + (i % 2 ? "a" : "b");
  }));
  const Strings notes = place.notes("target: y");
  REQUIRE(notes.size() == 3);
  CHECK(notes[1] ==
        "column 'id' counts the rows; id: id, in the source, names them by it in predictions "
        "instead of learning from it");
  CHECK(notes[2] ==
        "column 'ticket' has 30 different words in 40 rows, which become as many features; "
        "ignore: [ticket], in the source, leaves it out");
  CHECK(place.notes("target: y, id: id").size() == 2);
  CHECK(place.notes("target: y, ignore: [ticket]").size() == 2);
}

TEST_CASE("numbers that the list of numeric columns does not name are reported as left out") {
  const Place place("a,b,c,y\n1,5,u,p\n2,6,v,q\n");
  CHECK(place.features("target: y, numeric: [a]") == Strings{"a", "c=u", "c=v"});
  CHECK(place.notes("target: y, numeric: [a]")[0].ends_with("; left out: b"));
}

TEST_CASE("numeric labels are classes on demand, in the order of numbers, 1.0 being 1") {
  const Place place("x,y\n5,10\n6,2.0\n7,2\n8,10.0\n9,1\n");
  const auto source = place.source("target: y, task: classification");
  CHECK(source->spec().class_names == Strings{"1", "2", "10"});
  const auto data = source->open(Split::train, {place.folder.path(), ""});
  CHECK(sample_of(*data, 1)[1] == Values{1});
  CHECK(sample_of(*data, 2)[1] == Values{1});
  CHECK(sample_of(*data, 3)[1] == Values{2});
  CHECK(sample_of(*place.open("target: y, classes: [10, 2, 1]"), 3)[1] == Values{0});
  const auto advice = place.source("target: y")->no_classes();
  REQUIRE(advice);
  CHECK(advice->what == "the target 'y' is predicted as a number");
  CHECK(advice->hint == "task: classification, in the source, makes a class of each of its values");
  CHECK_FALSE(source->no_classes());
}

TEST_CASE("more than a thousand classes are read, listed or found") {
  std::string list;
  for (int i = 0; i < 1500; ++i) list += (i > 0 ? ", c" : "c") + std::to_string(i);
  const Place place(table(
      "x,y", 3000, [](int i) { return std::to_string(i % 3) + ",c" + std::to_string(i % 1500); }));
  CHECK(place.source("target: y")->spec().classes == 1500);
  CHECK(place.source("target: y, classes: [" + list + "]")->spec().classes == 1500);
  CHECK(place.open("target: y, classes: [" + list + "]")->size() == 3000);
}

TEST_CASE("a class that is called as missing values are is named with the way to have it") {
  const Place place("x,y\n1,None\n2,Mild\n3,None\n4,Mild\n");
  CHECK(place.error("target: y") == "a.csv:2:3: column 'y': the target is missing");
  CHECK(
      hint_of(place, "target: y")
          .starts_with(
              "'None' counts as missing; missing_values: [], in the source, takes it for a value"));
  CHECK(place.source("target: y, missing_values: []")->spec().class_names ==
        Strings{"Mild", "None"});
  place.write("x,y\n1,\n2,Mild\n");
  CHECK(hint_of(place, "target: y") == "missing: drop, in the source, leaves such rows out");
  CHECK(place.error("target: y, missing_values: []") ==
        "a.csv:2:3: column 'y': the target is missing");
  place.write("x,y\n,a\n2,b\n");
  CHECK(place.error("target: y, missing_values: []") ==
        "a.csv:2:1: column 'x': the value is missing");
}

TEST_CASE("words that count as missing in a column of words are reported") {
  const Place place("x,pool,y\n1,NA,p\n2,big,q\n3,,p\n4,NA,q\n5,small,p\n");
  CHECK(place.row_notes("target: y") ==
        Strings{"words that count as missing, and so are no category, in 'pool' (2, the first "
                "'NA'); missing_values, in the source, lists what counts"});
  CHECK(place.row_notes("target: y, missing_values: []").empty());
  CHECK(place.features("target: y, missing_values: []") ==
        Strings{"x", "pool=NA", "pool=big", "pool=small"});
}

TEST_CASE("targets that a loss takes for probabilities are not scaled, and must be such") {
  const Place place("x,y\n1,0\n2,1\n3,0.25\n");
  const auto expecting = [&](const std::string& more) {
    auto source = make_data_source(place.node(more));
    source->expect_targets({.min = 0, .max = 1, .loss = "bce_with_logits"});
    return source;
  };
  const DataPaths paths{place.folder.path(), ""};
  const auto source = expecting("target: y");
  source->look_up(paths);
  const auto data = source->open(Split::train, paths);
  CHECK(sample_of(*data, 0) == std::vector<Values>{{1}, {0}});
  CHECK(sample_of(*data, 2)[1] == Values{0.25});
  CHECK(data->spec().targets[0].scale == Values{1});
  place.write("x,y\n1,0\n2,1\n3,1.5\n");
  try {
    expecting("target: y")->look_up(paths);
    FAIL("nothing was thrown");
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::data);
    CHECK(error.diagnostics()[0].message ==
          place.folder /
              "a.csv:4:3: column 'y': the target is 1.5, but bce_with_logits reads "
              "numbers from 0 to 1");
  }
}

}  // namespace dl::test
