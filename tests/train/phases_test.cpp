#include "engine/train/phases.h"

#include <doctest/doctest.h>

#include "core/text.h"
#include "engine/train/setup.h"
#include "tests/support/network.h"

namespace dl {
namespace {

std::string config_of(const std::string& phases, const std::string& train = "{}") {
  return "model:\n  input: [2, 6, 6]\n  layers:\n"
         "    - conv: {name: conv1, out_channels: 4, kernel_size: 3, bias: false}\n"
         "    - batch_norm: {name: bn1}\n    - flatten\n    - linear: {name: fc, out_features: 3}\n"
         "data: {batch: 4, classes: 3}\nloss: cross_entropy\n"
         "optimizer: {sgd: {lr: 0.1, lr_mult: {fc: 2}}}\ntrain: " +
         train + "\nphases: " + phases + "\n";
}

std::vector<Phase> phases(const std::string& text) {
  return test::setup_of(config_of(text)).phases;
}

/// "fc.weight x2, ...": what is trained, and the factors that are not 1.
std::string trained(const Phase& phase) {
  std::vector<std::string> parts;
  for (const ParamSlice& slice : phase.slices)
    parts.push_back(slice.name + (slice.lr_mult == 1 ? "" : " x" + number_text(slice.lr_mult)));
  return join(parts, ", ");
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a run without phases is one") {
  const Setup setup = test::setup_of(
      "model: {input: [4], layers: [linear: {out_features: 3}]}\ndata: {batch: 4, classes: 3}\n"
      "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 7}\n");
  REQUIRE(setup.phases.size() == 1);
  CHECK(setup.phases[0].end() == 7);
  CHECK(setup.phases[0].schedule_epochs == 7);
  CHECK(trained(setup.phases[0]) == "linear1.weight, linear1.bias");
}

TEST_CASE("phases follow one on another, and each says what it trains and how fast") {
  const std::vector<Phase> all = phases(
      "[{epochs: 3, freeze: ['**', '!fc']}, {epochs: 10, freeze: [], lr_mult: {conv1: 0.1}},"
      " {epochs: 2}]");
  REQUIRE(all.size() == 3);
  CHECK(trained(all[0]) == "fc.weight x2, fc.bias x2");
  CHECK(all[0].frozen.size() == 5);
  CHECK(trained(all[1]) == "conv1.weight x0.1, bn1.weight, bn1.bias, fc.weight, fc.bias");
  CHECK(all[1].frozen.empty());
  CHECK(trained(all[2]) == "conv1.weight, bn1.weight, bn1.bias, fc.weight x2, fc.bias x2");
  CHECK(all[1].first_epoch == 3);
  CHECK(all[2].end() == 15);
  CHECK(phase_at(all, 0) == 0);
  CHECK(phase_at(all, 2) == 0);
  CHECK(phase_at(all, 3) == 1);
  CHECK(phase_at(all, 14) == 2);
  CHECK(phase_at(all, 15) == 2);
}

TEST_CASE("the schedule starts again with a phase, or goes on through it") {
  const std::vector<Phase> all =
      phases("[{epochs: 1}, {epochs: 2}, {epochs: 3, schedule: continue}, {epochs: 4}]");
  const auto window = [&](std::size_t i) {
    return std::pair(all[i].schedule_first_epoch, all[i].schedule_epochs);
  };
  using Window = std::pair<std::int64_t, std::int64_t>;
  CHECK(window(0) == Window{0, 1});
  CHECK(window(1) == Window{1, 5});
  CHECK(window(2) == Window{1, 5});
  CHECK(window(3) == Window{6, 4});
}

TEST_CASE("the phases' epochs are the run's") {
  CHECK(test::setup_of(config_of("[{epochs: 3}, {epochs: 4}]")).config.train.epochs == 7);
  CHECK(test::setup_of(config_of("[{epochs: 3}]", "{epochs: 3}")).phases.size() == 1);
  CHECK(holds(test::setup_error(config_of("[{epochs: 3}, {epochs: 4}]", "{epochs: 8}")),
              "epochs is 8, but the phases have 7"));
}

TEST_CASE("phases that make no sense are refused where they stand") {
  const auto error = [](const std::string& text) { return test::setup_error(config_of(text)); };
  CHECK(holds(error("{epochs: 3}"), "expected a list of phases"));
  CHECK(holds(error("[]"), "found an empty one"));
  CHECK(holds(test::setup_error(config_of("[{epochs: 1}, {epochs: 9}]") +
                                "schedule: {constant: {}, warmup: {epochs: 2}}\n"),
              "warmup"));
  CHECK(holds(error("[{freeze: [fc]}]"), "missing key 'epochs'"));
  CHECK(holds(error("[{epochs: 1, frezee: [fc]}]"), "did you mean 'freeze'?"));
  CHECK(
      holds(error("[{epochs: 1, freeze: [fcc]}]"), "'fcc' matches no weight; did you mean 'fc'?"));
  CHECK(holds(error("[{epochs: 1, freeze: ['**']}]"), "leaves nothing to train"));
  CHECK(holds(error("[{epochs: 1, lr_mult: {fcc: 2}}]"),
              "phases: lr_mult: 'fcc' matches no weight; did you mean 'fc'?"));
  CHECK(holds(error("[{epochs: 1, freeze: [conv1], lr_mult: {fc: 2, conv1: 0.1}}]"),
              "phases: lr_mult: 'conv1' has no effect"));
  CHECK(error("[{epochs: 1, freeze: [conv1], lr_mult: {'**': 2, fc: 1}}]").empty());
  CHECK(holds(error("[{epochs: 1, schedule: contine}]"), "did you mean 'continue'?"));
}

TEST_CASE("a resolved config keeps its phases") {
  const Setup setup =
      test::setup_of(config_of("[{epochs: 3, freeze: ['**', '!fc']}, {epochs: 4}]"));
  const Setup again = test::setup_of(setup.config.resolved_text);
  REQUIRE(again.phases.size() == 2);
  CHECK(trained(again.phases[0]) == trained(setup.phases[0]));
  CHECK(again.config.resolved_text == setup.config.resolved_text);
}

}  // namespace dl
