#include <algorithm>

#include "layers/eltwise_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

/// The functions, each as the layer of its name declares it.
const std::vector<LayerKind>& functions() {
  static const std::vector<LayerKind> kinds = {
      elu_kind(),        gelu_kind(),  hardsigmoid_kind(), hardswish_kind(), identity_kind(),
      leaky_relu_kind(), mish_kind(),  relu_kind(),        relu6_kind(),     sigmoid_kind(),
      softplus_kind(),   swish_kind(), tanh_kind(),
  };
  return kinds;
}

std::string names_of(const std::vector<LayerKind>& kinds) {
  std::vector<std::string> names;
  for (const LayerKind& kind : kinds) names.emplace_back(kind.name);
  return join(names, "|");
}

/// fn and, behind it, the parameters of all functions.
std::vector<ParamSpec> specs() {
  ParamSpec fn{.name = "fn",
               .type = names_of(functions()),
               .doc = "the function: any that is a layer by its own name, with its parameters",
               .required = true};
  std::vector<ParamSpec> all = {std::move(fn)};
  for (const LayerKind& kind : functions()) {
    for (ParamSpec spec : kind.params) {
      spec.doc = "of " + std::string(kind.name) + ": " + spec.doc;
      all.push_back(std::move(spec));
    }
  }
  return all;
}

/// `{fn: elu, alpha: 2}` is `elu: {alpha: 2}`.
std::unique_ptr<Layer> make(const ConfigNode& params) {
  Problems problems;
  check_keys(params, specs(), problems);
  problems.throw_if_any();
  const ConfigNode* fn = params.find("fn");
  if (!fn->is_scalar()) {
    throw UserError(fn->mark(), "fn: expected the name of a function, found " + fn->describe());
  }
  const LayerKind& kind =
      find_kind<LayerKind>(functions(), fn->text(), fn->mark(), "activation function");
  std::vector<ConfigNode::Entry> rest;
  for (const ConfigNode::Entry& entry : params.entries()) {
    if (entry.key != "fn") rest.push_back(entry);
  }
  return kind.make(ConfigNode::map(std::move(rest), params.mark()));
}

}  // namespace

LayerKind activation_kind() {
  LayerKind kind{"activation", "an element-wise function, chosen by a parameter or a var",
                 one_source(), specs(), make};
  kind.activation = activation_of;
  kind.to_onnx = activation_to_onnx;
  kind.others = {"act", "nonlinearity"};
  return kind;
}

}  // namespace dl
