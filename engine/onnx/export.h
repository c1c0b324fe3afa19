#pragma once

#include <string>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/onnx/model.h"
#include "engine/onnx/preprocessing.h"
#include "engine/plan/weight_store.h"

namespace dl {

/// What the network computes for its output, in evaluation, as an ONNX model: losses and the layers
/// that only they need are left out, the batch is of any size. Sentences on what differs go to
/// `notes`. Throws UserError (ExitCode::config) where layers have no form in ONNX, with all that
/// have none. With `preprocessing` the model begins with samples as they stand in files, and ends
/// with what predictions are.
OnnxModel export_network(const Graph& graph, const WeightStore& store, const std::string& name,
                         std::vector<std::string>& notes,
                         const OnnxPreprocessing* preprocessing = nullptr);

}  // namespace dl
