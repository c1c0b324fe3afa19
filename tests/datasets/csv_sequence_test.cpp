#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

namespace dl::test {
namespace {

using Values = std::vector<double>;

/// Twenty rows: t is 0, 1, ... and y is 100 + t * t.
struct Series {
  Series() {
    std::string text = "t,y,note\n";
    for (int t = 0; t < 20; ++t)
      text += std::to_string(t) + "," + std::to_string(100 + t * t) + ",x\n";
    write_text(folder / "s.csv", text);
  }
  TypedNode node(const std::string& more) const {
    return typed_yaml("csv_sequence: {path: '@data/s.csv', columns: [t, y]" + more + "}");
  }
  std::unique_ptr<Dataset> open(const std::string& more, Split split) const {
    return found_source(node(more), folder.path())->open(split, {folder.path(), ""});
  }
  TempFolder folder;
};

constexpr const char* kPlain = ", targets: [y], window: 3, valid: 4, test: 0.25, scale: none";

}  // namespace

TEST_CASE(
    "splits are stretches in time order; windows reach back into what was before, targets do not") {
  const Series series;
  const auto train = series.open(kPlain, Split::train), valid = series.open(kPlain, Split::valid),
             test = series.open(kPlain, Split::test);
  // 20 rows: 11 train (0 to 10), 4 valid (11 to 14), 5 test (15 to 19).
  REQUIRE(train->size() == 8);
  REQUIRE(valid->size() == 4);
  REQUIRE(test->size() == 5);
  CHECK(train->spec().order == SampleOrder::in_time);
  CHECK(train->spec().inputs[0].shape == std::vector<std::int64_t>{3, 2});
  CHECK(train->spec().targets[0].shape == std::vector<std::int64_t>{1});
  CHECK(sample_of(*train, 0) == std::vector<Values>{{0, 100, 1, 101, 2, 104}, {109}});
  CHECK(sample_of(*train, 7)[1] == Values{200});
  CHECK(sample_of(*valid, 0) == std::vector<Values>{{8, 164, 9, 181, 10, 200}, {221}});
  CHECK(sample_of(*test, 4) == std::vector<Values>{{16, 356, 17, 389, 18, 424}, {461}});
  CHECK(test->sample_name(4) == series.folder / "s.csv:21");
  CHECK(train->fingerprint() != valid->fingerprint());
}

TEST_CASE("horizon, stride and several targets share out the rows that they should") {
  const Series series;
  const std::string more = ", window: 2, horizon: 3, stride: 2, valid: 0, test: 6, scale: none";
  const auto train = series.open(more, Split::train), test = series.open(more, Split::test);
  REQUIRE(train->size() == 5);  // rows 2 to 4, ..., 10 to 12; row 13 is left over
  CHECK(train->spec().targets[0].shape == std::vector<std::int64_t>{6});
  CHECK(sample_of(*train, 4) == std::vector<Values>{{8, 164, 9, 181}, {10, 200, 11, 221, 12, 244}});
  REQUIRE(test->size() == 2);
  CHECK(sample_of(*test, 1)[1] == Values{16, 356, 17, 389, 18, 424});
  CHECK_FALSE(found_source(series.node(more), series.folder.path())->has(Split::valid));
}

TEST_CASE("scaling is fitted on train alone, undone by the target's scale, and kept with the run") {
  const Series series;
  const std::string more = ", targets: [y], window: 3, horizon: 2, valid: 4, test: 5";
  const auto test = series.open(more, Split::test);
  const Values input = sample_of(*test, 0)[0], target = sample_of(*test, 0)[1];
  CHECK(input[0] == doctest::Approx((12 - 5) / std::sqrt(10.0)));  // t of train is 0 to 10
  const Field& value = test->spec().targets[0];
  REQUIRE(value.scale.size() == 2);
  CHECK(target[0] * value.scale[0] + value.offset[0] == doctest::Approx(325));
  CHECK(target[1] * value.scale[1] + value.offset[1] == doctest::Approx(356));
  const auto small = series.open(more + ", scale: minmax", Split::train);
  CHECK(sample_of(*small, 0)[0][0] == 0);
  CHECK(sample_of(*small, 6)[0][2] == doctest::Approx(0.7));  // t is 7
  const std::string found = completed(series.node(more), series.folder.path());
  for (const char* part : {"columns: [t, y]\n", "targets: [y]\n", "offsets: [5, ", "scales: [",
                           "target_offsets: [13", "target_scales: ["})
    CHECK_MESSAGE(found.find(part) != std::string::npos, found);
}

TEST_CASE("a kept config needs the file for its rows alone, and none for its shapes") {
  const auto source = make_data_source(
      typed_yaml("csv_sequence: {path: none.csv, columns: [a, b], window: 5, horizon: 2}"));
  CHECK_THROWS_AS(source->look_up({".", ""}), UserError);
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{5, 2});
  CHECK(source->spec().targets[0].shape == std::vector<std::int64_t>{4});
  const Series series;
  const auto kept = make_data_source(series.node(
      ", targets: [y], window: 3, offsets: [1, 0], scales: [2, 100], target_offsets: [100], "
      "target_scales: [4]"));
  kept->look_up({"nowhere", ""});
  CHECK(sample_of(*kept->open(Split::train, {series.folder.path(), ""}), 0)[0] ==
        Values{-0.5, 1, 0, static_cast<float>(1.01), 0.5, static_cast<float>(1.04)});
}

