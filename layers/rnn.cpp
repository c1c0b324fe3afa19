#include "layers/recurrent_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

ParamTable<RecurrentParams> param_table() {
  ParamTable<RecurrentParams> table = recurrent_params();
  table.push_back(with_default("nonlinearity", &RecurrentParams::nonlinearity,
                               "of the state: h = f(W x + U h + b)"));
  return table;
}

std::unique_ptr<Layer> make(const ConfigNode& node) {
  RecurrentParams params = read_params(node, param_table());
  check_recurrent(node, params);
  const bool relu = params.nonlinearity == RnnNonlinearity::relu;
  RecurrentCell cell{
      .kind = dnnl::algorithm::vanilla_rnn,
      .activation = relu ? dnnl::algorithm::eltwise_relu : dnnl::algorithm::eltwise_tanh,
      .gates = {0}};
  return make_recurrent(std::move(params), std::move(cell), "rnn");
}

}  // namespace

LayerKind rnn_kind() {
  return recurrent_kind("rnn", "plain recurrent network (Elman 1990), PyTorch's", param_table(),
                        make, {"h"})
      .also({"simple_rnn", "elman"});
}

}  // namespace dl
