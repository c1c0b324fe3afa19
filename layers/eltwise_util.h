#pragma once

#include "layers/layer.h"

namespace dl {

/// LayerKind::to_onnx of a layer that make_activation() made.
std::vector<std::string> activation_to_onnx(const Layer& layer, OnnxWriter& onnx);

/// Records an element-wise function and its gradient; what every activation layer does.
Recorded record_eltwise(Tape& tape, const Value& src, const Activation& activation);

/// Whether the gradient can be had from dst alone, so that another layer can carry the function in
/// training.
bool differentiable_from_dst(const Activation& activation);

/// Tape::attr() with tape.post() as a post-op, where the node carries one.
dnnl::primitive_attr attr_with_post(const Tape& tape);

/// The gradient before `post`, from the one after it: for layers that carried `post` in a post-op.
/// Without `post` it is `diff_dst` itself.
Value undo_post(Tape& tape, const std::optional<Activation>& post, const Value& dst,
                const Value& diff_dst);

/// What conv, linear and add say for LayerKind::carries: any function that a post-op can apply in
/// evaluation, and in training those whose gradient can be had from dst.
bool carries_as_post_op(const Activation& activation, bool training);

/// The layer that is an activation and nothing else.
std::unique_ptr<Layer> make_activation(const Activation& activation);
/// The function of a layer that make_activation() made.
Activation activation_of(const Layer& layer);

/// A row for an activation: `of` says what the parameters that `table` reads stand for.
template <class P>
LayerKind activation_kind(std::string_view name, std::string_view summary, ParamTable<P> table,
                          Activation (*of)(const P&)) {
  std::vector<ParamSpec> specs = specs_of(table);
  LayerKind kind{name, summary, one_source(), std::move(specs),
                 [table = std::move(table), of](const ConfigNode& params) {
                   return make_activation(of(read_params(params, table)));
                 }};
  kind.activation = activation_of;
  kind.to_onnx = activation_to_onnx;
  return kind;
}

/// A row for an activation without parameters.
LayerKind plain_activation(std::string_view name, std::string_view summary, Activation activation);

}  // namespace dl
