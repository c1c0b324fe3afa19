#include "engine/train/optimizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/train/typed_config.h"

namespace dl {
namespace {

const std::vector<TrainedWeight> kWeights = {{"layer1.0.conv1.weight", 0, 9},
                                             {"layer1.0.bn1.weight", 16, 4},
                                             {"layer1.0.bn1.bias", 32, 4},
                                             {"fc.weight", 48, 20},
                                             {"fc.bias", 80, 2}};

OptimizerChoice choose(const std::string& text) {
  return test::make_kind(all_optimizers(), test::yaml(text));
}

std::vector<ParamSlice> slices_of(const std::string& text) {
  return make_slices(choose(text), kWeights);
}

std::string error_of(const std::string& text) {
  return test::message_of([&] { slices_of(text); });
}

std::string default_of(std::string_view type, const std::string& key) {
  for (const auto& kind : all_optimizers()) {
    if (kind.name != type) continue;
    for (const ParamSpec& spec : kind.params)
      if (spec.name == key) return spec.default_text;
  }
  return "?";
}

}  // namespace

TEST_CASE("no_decay takes weight decay from the weights that its globs match") {
  const auto slices =
      slices_of("sgd: {lr: 1, weight_decay: 0.5, no_decay: ['**.bias', '**.bn*', '!fc']}");
  REQUIRE(slices.size() == 5);
  CHECK(slices[0].weight_decay == 0.5F);
  CHECK(slices[1].weight_decay == 0.0F);
  CHECK(slices[2].weight_decay == 0.0F);
  CHECK(slices[3].weight_decay == 0.5F);
  CHECK(slices[4].weight_decay == 0.5F);  // taken back
  CHECK(slices[3].offset == 48);
  CHECK(slices[3].size == 20);
}

TEST_CASE("of several lr_mult globs the last that matches counts") {
  const auto slices = slices_of("adam: {lr: 1, lr_mult: {'**': 0.5, fc: 10, fc.bias: 0}}");
  CHECK(slices[0].lr_mult == 0.5F);
  CHECK(slices[3].lr_mult == 10.0F);
  CHECK(slices[4].lr_mult == 0.0F);
}

TEST_CASE("the defaults are PyTorch's") {
  CHECK(default_of("sgd", "weight_decay") == "0");
  CHECK(default_of("sgd", "momentum") == "0");
  CHECK(default_of("adam", "weight_decay") == "0");
  CHECK(default_of("adam", "betas") == "[0.9, 0.999]");
  CHECK(default_of("adamw", "weight_decay") == "0.01");
  CHECK(default_of("adamw", "eps") == "1e-08");
  CHECK(default_of("rmsprop", "alpha") == "0.99");
  CHECK(choose("adamw: {lr: 1}").weight_decay == 0.01F);
  CHECK(choose("adam: {lr: 1}").weight_decay == 0.0F);
}

TEST_CASE("all mistakes in the globs are reported at once, where they stand") {
  CHECK(error_of("sgd:\n  lr: 1\n  no_decay: ['**.bias', fc.wieght]\n  lr_mult: {'!fc': 2, fc: -1, "
                 "'layer2.*': 1}\n") ==
        "c.yaml:3:25: error: no_decay: 'fc.wieght' matches no weight; did you mean 'fc.weight'?\n"
        "   3 |   no_decay: ['**.bias', fc.wieght]\n"
        "     |                         ^~~~~~~~~\n"
        "c.yaml:4:13: error: lr_mult: '!fc' takes nothing back here\n"
        "   4 |   lr_mult: {'!fc': 2, fc: -1, 'layer2.*': 1}\n"
        "     |             ^~~~~\n"
        "  hint: give what it matches a factor of 1, after the others\n"
        "c.yaml:4:27: error: lr_mult 'fc': is -1, must be at least 0\n"
        "   4 |   lr_mult: {'!fc': 2, fc: -1, 'layer2.*': 1}\n"
        "     |                           ^~\n"
        "c.yaml:4:31: error: lr_mult: 'layer2.*' matches no weight\n"
        "   4 |   lr_mult: {'!fc': 2, fc: -1, 'layer2.*': 1}\n"
        "     |                               ^~~~~~~~~~");
}

TEST_CASE("optimiser parameters that do not fit are refused") {
  CHECK(error_of("sgd: {}").find("missing key 'lr'") != std::string::npos);
  CHECK(error_of("sgd: {lr: -1}").find("lr: is -1, must be at least 0") != std::string::npos);
  CHECK(error_of("sgd: {lr: 1, no_decay: fc}").find("no_decay: expected a list of string") !=
        std::string::npos);
  CHECK(error_of("sgd: {lr: 1, lr_mult: [fc]}").find("lr_mult: expected a map") !=
        std::string::npos);
  CHECK(error_of("sgd: {lr: 1, nesterov: true}").find("c.yaml:1:24: error: nesterov: needs") == 0);
  CHECK(error_of("sgd: {lr: 1, nesterov: true, momentum: 0.9, dampening: 0.1}")
            .find("no dampening") != std::string::npos);
  CHECK(error_of("sgd: {lr: 1, nesterov: true, momentum: 0.9}") == "");
  CHECK(error_of("adam: {lr: 1, betas: [0.9]}").find("expected two numbers, found 1") !=
        std::string::npos);
  CHECK(error_of("adam: {lr: 1, betas: [0.9, 1]}").find("must be at least 0 and below 1") !=
        std::string::npos);
  CHECK(error_of("adamw: {lr: 1, beta: [0.9, 1]}").find("unknown key 'beta'; did you mean") !=
        std::string::npos);
  CHECK(error_of("sdg: {lr: 1}").find("unknown kind 'sdg'; did you mean 'sgd'?") !=
        std::string::npos);
}

TEST_CASE("the second moment of adam keeps its value over ten thousand equal gradients") {
  // 1 - 0.999F is off by 1e-5, which a mean that is built from it would be too.
  const OptimizerChoice choice = choose("adam: {lr: 0, betas: [0.9, 0.9999]}");
  std::vector<float> weights(16), gradients(16, 3.0F), mean(16), square(16);
  std::vector<std::span<float>> slots = {mean, square};
  const std::vector<ParamSlice> slices = {{"w", 0, 16}};
  for (int number = 1; number <= 10000; ++number) {
    choice.optimizer->step({.weights = weights,
                            .gradients = gradients,
                            .slots = slots,
                            .slices = slices,
                            .rates = 0,
                            .number = number});
  }
  CHECK(mean[0] == doctest::Approx(3.0).epsilon(1e-6));
  CHECK(square[0] == doctest::Approx(9.0 * (1 - std::pow(0.9999, 10000))).epsilon(1e-5));
}

TEST_CASE("a weight that is trained later than others begins as they did") {
  for (const std::string config :
       {"adam: {lr: 0.1}", "sgd: {lr: 0.1, momentum: 0.9, dampening: 0.5}"}) {
    CAPTURE(config);
    const OptimizerChoice choice = choose(config);
    const auto run = [&](std::int64_t before) {
      std::vector<float> weights(16, 1.0F), gradients(16, 3.0F), first(16), second(16);
      std::vector<std::span<float>> slots = {first, second};
      const std::vector<ParamSlice> slices = {
          {.name = "w", .offset = 0, .size = 16, .updates_before = before}};
      for (std::int64_t number = before + 1; number <= before + 3; ++number) {
        choice.optimizer->step({.weights = weights,
                                .gradients = gradients,
                                .slots = slots,
                                .slices = slices,
                                .rates = choice.lr,
                                .number = number});
      }
      return weights;
    };
    CHECK(run(0) == run(700));
  }
}

TEST_CASE("centered rmsprop stays finite when the gradient never changes") {
  const OptimizerChoice choice = choose("rmsprop: {lr: 1e-3, centered: true, alpha: 0.5}");
  std::vector<float> weights(16), gradients(16), square(16), mean(16);
  for (std::size_t i = 0; i < gradients.size(); ++i) gradients[i] = 0.1F * static_cast<float>(i);
  std::vector<std::span<float>> slots = {square, mean};
  const std::vector<ParamSlice> slices = {{"w", 0, 16}};
  for (int number = 1; number <= 200; ++number) {
    choice.optimizer->step({.weights = weights,
                            .gradients = gradients,
                            .slots = slots,
                            .slices = slices,
                            .rates = choice.lr,
                            .number = number});
  }
  CHECK(std::ranges::all_of(weights, [](float w) { return std::isfinite(w); }));
}

}  // namespace dl
