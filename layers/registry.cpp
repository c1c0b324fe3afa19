#include "layers/registry.h"

namespace dl {

const std::vector<LayerKind>& all_layers() {
  static const std::vector<LayerKind> kinds = {
      activation_kind(),
      adaptive_avg_pool_kind(),
      add_kind(),
      avg_pool_kind(),
      batch_norm_kind(),
      bce_with_logits_kind(),
      concat_kind(),
      conv_kind(),
      cross_entropy_kind(),
      dropout_kind(),
      elu_kind(),
      embedding_kind(),
      flatten_kind(),
      gelu_kind(),
      global_avg_pool_kind(),
      group_norm_kind(),
      gru_kind(),
      hardsigmoid_kind(),
      hardswish_kind(),
      identity_kind(),
      l1_kind(),
      layer_norm_kind(),
      leaky_relu_kind(),
      linear_kind(),
      lrn_kind(),
      lstm_kind(),
      max_pool_kind(),
      mish_kind(),
      mse_kind(),
      mul_kind(),
      pad_kind(),
      permute_kind(),
      relu_kind(),
      relu6_kind(),
      reshape_kind(),
      rnn_kind(),
      sigmoid_kind(),
      slice_kind(),
      smooth_l1_kind(),
      softmax_kind(),
      softplus_kind(),
      swish_kind(),
      tanh_kind(),
  };
  return kinds;
}

}  // namespace dl
