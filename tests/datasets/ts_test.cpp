#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

namespace dl::test {
namespace {

using Values = std::vector<double>;

constexpr const char* kTrain = R"(# two dimensions, lengths 2 and 3
@problemName Small
@timeStamps false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
1,2:10,30:up
 3, 4 ,5 : 20,20,20 :down
)";

/// Train and test files, and a source that names them.
struct Small {
  Small() {
    write_text(folder / "a.ts", kTrain);
    write_text(
        folder / "b.ts",
        "@timestamps FALSE\r\n@classlabel True up down\r\n@DATA\r\n1,1,1,1:2,2,2,2:down\r\n");
  }
  std::unique_ptr<DataSource> source(const std::string& more = "") const {
    return found_source(node(more), folder.path());
  }
  TypedNode node(const std::string& more = "") const {
    return typed_yaml("ts: {train: '@data/a.ts', test: '@data/b.ts'" + more + "}");
  }
  std::unique_ptr<Dataset> open(const std::string& more, Split split = Split::train) const {
    return source(more)->open(split, {folder.path(), ""});
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE(
    "series of unequal lengths are padded to the longest of all files, with zeros at the end") {
  const Small small;
  const auto train = small.open(", scale: none");
  REQUIRE(train->size() == 2);
  CHECK(train->spec().inputs[0].shape == std::vector<std::int64_t>{4, 2});
  CHECK(train->spec().classes == 2);
  CHECK(train->spec().class_names == std::vector<std::string>{"up", "down"});
  CHECK(sample_of(*train, 0) == std::vector<Values>{{1, 10, 2, 30, 0, 0, 0, 0}, {2}, {0}});
  CHECK(sample_of(*train, 1) == std::vector<Values>{{3, 20, 4, 20, 5, 20, 0, 0}, {3}, {1}});
  CHECK(train->sample_name(1) == small.folder / "a.ts:10");
  const auto test = small.open(", scale: none", Split::test);
  CHECK(sample_of(*test, 0) == std::vector<Values>{{1, 2, 1, 2, 1, 2, 1, 2}, {4}, {1}});
  CHECK(test->fingerprint() != train->fingerprint());
  CHECK(small.open("")->fingerprint() != train->fingerprint());
}

TEST_CASE("each dimension is scaled by train's numbers, which the resolved config keeps") {
  const Small small;
  const auto test = small.open("", Split::test);
  const Values steps = sample_of(*test, 0)[0];
  CHECK(steps[0] == doctest::Approx((1 - 3) / std::sqrt(2.0)));
  CHECK(steps[1] == doctest::Approx((2 - 20) / std::sqrt(40.0)));
  const std::string found = completed(small.node(), small.folder.path());
  for (const char* part : {"task: classification\n", "length: 4\n", "dimensions: 2\n",
                           "classes: [up, down]\n", "offsets: [3, 20]\n", "scales: ["})
    CHECK_MESSAGE(found.find(part) != std::string::npos, found);

  // With what is kept neither train nor the other files are needed.
  const auto again = make_data_source(typed_yaml(
      "ts: {train: none.ts, test: '@data/b.ts', task: classification, length: 5, dimensions: 2, "
      "classes: [down, up], offsets: [1, 1], scales: [2, 4]}"));
  again->look_up({small.folder.path(), ""});
  CHECK(sample_of(*again->open(Split::test, {small.folder.path(), ""}), 0) ==
        std::vector<Values>{{0, 0.25, 0, 0.25, 0, 0.25, 0, 0.25, 0, 0}, {4}, {0}});
}

TEST_CASE("a config that says length, dimensions and classes needs no file for its shapes") {
  const auto source = make_data_source(
      typed_yaml("ts: {train: none.ts, length: 7, dimensions: 3, classes: [a, b, c]}"));
  CHECK_THROWS_AS(source->look_up({".", ""}), UserError);
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{7, 3});
  CHECK(source->spec().classes == 3);
  CHECK_FALSE(source->has(Split::test));
}

TEST_CASE("missing values are those before them where the config says so") {
  const TempFolder folder;
  write_text(folder / "a.ts", "@classLabel true x\n@data\n?,1,nan,NaN,5,-NAN:x\n");
  const auto source = found_source(
      typed_yaml("ts: {train: '@data/a.ts', missing: previous, scale: none}"), folder.path());
  CHECK(sample_of(*source->open(Split::train, {folder.path(), ""}), 0)[0] ==
        Values{1, 1, 1, 1, 5, 5});
}

TEST_CASE("numbers are predicted where the header says targetLabel, with the way back") {
  const TempFolder folder;
  write_text(folder / "a.ts", "@targetLabel true\n@data\n1,2:10\n3,4:30\n");
  const auto source = found_source(typed_yaml("ts: {train: '@data/a.ts'}"), folder.path());
  const auto train = source->open(Split::train, {folder.path(), ""});
  const Field& value = train->spec().targets[0];
  CHECK(value.name == "value");
  CHECK(value.shape == std::vector<std::int64_t>{1});
  CHECK(sample_of(*train, 1)[2][0] * value.scale[0] + value.offset[0] == doctest::Approx(30));
  CHECK(sample_of(*train, 0)[2] == Values{-1});
  CHECK_FALSE(train->spec().classes);
}

TEST_CASE("a number that a loss takes for a probability is not scaled, and must be one") {
  const TempFolder folder;
  const auto open = [&](const std::string& last) {
    write_text(folder / "a.ts", "@targetLabel true\n@data\n1,2:0\n3,4:" + last + "\n");
    auto source = make_data_source(typed_yaml("ts: {train: '@data/a.ts'}"));
    source->expect_targets({.min = 0, .max = 1, .loss = "bce_with_logits"});
    source->look_up({folder.path(), ""});
    return source->open(Split::train, {folder.path(), ""});
  };
  CHECK(sample_of(*open("1"), 1)[2] == Values{1});
  CHECK_THROWS_WITH_AS(open("2"),
                       ("error: " + (folder / "a.ts:4:5: the target is 2, but bce_with_logits "
                                              "reads numbers from 0 to 1"))
                           .c_str(),
                       UserError);
}

TEST_CASE("a file to be predicted need have no labels") {
  const Small small;
  const auto source = small.source(", scale: none");
  write_text(small.folder / "new.ts", "@classLabel false\n@data\n5:6\n");
  const auto unlabelled = source->open_file(small.folder / "new.ts");
  CHECK_FALSE(unlabelled->has_targets());
  CHECK(sample_of(*unlabelled, 0) == std::vector<Values>{{5, 6, 0, 0, 0, 0, 0, 0}, {1}, {-1}});
  write_text(small.folder / "new.ts", "@classLabel true up down\n@data\n5:6:?\n7:8:down\n");
  const auto partly = source->open_file(small.folder / "new.ts");
  CHECK(partly->has_targets());
  CHECK(sample_of(*partly, 0)[2] == Values{-1});
  CHECK(sample_of(*partly, 1)[2] == Values{1});
}

TEST_CASE("files and configs that do not fit together are refused") {
  const Small small;
  const auto error = [&](const std::string& more, Split split = Split::train) {
    return data_error(small.node(more), small.folder.path(), split);
  };
  CHECK(error(", length: 2") ==
        "a.ts:10:22: this series has 3 steps, more than the source's length, 2");
  CHECK(error(", dimensions: 3") == "a.ts:9:1: this series has 2 dimensions, expected 3");
  CHECK(error(", offsets: [1], scales: [1]") ==
        "a.ts: has 2 dimensions, but the source has 1 scales");
  CHECK(error(", classes: [up, left]") ==
        "a.ts:10:22: the label 'down' is none of the classes, up, left");
  CHECK(error(", task: regression") == "a.ts: the header has no line @targetLabel true");
  write_text(small.folder / "b.ts", "@classLabel true up down\n@data\n1:2:?\n");
  CHECK(error("", Split::test) == "b.ts:3:5: the label is not known ('?')");
  write_text(small.folder / "b.ts", "@data\n1:2\n");
  CHECK(error("", Split::test) == "b.ts: the header has no line @classLabel true");
  write_text(small.folder / "a.ts", "@data\n1:2\n");
  CHECK(error("") == "a.ts: the header has no line @classLabel true and no @targetLabel true");
  for (const char* more :
       {", offsets: [1]", ", task: regression, classes: [a]", ", classes: [a, a]",
        ", dimensions: 3, offsets: [1], scales: [1]", ", target_offset: [1]"}) {
    CAPTURE(more);
    CHECK_THROWS_AS(make_data_source(small.node(more)), UserError);
  }
}

TEST_CASE("scales that are given for the series leave the target's to be fitted, and the reverse") {
  const TempFolder folder;
  write_text(folder / "a.ts", "@targetLabel true\n@data\n1,3:10\n5,7:30\n");
  const auto first = [&](const std::string& more) {
    const TypedNode node = typed_yaml("ts: {train: '@data/a.ts', task: regression" + more + "}");
    const auto source = found_source(node, folder.path());
    return sample_of(*source->open(Split::train, {folder.path(), ""}), 0);
  };
  CHECK(first(", offsets: [1], scales: [2]") == std::vector<Values>{{0, 1}, {2}, {-1}});
  const std::vector<Values> reverse = first(", target_offset: [10], target_scale: [2]");
  CHECK(reverse[2] == Values{0});
  CHECK(reverse[0][0] == doctest::Approx(-3 / std::sqrt(5)));
}

}  // namespace dl::test
