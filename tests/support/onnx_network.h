#pragma once

#include <string>
#include <vector>

#include "engine/onnx/export.h"
#include "engine/onnx/import.h"
#include "tests/support/network.h"

namespace dl::test {

/// A config's network with weights by the formula.
struct FilledNetwork {
  explicit FilledNetwork(Setup given);
  Setup setup;
  WeightStore store;
};

/// A model's bytes written to a file and read back.
OnnxModel read_back(const std::string& bytes);

/// The network that import makes of a model, with its weights: `sets` say what its config lacks.
FilledNetwork imported(const OnnxModel& model, const std::vector<std::string>& sets = {});

/// What a network predicts for formula tensors, by tests/support/network.h's batch.
std::vector<float> predictions(FilledNetwork& network, std::int64_t batch, std::uint32_t salt,
                               int tokens = 10);

}  // namespace dl::test
