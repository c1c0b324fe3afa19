#include "layers/layer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/layer_golden.h"
#include "tests/support/layer_run.h"

namespace dl {
namespace {

std::unique_ptr<Layer> activation(const nlohmann::json& params) {
  return test::kind_named("activation").make(test::node_from_json(params));
}

std::string error_of(const nlohmann::json& params) {
  try {
    activation(params);
  } catch (const UserError& error) {
    return error.diagnostics()[0].message;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("activations agree with PyTorch, each by its name and as an activation's fn") {
  for (const char* file :
       {"activation", "elu", "gelu", "hardsigmoid", "hardswish", "identity", "leaky_relu", "mish",
        "relu", "relu6", "sigmoid", "softplus", "swish", "tanh"})
    test::check_layer_goldens(file);
}

TEST_CASE("every activation can be the fn of an activation, and tells its function to fusion") {
  int count = 0;
  for (const LayerKind& kind : all_layers()) {
    if (!kind.activation || kind.name == "activation") continue;
    ++count;
    CAPTURE(kind.name);
    const Activation own = kind.activation(*kind.make(ConfigNode()));
    const Activation named =
        test::kind_named("activation").activation(*activation({{"fn", std::string(kind.name)}}));
    CHECK(own.algorithm == named.algorithm);
    CHECK(own.alpha == named.alpha);
    CHECK(own.beta == named.beta);
  }
  CHECK(count == 13);
}

TEST_CASE("activation says what is wrong with its function") {
  CHECK(error_of({{"fn", "sigmod"}}) ==
        "unknown activation function 'sigmod'; did you mean 'sigmoid'?");
  CHECK(error_of({{"fn", "relu"}, {"alpha", 2}}) == "unknown key 'alpha'");
  CHECK(error_of({{"fn", {"relu"}}}) == "fn: expected the name of a function, found a list");
  CHECK(error_of({{"fn", "elu"}, {"alpha", -1}}).starts_with("alpha: is -1, must be"));
  CHECK(error_of({{"funktion", "elu"}}).starts_with("unknown key 'funktion'"));
  CHECK(error_of(nlohmann::json::object()).starts_with("missing key 'fn'"));
}

}  // namespace dl
