#include <doctest/doctest.h>

#include "engine/graph/cost.h"
#include "tests/support/network.h"
#include "tests/support/paths.h"

// The networks of configs/ have as many parameters as the papers and torchvision tell.

namespace dl {
namespace {

std::int64_t parameters_of(const std::string& config, const std::vector<std::string>& sets = {}) {
  const Setup setup = load_setup({.config = dl::test::source_path("configs/") + config + ".yaml",
                                  .sets = sets,
                                  .data_dir = "no-data"});
  std::int64_t parameters = 0;
  for (const NodeCost& cost : graph_costs(setup.graph)) parameters += cost.parameters;
  return parameters;
}

/// Of a paper's figure, which is rounded: 0.27 M.
bool is_about(std::int64_t parameters, double millions) {
  return std::abs(static_cast<double>(parameters) / 1e6 - millions) <= 0.05 * millions;
}

}  // namespace

TEST_CASE("residual networks for small pictures have the parameters of the papers") {
  // He et al. 2015, table 6, with shortcuts of option A.
  const std::vector<std::pair<int, double>> table = {
      {3, 0.27}, {5, 0.46}, {7, 0.66}, {9, 0.85}, {18, 1.7}};
  for (const auto& [n, millions] : table) {
    const std::string depth = "vars.n=" + std::to_string(n);
    CAPTURE(depth);
    CHECK(is_about(parameters_of("cifar/resnet20_option_a", {depth}), millions));
    // Neither these shortcuts nor their absence has weights.
    CHECK(parameters_of("cifar/plain20", {depth}) ==
          parameters_of("cifar/resnet20_option_a", {depth}));
  }
  CHECK(parameters_of("cifar/resnet20_option_a") == 269'722);
  // What PyTorch counts of the speed comparison's networks, which have option B.
  CHECK(parameters_of("cifar/resnet20") == 272'474);
  CHECK(parameters_of("cifar/resnet20_preact") == 272'282);
  CHECK(parameters_of("cifar/resnet56") == 855'770);
  CHECK(parameters_of("cifar/plain56") == 853'018);
  CHECK(parameters_of("cifar/resnet110") == 1'730'714);
  // He et al. 2016, table 4: the same figures as without pre-activation; 1.7 M for ResNet-164.
  CHECK(is_about(parameters_of("cifar/resnet110_preact"), 1.7));
  CHECK(is_about(parameters_of("cifar/resnet164_preact"), 1.7));
}

TEST_CASE("vars choose shortcuts and pre-activation in every residual network") {
  const auto both = [](const std::string& config) {
    // Without weights in the shortcuts: as the plain network has them, whatever the blocks.
    const auto option_a = parameters_of(config, {"vars.shortcuts=A"});
    CHECK(option_a == parameters_of(config, {"vars.shortcuts=none"}));
    CHECK(option_a < parameters_of(config));
  };
  for (const char* config : {"cifar/resnet20", "cifar/resnet20_preact", "cifar/resnet164_preact",
                             "imagenet/resnet18", "imagenet/resnet50", "imagenet/resnet152_preact"})
    both(config);
  CHECK(parameters_of("cifar/resnet20", {"vars.width=15", "vars.shortcuts=A"}) > 0);  // odd
  CHECK(parameters_of("cifar/resnet20", {"vars.preact=true"}) ==
        parameters_of("cifar/resnet20_preact"));
  CHECK(parameters_of("cifar/resnet20_preact", {"vars.preact=false"}) ==
        parameters_of("cifar/resnet20"));
  CHECK(parameters_of("imagenet/resnet152", {"vars.preact=true"}) ==
        parameters_of("imagenet/resnet152_preact"));
  CHECK_THROWS_WITH_AS(parameters_of("cifar/resnet20", {"vars.shortcuts=a"}),
                       doctest::Contains("vars.shortcuts must be A, B or none"), UserError);
}

TEST_CASE("residual networks for ImageNet have torchvision's parameters") {
  CHECK(parameters_of("imagenet/resnet18") == 11'689'512);
  CHECK(parameters_of("imagenet/resnet34") == 21'797'672);
  CHECK(parameters_of("imagenet/resnet50") == 25'557'032);
  CHECK(parameters_of("imagenet/resnet50", {"vars.stride_in_1x1=true"}) == 25'557'032);
  CHECK(parameters_of("imagenet/resnet101") == 44'549'160);
  CHECK(parameters_of("imagenet/resnet152") == 60'192'808);
}

TEST_CASE("dense networks have the parameters of the paper and of torchvision") {
  CHECK(parameters_of("cifar/densenet_40_12") == 1'019'722);
  CHECK(parameters_of("cifar/densenet_bc_100_12") == 769'162);
  CHECK(parameters_of("cifar/densenet_bc_40_12") == 176'122);
  CHECK(parameters_of("imagenet/densenet121") == 7'978'856);
}

TEST_CASE("GoogLeNets have the parameters of torchvision, of Caffe's model and of PyTorch's twin") {
  const std::vector<std::string> no_heads = {"vars.heads=false", "loss=cross_entropy"};
  CHECK(parameters_of("imagenet/googlenet_torchvision") == 13'004'888);
  CHECK(parameters_of("imagenet/googlenet_torchvision", no_heads) == 6'624'904);
  CHECK(parameters_of("imagenet/googlenet_lrn") == 13'378'280);
  CHECK(parameters_of("imagenet/googlenet_lrn", no_heads) == 6'998'552);
  CHECK(parameters_of("imagenet/googlenet") == 13'385'816);
}

}  // namespace dl
