#include "layers/onnx_util.h"

#include <cmath>
#include <numbers>

namespace dl {
namespace {

using dnnl::algorithm;

/// As PyTorch's exporter writes them, so that whoever knows its patterns knows ours.
std::string write_gelu(OnnxWriter& onnx, const std::string& x) {
  const std::string scaled = onnx.add("Div", {x, onnx.number(std::numbers::sqrt2_v<float>)});
  const std::string share = onnx.add("Add", {onnx.add("Erf", {scaled}), onnx.number(1)});
  return onnx.add("Mul", {onnx.add("Mul", {x, share}), onnx.number(0.5F)});
}

std::string write_gelu_tanh(OnnxWriter& onnx, const std::string& x) {
  const float slope = std::sqrt(2 / std::numbers::pi_v<float>);
  const std::string cube = onnx.add("Mul", {onnx.add("Mul", {x, x}), x});
  const std::string inner = onnx.add("Add", {x, onnx.add("Mul", {cube, onnx.number(0.044715F)})});
  const std::string bent = onnx.add("Tanh", {onnx.add("Mul", {inner, onnx.number(slope)})});
  const std::string share = onnx.add("Add", {bent, onnx.number(1)});
  return onnx.add("Mul", {onnx.add("Mul", {x, share}), onnx.number(0.5F)});
}

std::string write_softplus(OnnxWriter& onnx, const std::string& x, float beta) {
  if (beta == 1) return onnx.add("Softplus", {x});
  const std::string bent = onnx.add("Softplus", {onnx.add("Mul", {x, onnx.number(beta)})});
  return onnx.add("Div", {bent, onnx.number(beta)});
}

}  // namespace

std::string write_activation(OnnxWriter& onnx, const std::string& x, const Activation& activation) {
  const float alpha = activation.alpha, beta = activation.beta;
  switch (activation.algorithm) {
    case algorithm::eltwise_relu:
      if (alpha == 0) return onnx.add("Relu", {x});
      return onnx.add("LeakyRelu", {x}, {{"alpha", alpha}});
    case algorithm::eltwise_elu:
      return onnx.add("Elu", {x}, {{"alpha", alpha}});
    case algorithm::eltwise_tanh:
      return onnx.add("Tanh", {x});
    case algorithm::eltwise_logistic:
      return onnx.add("Sigmoid", {x});
    case algorithm::eltwise_clip_v2:
      return onnx.add("Clip", {x, onnx.number(alpha), onnx.number(beta)});
    case algorithm::eltwise_gelu_erf:
      return write_gelu(onnx, x);
    case algorithm::eltwise_gelu_tanh:
      return write_gelu_tanh(onnx, x);
    case algorithm::eltwise_swish:
      if (alpha != 1) break;
      return onnx.add("Mul", {x, onnx.add("Sigmoid", {x})});
    case algorithm::eltwise_mish:
      return onnx.add("Mul", {x, onnx.add("Tanh", {onnx.add("Softplus", {x})})});
    case algorithm::eltwise_hardsigmoid:
      return onnx.add("HardSigmoid", {x}, {{"alpha", alpha}, {"beta", beta}});
    case algorithm::eltwise_hardswish: {
      const OnnxAttributes line = {{"alpha", alpha}, {"beta", beta}};
      return onnx.add("Mul", {x, onnx.add("HardSigmoid", {x}, line)});
    }
    case algorithm::eltwise_soft_relu:
      return write_softplus(onnx, x, alpha);
    case algorithm::eltwise_linear:
      if (alpha == 1 && beta == 0) return x;
      break;
    default:
      break;
  }
  throw NoOnnxForm("this function has no form in ONNX");
}

OnnxAttributes window_attributes(const Window& window) {
  std::vector<std::int64_t> pads(window.before.begin(), window.before.end()), dilations;
  pads.insert(pads.end(), window.after.begin(), window.after.end());
  for (const std::int64_t holes : window.dilation) dilations.push_back(holes + 1);
  return {{"kernel_shape", std::vector<std::int64_t>(window.kernel)},
          {"strides", std::vector<std::int64_t>(window.stride)},
          {"pads", std::move(pads)},
          {"dilations", std::move(dilations)}};
}

std::string write_reshape(OnnxWriter& onnx, const std::string& src,
                          std::span<const std::int64_t> sample) {
  std::vector<std::int64_t> dims = {0};  // the batch, as it comes
  dims.insert(dims.end(), sample.begin(), sample.end());
  return onnx.add("Reshape", {src, onnx.constant(std::move(dims))});
}

}  // namespace dl
