#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/meter.h"
#include "tests/support/network.h"

// Labels that are class probabilities in training alone, as mixup and cutmix make them.
namespace dl {
namespace {

constexpr std::int64_t kBatch = 6, kClasses = 3, kInputs = 4;

Setup mixing(const std::string& transforms, const std::string& loss = "cross_entropy",
             const std::string& data = "") {
  return test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: 3, samples: 60}}, batch: 6" + data +
      ", transforms: {train: " + transforms +
      "}}\n"
      "model: {layers: [linear: {name: fc, out_features: $data.classes}]}\n"
      "loss: " +
      loss + "\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

/// Inputs by the formula, and targets of shares: row i has `share` of class i % 3, the rest of the
/// next.
struct Data {
  explicit Data(float share) : shares(kBatch * kClasses), labels(kBatch) {
    for (std::size_t i = 0; i < kBatch * kInputs; ++i)
      inputs.push_back(static_cast<float>(i % 7) / 3 - 1);
    for (std::size_t i = 0; i < kBatch; ++i) {
      labels[i] = static_cast<std::int32_t>(i % kClasses);
      shares[i * kClasses + i % kClasses] = share;
      shares[i * kClasses + (i + 1) % kClasses] += 1 - share;
    }
  }
  std::vector<float> inputs, shares;
  std::vector<std::int32_t> labels;
};

struct Result {
  double loss;
  Metrics metrics;
  std::vector<float> output;
};

Result run(const Setup& setup, Purpose purpose, const std::vector<const void*>& tensors) {
  WeightStore store = setup.make_store();
  test::fill_by_formula(store);
  Programs programs(setup.graph, store);
  programs.add(purpose, kBatch);
  programs.bind();
  Program& program = programs.get(purpose, kBatch);
  program.run(tensors, {});
  const Meter meter(setup.graph, setup.train_pipeline->spec());
  MetricSums sums;
  meter.add(program, tensors, sums);
  const std::span<const float> output = program.output();
  return {program.loss(0).mean, meter.metrics(sums, purpose), {output.begin(), output.end()}};
}

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  FAIL("there is no metric ", name);
  return 0;
}

/// -sum q log softmax, a mean over the rows.
double reference_loss(const std::vector<float>& scores, const std::vector<float>& shares,
                      double smoothing) {
  double total = 0;
  for (std::size_t row = 0; row < kBatch; ++row) {
    double sum = 0;
    for (std::size_t c = 0; c < kClasses; ++c) sum += std::exp(scores[row * kClasses + c]);
    for (std::size_t c = 0; c < kClasses; ++c) {
      const double q = shares[row * kClasses + c] * (1 - smoothing) + smoothing / kClasses;
      total -= q * (scores[row * kClasses + c] - std::log(sum));
    }
  }
  return total / kBatch;
}

}  // namespace

TEST_CASE("with mixup training takes shares of classes, and evaluation labels") {
  const Setup setup = mixing("[mixup: {alpha: 0.2}]");
  CHECK(setup.data.targets[0].tensor.integer);
  CHECK(setup.data.targets[0].tensor.soft_classes == kClasses);
  const Data data(0.7F), pure(1.0F);
  const Result trained = run(setup, Purpose::train, {data.inputs.data(), data.shares.data()});
  CHECK(std::abs(trained.loss - reference_loss(trained.output, data.shares, 0)) < 1e-6);
  const Result evaluated = run(setup, Purpose::evaluate, {data.inputs.data(), data.labels.data()});
  CHECK(evaluated.output == trained.output);
  CHECK(std::abs(evaluated.loss - reference_loss(evaluated.output, pure.shares, 0)) < 1e-6);
}

TEST_CASE("label smoothing goes over mixed labels as over others") {
  const Setup setup = mixing("[mixup]", "{cross_entropy: {label_smoothing: 0.1}}");
  const Data data(0.4F);
  const Result trained = run(setup, Purpose::train, {data.inputs.data(), data.shares.data()});
  CHECK(std::abs(trained.loss - reference_loss(trained.output, data.shares, 0.1)) < 1e-6);
}

TEST_CASE("in training the label of the larger share counts, in evaluation the true one") {
  const Setup setup = mixing("[mixup]");
  CHECK(Meter(setup.graph, setup.train_pipeline->spec()).names() ==
        std::vector<std::string>{"loss", "top1", "f1", "auc", "average_precision"});
  const Data mostly(0.6F), less(0.4F);
  std::vector<std::int32_t> next = mostly.labels;
  for (std::int32_t& label : next) label = (label + 1) % kClasses;
  const auto trained = [&](const Data& data) {
    return run(setup, Purpose::train, {data.inputs.data(), data.shares.data()}).metrics;
  };
  const auto evaluated = [&](const std::vector<std::int32_t>& labels) {
    return run(setup, Purpose::evaluate, {mostly.inputs.data(), labels.data()}).metrics;
  };
  for (const char* name : {"top1", "f1"}) {
    CHECK(metric(trained(mostly), name) == metric(evaluated(mostly.labels), name));
    CHECK(metric(trained(less), name) == metric(evaluated(next), name));
  }
  CHECK(metric(evaluated(mostly.labels), "top1") != metric(evaluated(next), "top1"));
}

TEST_CASE("data.classes says how many shares there are") {
  const Setup setup = mixing("[mixup]", "cross_entropy", ", classes: 5");
  CHECK(setup.data.targets[0].tensor.soft_classes == 5);
  CHECK(setup.train_pipeline->spec().targets[0].shape == std::vector<std::int64_t>{5});
}

TEST_CASE("a one_hot of one's own, in train and eval, is mixed as it is") {
  const Setup setup = test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: 3}}, batch: 6, transforms: {train: "
      "[one_hot, mixup], eval: [one_hot]}}\n"
      "model: {layers: [linear: {name: fc, out_features: 3}]}\nloss: cross_entropy\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
  CHECK_FALSE(setup.data.targets[0].tensor.integer);
  CHECK(setup.data.targets[0].tensor.soft_classes == 0);
}

}  // namespace dl
