#include "tests/support/network_golden.h"
#include "tests/support/paths.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "core/glob.h"
#include "engine/train/updater.h"
#include "tests/support/golden.h"
#include "tests/support/network.h"

namespace dl::test {
namespace {

using nlohmann::json;

constexpr double kOutputBound = 1e-5;
constexpr double kLossesBound = 1e-3;
constexpr std::uint32_t kFirstBatchSalt = 10;
constexpr std::size_t kBatches = 4;

SetupOptions options_of(const json& golden) {
  SetupOptions options{
      .config = dl::test::source_path("configs/") + golden["config"].get<std::string>(),
      .sets = golden["sets"],
      .data_dir = "no-data"};
  options.sets.push_back("data.batch=" + golden["batch"].dump());
  if (golden.contains("vocabulary")) {
    options.sets.push_back("data.vocabulary=" + golden["vocabulary"].dump());
    options.sets.push_back("data.source.text.length=" + golden["input"][0].dump());
  } else {
    options.sets.insert(options.sets.end(),
                        {"data.source=~", "data.transforms=~", "data.classes=10"});
    options.sets.push_back("model.input=" + golden["input"].dump());
  }
  options.sets.push_back("optimizer.sgd={lr: " + golden["lr"].dump() +
                         ", momentum: 0.9, nesterov: false, weight_decay: 1e-4}");
  options.sets.emplace_back("train.effective_batch=~");
  return options;
}

/// What kept() of tests/goldens/networks_common.py wrote of a tensor, for check_samples().
void check_kept(const std::string& what, std::span<const float> found, const json& kept,
                double bound) {
  json samples = {{"shape", {kept[0]}}, {"stride", kept[1]}, {"max", kept[2]}};
  samples["values"] = std::vector<double>(kept.begin() + 3, kept.end());
  check_samples(what, found, samples, bound);
}

Setup frozen_setup(const json& golden) {
  Setup setup = load_setup(options_of(golden));
  const std::vector<std::string> globs = golden.value("frozen", std::vector<std::string>());
  std::vector<std::string> frozen;
  for (const NodeWeight& weight : graph_weights(setup.graph)) {
    if (globs_match(globs, weight.name)) frozen.push_back(weight.name);
  }
  setup.freeze(std::move(frozen));
  return setup;
}

/// A network in training, as a run has it but for its weights and batches.
class Training {
 public:
  explicit Training(const json& golden)
      : golden_(golden),
        setup_(frozen_setup(golden)),
        batch_(golden["batch"]),
        store_(setup_.make_store()),
        programs_(setup_.graph, store_),
        updater_(*setup_.optimizer.optimizer, setup_.phases[0].slices, setup_.config.train, store_,
                 1) {
    fill_by_formula(store_);
    programs_.add(Purpose::train, batch_);
    programs_.add(Purpose::evaluate, batch_);
    programs_.bind();
    for (std::uint32_t b = 0; b < kBatches; ++b)
      batches_.emplace_back(setup_.graph, batch_, kFirstBatchSalt + 2 * b,
                            golden.value("vocabulary", 10));
  }

  void check_weights() {
    CHECK(store_.weights().size() == golden_["weights"].get<std::size_t>());
    CHECK(store_.parameter_count() == golden_["parameters"].get<std::int64_t>());
    for (const char* part : {"gradients", "statistics"}) {
      for (const auto& kept : golden_[part].items())
        REQUIRE_MESSAGE(store_.find(kept.key()), "no weight is called ", kept.key());
    }
  }

  /// Forward and backward, and the losses, of which the first is the prediction's.
  void run_step(const json& losses) {
    Program& program = programs_.get(Purpose::train, batch_);
    program.run(batches_[static_cast<std::size_t>(steps_) % kBatches].tensors(), {.step = steps_});
    REQUIRE(program.loss_count() == losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      const double expected = losses[i], found = program.loss(i).mean;
      CHECK_MESSAGE(std::abs(found - expected) <= kLossesBound * expected, "loss ", i, " of step ",
                    steps_ + 1, " is ", found, ", PyTorch has ", expected);
    }
  }
  void check_output() {
    check_kept("output", programs_.get(Purpose::train, batch_).output(), golden_["output"],
               kOutputBound);
  }
  void check_gradients() {
    for (const auto& [name, kept] : golden_["gradients"].items())
      check_kept("gradient of " + name, store_.gradient(*store_.find(name)), kept,
                 golden_["gradient_bound"]);
  }
  void update() {
    updater_.add_batch(1, true);
    REQUIRE(updater_.update(setup_.optimizer.lr, ++steps_));
  }
  void check_evaluation(const std::string& key, double bound) {
    Program& program = programs_.get(Purpose::evaluate, batch_);
    programs_.reset_states(Purpose::evaluate);
    program.run(batches_[0].tensors(), {});
    REQUIRE(program.loss_count() == 1);  // auxiliary classifiers are of training only
    check_kept(key, program.output(), golden_[key]["output"], bound);
    const double loss = golden_[key]["loss"];
    CHECK_MESSAGE(std::abs(program.loss(0).mean - loss) <= bound * loss, key, ": the loss is ",
                  program.loss(0).mean, ", PyTorch has ", loss);
  }
  void check_statistics() {
    for (const auto& [name, kept] : golden_["statistics"].items())
      check_kept(name, store_.values(*store_.find(name)), kept, kLossesBound);
  }

 private:
  const json& golden_;
  Setup setup_;
  std::int64_t batch_;
  WeightStore store_;
  Programs programs_;
  Updater updater_;
  std::vector<FormulaBatch> batches_;
  std::int64_t steps_ = 0;
};

}  // namespace

void check_network_golden(const std::string& name) {
  CAPTURE(name);
  const json golden = read_golden("networks/" + name);
  Training training(golden);
  training.check_weights();
  bool first = true;
  for (const json& losses : golden["losses"]) {
    training.run_step(losses);
    if (first) {
      training.check_output();
      training.check_gradients();
    }
    training.update();
    // It comes after an update, so its bound is the gradients'.
    if (first) training.check_evaluation("evaluated_first", golden["gradient_bound"]);
    first = false;
  }
  training.check_evaluation("evaluated_last", kLossesBound);
  training.check_statistics();
}

}  // namespace dl::test