TEST_CASE("without a header columns are numbers, and missing values are those before them") {
  const TempFolder folder;
  write_text(folder / "s.csv", "1;10\n2;NA\n;30\n4;-\n5;50\n");
  const auto source = found_source(
      typed_yaml(
          "csv_sequence: {path: '@data/s.csv', header: false, separator: ;, columns: [2, 1], "
          "window: 4, valid: 0, test: 0, scale: none, missing: previous, missing_values: ['', "
          "NA, '-']}"),
      folder.path());
  CHECK(sample_of(*source->open(Split::train, {folder.path(), ""}), 0) ==
        std::vector<Values>{{10, 1, 10, 2, 30, 2, 30, 4}, {50, 5}});
}

TEST_CASE("the baseline is the value so many rows before, in the file's units") {
  const Series series;
  // y: 16 * 16 - 14 * 14 = 60, 64, 68, 72 for test rows 16 to 19.
  const auto test =
      series.open(", targets: [y], window: 3, valid: 0, test: 4, baseline_lag: 2", Split::test);
  const auto baselines = test->baselines();
  REQUIRE(baselines.size() == 2);
  CHECK(baselines[0].first == "baseline_mae");
  CHECK(baselines[0].second == doctest::Approx(66));
  CHECK(baselines[1].first == "baseline_rmse");
  CHECK(baselines[1].second ==
        doctest::Approx(std::sqrt((60 * 60 + 64 * 64 + 68 * 68 + 72 * 72) / 4.0)));
  CHECK(series.open(kPlain, Split::test)->baselines().empty());
  CHECK(test->notes().empty());
  // What the baseline leaves out is said.
  const auto none =
      series.open(", targets: [y], window: 3, valid: 0, test: 4, baseline_lag: 1000", Split::test);
  CHECK(none->baselines().empty());
  REQUIRE(none->notes().size() == 1);
  CHECK(none->notes()[0].find("there is no baseline: none of the") != std::string::npos);
}

