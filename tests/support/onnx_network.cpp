#include "tests/support/onnx_network.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/data_files.h"

namespace dl::test {

FilledNetwork::FilledNetwork(Setup given) : setup(std::move(given)), store(setup.graph) {
  fill_by_formula(store);
}

OnnxModel read_back(const std::string& bytes) {
  const TempFolder folder;
  write_text(folder / "m.onnx", bytes);
  return read_onnx(folder / "m.onnx");
}

FilledNetwork imported(const OnnxModel& model, const std::vector<std::string>& sets) {
  const ImportedNetwork network =
      import_network(model, {.path = "m.onnx", .name = "m", .input_shape = {}});
  CAPTURE(network.config);
  FilledNetwork made(setup_of(network.config, sets));
  REQUIRE(network.weights.size() == made.store.weights().size());
  for (const ImportedTensor& tensor : network.weights) {
    const StoredWeight* weight = made.store.find(tensor.name);
    REQUIRE_MESSAGE(weight, tensor.name);
    CHECK(weight->shape.dims() == tensor.dims);
    REQUIRE(weight->size == tensor.values.size());
    std::ranges::copy(tensor.values, made.store.values(*weight).begin());
  }
  made.store.touch();
  return made;
}

std::vector<float> predictions(FilledNetwork& network, std::int64_t batch, std::uint32_t salt,
                               int tokens) {
  LoneProgram program(network.setup.graph, network.store, Purpose::predict, batch);
  const FormulaBatch tensors(network.setup.graph, batch, salt, tokens);
  program->run(tensors.tensors(), {});
  return {program->output().begin(), program->output().end()};
}

}  // namespace dl::test
