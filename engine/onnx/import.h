#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/onnx/model.h"

namespace dl {

/// A weight of an imported network, under the name that its config gives it.
struct ImportedTensor {
  std::string name;
  std::vector<std::int64_t> dims;
  std::vector<float> values;
};

struct ImportedNetwork {
  std::string config;  // YAML, its data left to fill in
  std::vector<ImportedTensor> weights;
  std::vector<std::string> notes;  // what was left out, and why
  std::size_t layers = 0;
};

struct ImportOptions {
  std::string path;                       // of the model, for messages
  std::string name;                       // of the network
  std::vector<std::int64_t> input_shape;  // of one sample, where the model leaves it open
};

/// The network of a model's first output as a config and its weights. Throws UserError
/// (ExitCode::weights) with every operator for which dltool has no layer, by type and name.
ImportedNetwork import_network(const OnnxModel& model, const ImportOptions& options);

}  // namespace dl