TEST_CASE("of a new file all windows are shown, the last one before what is not known yet") {
  const Series series;
  const auto source = found_source(series.node(kPlain), series.folder.path());
  write_text(series.folder / "new.csv", "y,t\n1,10\n2,20\n3,30\n4,40\n");
  const auto with = source->open_file(series.folder / "new.csv");
  REQUIRE(with->size() == 2);
  CHECK(with->has_targets());
  CHECK(sample_of(*with, 0) == std::vector<Values>{{10, 1, 20, 2, 30, 3}, {4}});
  CHECK(sample_of(*with, 1)[0] == Values{20, 2, 30, 3, 40, 4});
  CHECK(std::isnan(sample_of(*with, 1)[1][0]));
  CHECK(with->sample_name(1) == series.folder / "new.csv: after line 5");
  const auto other = found_source(
      series.node(", targets: [note], window: 3, target_offsets: [0], target_scales: [1], offsets: "
                  "[0, 0], scales: [1, 1]"),
      series.folder.path());
  const auto without = other->open_file(series.folder / "new.csv");
  CHECK_FALSE(without->has_targets());
  CHECK(std::isnan(sample_of(*without, 0)[1][0]));
}

TEST_CASE("dates order the rows and name what is predicted, also beyond the end") {
  const TempFolder folder;
  write_text(folder / "d.csv", "Date,y\n1960-12,4\n1960-11,3\n1960-10,?\n1960-09,1\n1960-08,0\n");
  const auto node = [](const std::string& more) {
    return typed_yaml(
        "csv_sequence: {path: '@data/d.csv', window: 2, valid: 0, test: 0, scale: "
        "none, missing: previous" +
        more + "}");
  };
  const auto source = found_source(node(""), folder.path());
  CHECK(source->notes() ==
        std::vector<std::string>{folder / "d.csv: columns: y; predicted: y; rows in the order of "
                                          "'Date' (written as %Y-%m)"});
  const std::string found = completed(node(""), folder.path());
  CHECK_MESSAGE(found.find("date: Date\n") != std::string::npos, found);
  CHECK_MESSAGE(found.find("date_format: \"%Y-%m\"\n") != std::string::npos, found);
  const auto data = source->open(Split::train, {folder.path(), ""});
  REQUIRE(data->size() == 3);
  CHECK(sample_of(*data, 0) == std::vector<Values>{{0, 1}, {1}});  // the value before the missing
  CHECK(sample_of(*data, 2) == std::vector<Values>{{1, 3}, {4}});
  CHECK(data->sample_id(0) == "1960-10");
  CHECK(data->sample_name(0) == folder / "d.csv:4");
  CHECK(data->notes() == std::vector<std::string>{folder / "d.csv: its rows are sorted by 'Date'"});
  const auto whole = source->open_file(folder / "d.csv");
  REQUIRE(whole->size() == 4);
  CHECK(whole->sample_id(3) == "1961-01");
  CHECK(found_source(node(", ignore: [1]"), folder.path())
            ->open(Split::train, {folder.path(), ""})
            ->sample_id(0)
            .empty());
}

TEST_CASE("dates that no row of its own has, or that are written otherwise, are refused") {
  const TempFolder folder;
  const auto error = [&](const std::string& text, const std::string& more = "") {
    write_text(folder / "d.csv", text);
    return data_error(
        typed_yaml("csv_sequence: {path: '@data/d.csv', window: 1, valid: 0, test: 0" + more + "}"),
        folder.path());
  };
  CHECK(error("d,y\n2024-01-01,1\n2024-01-02,2\n2024-01-01,3\n") ==
        "d.csv:4:1: column 'd': '2024-01-01' stands in line 2 too, and a row is a point in time");
  CHECK(error("d,y\n01/02/2024,1\n02/02/2024,2\n") ==
        "d.csv: column 'd' may have the day or the month first");
  CHECK(error("d,y\n01/02/2024,1\n02/02/2024,2\n", ", date: d, date_format: '%d/%m/%Y'") ==
        "nothing was thrown");
  CHECK(error("d,y\n2024-01-01,1\nsoon,2\n", ", date: d, date_format: '%Y-%m-%d'") ==
        "d.csv:3:1: column 'd': 'soon' is not written as '%Y-%m-%d' says");
  CHECK(error("d,y\n2024-01-01,1\nsoon,2\n", ", date: d") ==
        "d.csv: column 'd' holds dates that are written in no usual way, or not all in the same");
  CHECK(error("d,y\nsoon,1\nlater,2\n") ==
        "d.csv:2:1: column 'd': expected a number, found 'soon'");
  CHECK(error("year,y\n1951,1\n1950,2\n1952,3\n", ", date: year") == "nothing was thrown");
  CHECK(error("d,y\n2024-01-01,1\n2024-01-02,2\n", ", date: e") == "d.csv: there is no column 'e'");
}

