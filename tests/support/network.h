#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/plan/program.h"
#include "engine/train/setup.h"

namespace dl::test {

/// What load_setup makes of a config's text, in a file c.yaml. Throws what it throws.
Setup setup_of(const std::string& text, const std::vector<std::string>& sets = {});
/// The whole message that loading ends with, with the bare name c.yaml; "" when it succeeds.
std::string setup_error(const std::string& text);

/// Fills weights by the formula, as tests/goldens/networks_common.py does and says.
void fill_by_formula(WeightStore& store);

/// A batch for every input of a graph: input k has the formula's tensor `salt` + k; integers are
/// below `classes`.
class FormulaBatch {
 public:
  FormulaBatch(const Graph& graph, std::int64_t batch, std::uint32_t salt, int classes = 10);
  const std::vector<const void*>& tensors() const { return tensors_; }

 private:
  std::vector<std::vector<float>> floats_;
  std::vector<std::vector<std::int32_t>> integers_;
  std::vector<const void*> tensors_;
};

/// One program of a graph as it stands (nothing is fused here), with an arena of its own.
class LoneProgram {
 public:
  LoneProgram(const Graph& graph, WeightStore& store, Purpose purpose, std::int64_t batch);
  Program* operator->() { return &program_; }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  Program program_;
  AlignedBuffer arena_;
};

/// max|a-b| / max|b|.
double norm_relative(std::span<const float> a, std::span<const float> b);

}  // namespace dl::test
