#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/train/classification_metrics.h"
#include "engine/train/ranking_metrics.h"
#include "engine/train/regression_metrics.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"

// Rankings, answers to yes or no, and R2 against scikit-learn (tests/goldens/scores.py).
namespace dl {
namespace {

using nlohmann::json;

struct Case {
  explicit Case(const json& golden)
      : rows(golden["rows"]),
        columns(golden["columns"]),
        scores(test::formula_tensor(1, rows * columns)) {
    if (golden.value("ties", false)) {
      for (float& score : scores) score = std::round(score * 8) / 8;
    }
  }
  std::size_t rows, columns;
  std::vector<float> scores;
};

void check_value(const std::optional<double>& found, const json& golden) {
  CHECK(found.has_value() == !golden.is_null());
  if (found && !golden.is_null())
    CHECK(*found == doctest::Approx(golden.get<double>()).epsilon(1e-9));
}

void check_ranking(const RankingScores& found, const json& golden) {
  check_value(found.auc, golden["auc"]);
  check_value(found.average_precision, golden["average_precision"]);
}

template <class Check>
void for_each_case(const std::string& kind, const Check& check) {
  int cases = 0;
  for (const json& golden : test::read_golden("scores")) {
    if (golden["kind"] != kind) continue;
    CAPTURE(golden.dump());
    check(golden, Case(golden));
    ++cases;
  }
  CHECK(cases > 0);
}

}  // namespace

TEST_CASE("AUC and average precision of classes are scikit-learn's, of each against all others") {
  for_each_case("classes", [](const json& golden, const Case& data) {
    const std::vector<float> draws = test::formula_tensor(2, data.rows);
    KeptScores kept(data.rows, data.columns == 2 ? 1 : data.columns);
    for (std::size_t row = 0; row < data.rows; ++row) {
      const auto label =
          static_cast<std::size_t>((draws[row] + 1) / 2 * static_cast<float>(data.columns));
      kept.add_classes(std::span(data.scores).subspan(row * data.columns, data.columns), label);
    }
    std::vector<RankingScores> each = kept.rankings();
    if (data.columns == 2) each.insert(each.begin(), kept.rankings(true)[0]);
    REQUIRE(each.size() == data.columns);
    for (std::size_t c = 0; c < data.columns; ++c) check_ranking(each[c], golden["each"][c]);
    check_ranking(data.columns == 2 ? each[1] : macro_average(each), golden["whole"]);
  });
}

TEST_CASE("AUC, average precision, accuracy and F1 of yes and no are scikit-learn's") {
  for_each_case("answers", [](const json& golden, const Case& data) {
    const std::vector<float> draws = test::formula_tensor(2, data.rows * data.columns);
    KeptScores kept(data.rows, data.columns);
    std::vector<ClassCounts> counts(data.columns);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const bool positive = draws[i] > golden["above"].get<float>();
      kept.add(data.scores[i], positive);
      count_answer(data.scores[i], positive, counts[i % data.columns]);
    }
    const auto samples = static_cast<std::int64_t>(data.rows);
    const std::vector<RankingScores> each = kept.rankings();
    const std::vector<ClassScores> scores = class_scores(counts);
    for (std::size_t c = 0; c < data.columns; ++c) {
      check_ranking(each[c], golden["each"][c]);
      check_value(answer_accuracy(counts[c], samples), golden["accuracy"][c]);
      check_value(scores[c].f1, golden["f1"][c]);
    }
    check_ranking(macro_average(each), golden["whole"]);
    check_value(mean_accuracy(counts, samples), golden["mean_accuracy"]);
    check_value(macro_f1(counts, F1Mean::all), golden["macro_f1"]);
  });
}

TEST_CASE("R2 is scikit-learn's, the mean over the outputs") {
  for_each_case("numbers", [](const json& golden, const Case& data) {
    const std::vector<float> draws = test::formula_tensor(2, data.rows * data.columns);
    std::vector<OutputSums> sums(data.columns);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const bool constant = golden["constant"] && i % data.columns == 0;
      add_value(sums[i % data.columns], constant ? 0.5 : draws[i], 0.3 * data.scores[i],
                static_cast<std::int64_t>(i / data.columns) + 1);
    }
    check_value(r2_score(sums, static_cast<std::int64_t>(data.rows)), golden["r2"]);
  });
}

TEST_CASE("R2 of targets that are all equal is 1 where every error is 0, and needs two samples") {
  std::vector<OutputSums> sums(1);
  add_value(sums[0], 0.1, 0, 1);
  CHECK_FALSE(r2_score(sums, 1));
  add_value(sums[0], 0.1, 0, 2);
  CHECK(r2_score(sums, 2) == 1.0);
  add_value(sums[0], 0.1, 0.01, 3);
  CHECK(r2_score(sums, 3) == 0.0);
}

TEST_CASE("a ranking with a score that is not a number is not defined, one with infinities is") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = HUGE_VALF;
  std::vector<ScoredSample> samples = {{1, true}, {kNan, false}};
  CHECK_FALSE(rank_samples(samples).auc);
  CHECK_FALSE(rank_samples(samples).average_precision);
  samples = {{kInf, true}, {-kInf, false}, {0, true}};
  CHECK(rank_samples(samples).auc == 1.0);
  CHECK_FALSE(rank_samples({}).auc);
}

TEST_CASE("scores of classes that are sure to the last digit still have an order") {
  KeptScores kept(3, 3);
  kept.add_classes(std::vector<float>{40, 0, 0}, 0);
  kept.add_classes(std::vector<float>{30, 0, 0}, 1);  // a softmax of 1 in float32, as the one above
  kept.add_classes(std::vector<float>{0, 1, 2}, 2);
  CHECK(kept.rankings()[0].auc == 1.0);
}

}  // namespace dl