TEST_CASE("a count of rows without a name is no column of a sequence") {
  const TempFolder folder;
  write_text(folder / "d.csv", ",y\n0,5\n1,6\n2,8\n");
  const auto source =
      found_source(typed_yaml("csv_sequence: {path: '@data/d.csv', window: 1, valid: 0, test: 0}"),
                   folder.path());
  CHECK(source->spec().feature_names == std::vector<std::string>{"y"});
  CHECK(source->notes()[0].ends_with("left out: 'Unnamed: 0' (without a name, counts the rows)"));
}

TEST_CASE("targets of a sequence that a loss takes for probabilities are not scaled") {
  const TempFolder folder;
  write_text(folder / "d.csv", "x,y\n5,0\n6,1\n7,0\n8,1\n");
  const auto open = [&](const std::string& more) {
    auto source = make_data_source(typed_yaml(
        "csv_sequence: {path: '@data/d.csv', window: 1, valid: 0, test: 0" + more + "}"));
    source->expect_targets({.min = 0, .max = 1, .loss = "bce_with_logits"});
    source->look_up({folder.path(), ""});
    return source->open(Split::train, {folder.path(), ""});
  };
  CHECK(sample_of(*open(", targets: [y]"), 0)[1] == Values{1});
  CHECK(sample_of(*open(", targets: [y]"), 0)[0][0] < 0);  // what is seen is scaled
  CHECK_THROWS_AS(open(", targets: [x]"), UserError);
  const auto plain = found_source(
      typed_yaml("csv_sequence: {path: '@data/d.csv', window: 1, valid: 0, test: 0, targets: [x], "
                 "scale_target: false}"),
      folder.path());
  CHECK(sample_of(*plain->open(Split::train, {folder.path(), ""}), 0)[1] == Values{6});
}

TEST_CASE("tables and configs that do not fit together are refused") {
  const Series series;
  const auto error = [&](const std::string& more, Split split = Split::train) {
    return data_error(series.node(more), series.folder.path(), split);
  };
  CHECK(error("") == "s.csv: of its 20 rows train gets 16, and a single sample needs 49");
  CHECK(error(", window: 3, valid: 12, test: 8") ==
        "s.csv: of its 20 rows train gets 0, and a single sample needs 4");
  CHECK(error(", window: 3, horizon: 3", Split::valid) ==
        "s.csv: of its 20 rows valid gets 2, and a single sample needs 3");
  CHECK(error(", targets: [x]") == "s.csv: there is no column 'x'");
  CHECK(error(", targets: [note]") == "s.csv:2:7: column 'note': expected a number, found 'x'");
  for (const char* more :
       {", window: 10000000", ", horizon: 10000000",
        ", valid: 9223372036854775808, test: 9223372036854775808", ", valid: 1.5",
        ", baseline_lag: 1, horizon: 2", ", offsets: [1, 2, 3], scales: [1, 2, 3]",
        ", offsets: [1, 2]", ", target_scales: [1, 2]", ", separator: ''",
        ", scales: [0, 1], offsets: [1, 1]", ", date_format: '%Y'",
        ", date: t, date_format: '%H:%M'"}) {
    CAPTURE(more);
    CHECK_THROWS_AS(make_data_source(series.node(more)), UserError);
  }
}

}  // namespace dl::test
