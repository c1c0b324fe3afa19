#pragma once

#include "layers/layer.h"

namespace dl {

// One line a layer, in the order of the alphabet; layers/registry.cpp lists them.
LayerKind activation_kind();
LayerKind adaptive_avg_pool_kind();
LayerKind add_kind();
LayerKind avg_pool_kind();
LayerKind batch_norm_kind();
LayerKind bce_with_logits_kind();
LayerKind concat_kind();
LayerKind conv_kind();
LayerKind cross_entropy_kind();
LayerKind dropout_kind();
LayerKind elu_kind();
LayerKind embedding_kind();
LayerKind flatten_kind();
LayerKind gelu_kind();
LayerKind global_avg_pool_kind();
LayerKind group_norm_kind();
LayerKind gru_kind();
LayerKind hardsigmoid_kind();
LayerKind hardswish_kind();
LayerKind identity_kind();
LayerKind l1_kind();
LayerKind layer_norm_kind();
LayerKind leaky_relu_kind();
LayerKind linear_kind();
LayerKind lrn_kind();
LayerKind lstm_kind();
LayerKind max_pool_kind();
LayerKind mish_kind();
LayerKind mse_kind();
LayerKind mul_kind();
LayerKind pad_kind();
LayerKind permute_kind();
LayerKind relu_kind();
LayerKind relu6_kind();
LayerKind reshape_kind();
LayerKind rnn_kind();
LayerKind sigmoid_kind();
LayerKind slice_kind();
LayerKind smooth_l1_kind();
LayerKind softmax_kind();
LayerKind softplus_kind();
LayerKind swish_kind();
LayerKind tanh_kind();

}  // namespace dl
