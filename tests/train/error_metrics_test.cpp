#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "engine/train/meter.h"
#include "tests/support/formula.h"
#include "tests/support/network.h"

// MAE, RMSE and F1, and what a checkpoint keeps of them.
namespace dl {
namespace {

Setup regression(const std::string& loss) {
  return test::setup_of(
      "data: {source: {synthetic: {shape: [4], task: regression, outputs: 2}}, batch: 3}\n"
      "model: {layers: [linear: {out_features: 2}]}\nloss: " +
      loss + "\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

Setup classification(std::int64_t classes) {
  return test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: " + std::to_string(classes) +
      "}}, batch: 9}\nmodel: {layers: [linear: {out_features: $data.classes}]}\nloss: "
      "cross_entropy\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  FAIL("there is no metric " << name);
  return 0;
}

/// The sums of two batches, and the metrics of them worked out plainly by `reference`.
template <class Reference>
MetricSums two_batches(const Setup& setup, const DataSpec& spec, std::int64_t batch,
                       const Reference& reference) {
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  test::LoneProgram program(setup.graph, store, Purpose::evaluate, batch);
  const Meter meter(setup.graph, spec);
  MetricSums sums;
  for (const std::uint32_t salt : {1U, 50U}) {
    const test::FormulaBatch data(setup.graph, batch, salt,
                                  static_cast<int>(spec.classes.value_or(10)));
    program->run(data.tensors(), {});
    meter.add(*program.operator->(), data.tensors(), sums);
    reference(program->output(), data.tensors()[1]);
  }
  return sums;
}

}  // namespace

TEST_CASE("MAE and RMSE are in the units of the file, whatever the target was scaled by") {
  for (const std::string loss : {"mse", "l1", "smooth_l1"}) {
    CAPTURE(loss);
    const Setup setup = regression(loss);
    DataSpec spec = setup.eval_pipeline->spec();
    const std::vector<std::vector<double>> scales = {{}, {2, 10}};
    for (const std::vector<double>& scale : scales) {
      spec.targets[0].scale = scale;
      double absolute = 0, squared = 0;
      const MetricSums sums =
          two_batches(setup, spec, 3, [&](std::span<const float> output, const void* target) {
            for (std::size_t i = 0; i < output.size(); ++i) {
              const double error = (output[i] - static_cast<const float*>(target)[i]) *
                                   (scale.empty() ? 1.0 : scale[i % 2]);
              absolute += std::abs(error);
              squared += error * error;
            }
          });
      const Metrics metrics = Meter(setup.graph, spec).metrics(sums, Purpose::evaluate);
      CHECK(metric(metrics, "mae") == doctest::Approx(absolute / 12).epsilon(1e-6));
      CHECK(metric(metrics, "rmse") == doctest::Approx(std::sqrt(squared / 12)).epsilon(1e-6));
      CHECK(metric_spec("mae").lower_is_better());
    }
  }
}

TEST_CASE("F1 is the mean of the confusion matrix's, over the classes that occur in it") {
  for (const std::int64_t classes : {2, 7}) {
    const Setup setup = classification(classes);
    ConfusionMatrix matrix(static_cast<std::size_t>(classes));
    const MetricSums sums =
        two_batches(setup, setup.eval_pipeline->spec(), 9,
                    [&](std::span<const float> output, const void* labels) {
                      matrix.add(output, {static_cast<const std::int32_t*>(labels), 9});
                    });
    const Metrics metrics =
        Meter(setup.graph, setup.eval_pipeline->spec()).metrics(sums, Purpose::evaluate);
    const std::vector<ClassScores> scores = matrix.scores();
    double sum = 0, occurring = 0;
    for (std::size_t c = 0; c < scores.size(); ++c) {
      std::int64_t predicted = 0;
      for (const std::vector<std::int64_t>& row : matrix.rows()) predicted += row[c];
      sum += scores[c].f1;
      occurring += scores[c].samples + predicted > 0 ? 1 : 0;
    }
    CHECK(metric(metrics, "f1") == doctest::Approx(sum / occurring).epsilon(1e-12));
    CHECK(metric(metrics, "f1") > 0);
    CHECK_FALSE(metric_spec("f1").lower_is_better());
  }
}

TEST_CASE("there is no F1 without classes, and no MAE of what is no regression") {
  const Setup setup = classification(3);
  DataSpec spec = setup.eval_pipeline->spec();
  spec.classes.reset();
  CHECK(Meter(setup.graph, spec).names() == std::vector<std::string>{"loss", "top1"});
  CHECK(Meter(setup.graph, setup.eval_pipeline->spec()).names() ==
        std::vector<std::string>{"loss", "top1", "f1", "auc", "average_precision"});
  const Setup numbers = regression("mse");
  CHECK(Meter(numbers.graph, numbers.eval_pipeline->spec()).names() ==
        std::vector<std::string>{"loss", "mae", "rmse", "r2"});
}

TEST_CASE("sums of errors and classes survive a checkpoint, and a lost one is noticed") {
  TrainState state;
  state.sums.absolute = 1.25;
  state.sums.squared = std::numeric_limits<double>::infinity();
  state.sums.values = 17;
  state.sums.classes = {{1, 2, 3}, {4, 5, 6}};
  state.sums.outputs = {{0.5, 1.0 / 3, 2}, {-1, 0, 1e-300}};
  const std::string text = to_json(state, {});
  RunIdentity identity;
  const MetricSums read = state_from_json(text, "state.json", identity).sums;
  CHECK(read.absolute == 1.25);
  CHECK(std::isinf(read.squared));
  CHECK(read.values == 17);
  CHECK(read.classes == state.sums.classes);
  CHECK(read.outputs == state.sums.outputs);
  for (const std::string key : {"absolute", "squared", "values", "outputs", "classes"}) {
    std::string without = text;
    without.replace(without.find("\"" + key + "\""), key.size() + 2, "\"gone\"");
    CHECK_THROWS_AS(state_from_json(without, "state.json", identity), UserError);
  }
}

}  // namespace dl
