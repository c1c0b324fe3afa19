#include "tests/support/network.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "tests/support/data_files.h"
#include "tests/support/formula.h"

namespace dl::test {
namespace {

Setup load_text(const std::string& path, const std::string& text,
                const std::vector<std::string>& sets) {
  std::ofstream(path, std::ios::binary) << text;
  return load_setup({.config = path, .sets = sets, .data_dir = "no-data"});
}

std::string owner_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

float scale_of(const WeightStore& store, const StoredWeight& weight) {
  const StoredWeight* matrix = store.find(owner_of(weight.name) + ".weight");
  const Shape& shape = (matrix ? *matrix : weight).shape;
  return static_cast<float>(1 / std::sqrt(static_cast<double>(shape.elements() / shape[0])));
}

}  // namespace

Setup setup_of(const std::string& text, const std::vector<std::string>& sets) {
  const TempFolder folder;
  return load_text(folder / "c.yaml", text, sets);
}

std::string setup_error(const std::string& text) {
  const TempFolder folder;
  try {
    load_text(folder / "c.yaml", text, {});
  } catch (const UserError& error) {
    std::string message = error.what();
    const std::string prefix = folder.path() + "/";
    for (std::size_t at = message.find(prefix); at != std::string::npos; at = message.find(prefix))
      message.erase(at, prefix.size());
    return message;
  }
  return "";
}

void fill_by_formula(WeightStore& store) {
  for (std::size_t j = 0; j < store.weights().size(); ++j) {
    const StoredWeight& weight = store.weights()[j];
    const std::string owner = owner_of(weight.name), kind = weight.name.substr(owner.size() + 1);
    const bool norm = store.find(owner + ".running_mean") != nullptr;
    float shift = 0, scale = norm ? 0.1F : scale_of(store, weight);
    if (norm && kind == "weight") shift = 1;
    if (weight.statistic) {
      shift = kind == "running_var" ? 1 : 0;
      scale = 0;
    }
    const std::span<float> values = store.values(weight);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = shift + scale * formula(static_cast<std::uint32_t>(1000 + j),
                                          static_cast<std::uint32_t>(i));
  }
  store.touch();
}

namespace {

/// Whether a loss reads that input as probabilities.
bool is_yes_no_target(const Graph& graph, int input) {
  return std::ranges::any_of(graph.losses, [&](int loss) {
    const Node& node = graph.nodes[loss];
    return node.kind->loss && node.kind->loss->task == LossTask::yes_no &&
           node.src[1].node == input;
  });
}

}  // namespace

FormulaBatch::FormulaBatch(const Graph& graph, std::int64_t batch, std::uint32_t salt,
                           int classes) {
  const auto shapes = infer_shapes(graph, batch);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!graph.nodes[i].input) continue;
    std::vector<float> values =
        formula_tensor(salt++, static_cast<std::size_t>(shapes[i][0].elements()));
    if (is_yes_no_target(graph, static_cast<int>(i))) {
      for (float& value : values) value = std::abs(value);
    }
    if (!graph.nodes[i].input->integer) {
      floats_.push_back(std::move(values));
      tensors_.push_back(floats_.back().data());
      continue;
    }
    std::vector<std::int32_t> integers;
    for (const float value : values)
      integers.push_back(static_cast<std::int32_t>((value + 1) / 2 * static_cast<float>(classes)));
    integers_.push_back(std::move(integers));
    tensors_.push_back(integers_.back().data());
  }
}

LoneProgram::LoneProgram(const Graph& graph, WeightStore& store, Purpose purpose,
                         std::int64_t batch)
    : program_(graph, store, engine_, purpose, batch), arena_(program_.arena_bytes()) {
  program_.bind({arena_.data(), arena_.bytes()});
}

double norm_relative(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double difference = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(static_cast<double>(a[i]) - b[i]);
    if (!(error <= difference)) difference = error;
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return difference / largest;
}

}  // namespace dl::test
