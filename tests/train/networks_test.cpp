#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/updater.h"
#include "tests/support/golden.h"
#include "tests/support/network.h"

// Whole networks of configs/ against PyTorch (tests/goldens/networks.py); the bounds are those of
// DESIGN.md, "Exactness". Evaluation comes after an update, so its bound is the gradients'.

namespace dl {
namespace {

using nlohmann::json;

constexpr double kOutputBound = 1e-5;
constexpr double kGradientBound = 1e-4;
constexpr double kLossesBound = 1e-3;
constexpr std::uint32_t kFirstBatchSalt = 10;
constexpr std::size_t kBatches = 4;

/// A network in training, as a run has it but for its weights and batches.
class Training {
 public:
  Training(const std::string& config, std::int64_t batch)
      : setup_(load_setup({.config = DLTOOL_SOURCE_DIR "/configs/" + config,
                           .sets = {"vars.act=swish", "data.batch=" + std::to_string(batch),
                                    "optimizer.sgd.lr=0.01", "optimizer.sgd.weight_decay=1e-4"},
                           .data_dir = "no-data"})),
        batch_(batch),
        store_(setup_.graph),
        programs_(setup_.graph, store_),
        updater_(*setup_.optimizer.optimizer, setup_.slices, setup_.config.train, store_, 1) {
    test::fill_by_formula(store_);
    programs_.add(Purpose::train, batch);
    programs_.add(Purpose::evaluate, batch);
    programs_.bind();
    for (std::uint32_t b = 0; b < kBatches; ++b)
      batches_.emplace_back(setup_.graph, batch, kFirstBatchSalt + 2 * b);
  }

  Program& forward_and_backward() {
    Program& program = programs_.get(Purpose::train, batch_);
    program.run(batches_[static_cast<std::size_t>(steps_) % kBatches].tensors(), {.step = steps_});
    return program;
  }
  void update() {
    updater_.add_batch(batch_);
    REQUIRE(updater_.update(setup_.optimizer.lr, ++steps_));
  }
  void check_evaluation(const std::string& what, const json& golden, double bound) {
    Program& program = programs_.get(Purpose::evaluate, batch_);
    program.run(batches_[0].tensors(), {});
    test::check_samples(what, program.output(), golden["output"], bound);
    const double loss = golden["loss"];
    CHECK(std::abs(program.loss(0).mean - loss) <= bound * loss);
  }
  WeightStore& store() { return store_; }

 private:
  Setup setup_;
  std::int64_t batch_;
  WeightStore store_;
  Programs programs_;
  Updater updater_;
  std::vector<test::FormulaBatch> batches_;
  std::int64_t steps_ = 0;
};

void check_losses(const std::vector<double>& found, const json& golden) {
  REQUIRE(found.size() == golden.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double expected = golden[i], error = std::abs(found[i] - expected) / expected;
    CHECK_MESSAGE(error <= kLossesBound, "loss of step ", i + 1, " is ", found[i], ", PyTorch has ",
                  expected);
  }
}

void check_network(const std::string& name, const std::string& config) {
  const json golden = test::read_golden("networks/" + name);
  Training training(config, golden["batch"]);
  std::vector<std::string> names;
  for (const StoredWeight& weight : training.store().weights()) names.push_back(weight.name);
  REQUIRE(names == golden["names"].get<std::vector<std::string>>());
  CHECK(training.store().parameter_count() == golden["parameters"].get<std::int64_t>());

  std::vector<double> losses;
  for (std::size_t step = 0; step < golden["losses"].size(); ++step) {
    Program& program = training.forward_and_backward();
    losses.push_back(program.loss(0).mean);
    if (step == 0) {
      test::check_samples("output", program.output(), golden["output"], kOutputBound);
      for (const auto& [weight, gradient] : golden["gradients"].items()) {
        test::check_samples("gradient of " + weight,
                            training.store().gradient(*training.store().find(weight)), gradient,
                            kGradientBound);
      }
    }
    training.update();
    if (step == 0)
      training.check_evaluation("evaluation after a step", golden["evaluated_first"],
                                kGradientBound);
  }
  check_losses(losses, golden["losses"]);
  training.check_evaluation("evaluation at the end", golden["evaluated_last"], kLossesBound);
  for (const auto& [statistic, values] : golden["statistics"].items()) {
    test::check_samples(statistic, training.store().values(*training.store().find(statistic)),
                        values, kLossesBound);
  }
}

}  // namespace

TEST_CASE("ResNet-20 with swish trains as PyTorch's does") {
  check_network("resnet20", "cifar/resnet20.yaml");
}

TEST_CASE("LeNet with swish trains as PyTorch's does") {
  check_network("lenet", "mnist/lenet.yaml");
}

}  // namespace dl
