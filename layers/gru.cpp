#include "layers/gru_cell_util.h"
#include "layers/recurrent_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

ParamTable<RecurrentParams> param_table() {
  ParamTable<RecurrentParams> table = recurrent_params();
  table.push_back(with_default("variant", &RecurrentParams::variant,
                               "where the reset gate acts: behind the recurrent product (linear "
                               "before reset, PyTorch's and cuDNN's), or on h before it (Cho et "
                               "al. 2014)"));
  return table;
}

std::unique_ptr<Layer> make(const ConfigNode& node) {
  RecurrentParams params = read_params(node, param_table());
  check_recurrent(node, params);
  const bool lbr = params.variant == GruVariant::lbr;
  RecurrentCell cell{.record = lbr ? record_gru_cell : record_cell,
                     .kind = dnnl::algorithm::vanilla_gru,
                     .gates = {1, 0, 2},  // PyTorch: r, z, n; oneDNN: z, r, n
                     .by_step = lbr};
  return make_recurrent(std::move(params), std::move(cell), "gru");
}

}  // namespace

LayerKind gru_kind() {
  return recurrent_kind("gru", "gated recurrent unit (Cho et al. 2014), PyTorch's", param_table(),
                        make, {"h"});
}

}  // namespace dl
