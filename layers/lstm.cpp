#include "layers/recurrent_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

using P = RecurrentParams;

ParamTable<P> param_table() {
  ParamTable<P> table = recurrent_params();
  table.push_back(with_default("forget_bias", &P::forget_bias,
                               "what the forget gate's bias starts with, in all; often 1"));
  table.push_back(with_default("peephole", &P::peephole,
                               "the gates see the cell state too (Gers et al. 2002): weight_ch, "
                               "of the gates i, f and o"));
  table.push_back(with_default("proj_size", &P::proj_size, at_least(0),
                               "h is projected to that size (Sak et al. 2014); 0: it is not"));
  return table;
}

std::unique_ptr<Layer> make(const ConfigNode& node) {
  P params = read_params(node, param_table());
  check_recurrent(node, params);
  if (params.proj_size >= params.hidden_size) {
    throw UserError(node.find("proj_size")->mark(),
                    "proj_size: is " + std::to_string(params.proj_size) + ", must be below " +
                        std::to_string(params.hidden_size) + " (hidden_size)");
  }
  if (params.forget_bias && !params.bias)
    throw UserError(node.find("forget_bias")->mark(), "forget_bias: there is no bias");
  RecurrentCell cell{.kind = dnnl::algorithm::vanilla_lstm,
                     .gates = {0, 1, 2, 3},  // i, f, g, o
                     .cell_state = true,
                     .peephole = params.peephole,
                     .proj_size = params.proj_size};
  return make_recurrent(std::move(params), std::move(cell), "lstm");
}

}  // namespace

LayerKind lstm_kind() {
  return recurrent_kind("lstm",
                        "long short-term memory (Hochreiter and Schmidhuber 1997), PyTorch's",
                        param_table(), make, {"h", "c"});
}

}  // namespace dl
