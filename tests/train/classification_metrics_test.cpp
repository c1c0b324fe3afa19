#include "engine/train/classification_metrics.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/support/formula.h"
#include "tests/support/golden.h"

namespace dl {
namespace {

using nlohmann::json;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<std::int32_t> labels_of(const json& golden) {
  std::vector<std::int32_t> labels;
  for (const float value : test::formula_tensor(2, golden["rows"]))
    labels.push_back(static_cast<std::int32_t>((value + 1) / 2 * golden["below"].get<float>()));
  return labels;
}

void check_close(const std::vector<double>& found, const json& golden) {
  REQUIRE(found.size() == golden.size());
  for (std::size_t c = 0; c < found.size(); ++c)
    CHECK(found[c] == doctest::Approx(golden[c].get<double>()).epsilon(1e-12));
}

}  // namespace

TEST_CASE("confusion, precision, recall and F1 are scikit-learn's") {
  for (const json& golden : test::read_golden("classification")) {
    const std::size_t rows = golden["rows"], classes = golden["classes"];
    CAPTURE(classes);
    const std::vector<float> scores = test::formula_tensor(1, rows * classes);
    const std::vector<std::int32_t> labels = labels_of(golden);
    ConfusionMatrix matrix(classes);
    const std::size_t half = rows / 2;  // in two batches
    matrix.add(std::span(scores).first(half * classes), std::span(labels).first(half));
    matrix.add(std::span(scores).subspan(half * classes), std::span(labels).subspan(half));
    CHECK(json(matrix.rows()) == golden["confusion"]);

    std::vector<double> samples, precision, recall, f1;
    for (const ClassScores& score : matrix.scores()) {
      samples.push_back(static_cast<double>(score.samples));
      precision.push_back(score.precision);
      recall.push_back(score.recall);
      f1.push_back(score.f1);
    }
    check_close(samples, golden["samples"]);
    check_close(precision, golden["precision"]);
    check_close(recall, golden["recall"]);
    check_close(f1, golden["f1"]);
    std::vector<ClassCounts> counts(classes);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::int32_t label = labels[row];
      if (label >= 0 && static_cast<std::size_t>(label) < classes)
        count_class(std::span(scores).subspan(row * classes, classes),
                    static_cast<std::size_t>(label), counts);
    }
    check_close({macro_f1(counts, F1Mean::occurring)}, json::array({golden["macro_f1"]}));
  }
}

TEST_CASE("ranks below 1 and 5 are PyTorch's top-1 and top-5") {
  for (const json& golden : test::read_golden("classification")) {
    const std::size_t classes = golden["classes"];
    const std::vector<std::int32_t> labels = labels_of(golden);
    const std::vector<float> scores = test::formula_tensor(1, labels.size() * classes);
    int top1 = 0, top5 = 0;
    for (std::size_t row = 0; row < labels.size(); ++row) {
      const auto label = static_cast<std::size_t>(labels[row]);
      if (label >= classes) continue;
      const std::size_t rank = label_rank(std::span(scores).subspan(row * classes, classes), label);
      top1 += rank < 1;
      top5 += rank < 5;
    }
    CHECK(top1 == golden["top1"]);
    CHECK(top5 == golden["top5"]);
  }
}

TEST_CASE("of equal scores the lowest class comes first") {
  const std::vector<float> scores = {1, 3, 3, 0};
  CHECK(predicted_class(scores) == 1);
  CHECK(label_rank(scores, 1) == 0);
  CHECK(label_rank(scores, 2) == 1);
  CHECK(label_rank(scores, 0) == 2);
}

TEST_CASE("a score that is not a number never hits") {
  CHECK(predicted_class(std::vector<float>{kNan, -1, -2}) == 1);
  CHECK(label_rank(std::vector<float>{kNan, -1, -2}, 0) == 3);
  CHECK(label_rank(std::vector<float>{kNan, -1, -2}, 1) == 0);
  CHECK(predicted_class(std::vector<float>{kNan, kNan}) == std::nullopt);
  CHECK(label_rank(std::vector<float>{kNan}, 0) == 1);
}

TEST_CASE("labels that are no class do not count") {
  ConfusionMatrix matrix(2);
  const std::vector<float> scores = {1, 0, 1, 0, 0, 1, kNan, kNan};
  matrix.add(scores, std::vector<std::int32_t>{-100, 2, 1, 0});
  CHECK(matrix.rows() == std::vector<std::vector<std::int64_t>>{{0, 0}, {0, 1}});
}

TEST_CASE("F1 is a mean over the classes that occur, of answers over all") {
  // A perfect classifier of three classes, one of which has no sample: scikit-learn has 1.
  const std::vector<ClassCounts> counts = {{2, 2, 2}, {0, 0, 0}, {3, 3, 3}};
  CHECK(macro_f1(counts, F1Mean::occurring) == 1.0);
  CHECK(macro_f1(counts, F1Mean::all) == doctest::Approx(2.0 / 3));
  CHECK(macro_f1({}, F1Mean::occurring) == 0.0);
}

}  // namespace dl
