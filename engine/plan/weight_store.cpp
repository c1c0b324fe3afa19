#include "engine/plan/weight_store.h"

#include <algorithm>
#include <unordered_map>

namespace dl {
namespace {

constexpr std::size_t kFloatsPerLine = AlignedBuffer::kAlignment / sizeof(float);

std::uint64_t name_hash(std::string_view name) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

}  // namespace

WeightLayout lay_out_weights(const Graph& graph) {
  WeightLayout layout;
  for (const NodeWeight& weight : graph_weights(graph)) {
    const auto size = static_cast<std::size_t>(weight.spec.shape.elements());
    layout.weights.push_back({.name = weight.name,
                              .shape = weight.spec.shape,
                              .offset = layout.count,
                              .size = size,
                              .statistic = weight.spec.role == WeightSpec::Role::statistic});
    layout.count += (size + kFloatsPerLine - 1) / kFloatsPerLine * kFloatsPerLine;
  }
  return layout;
}

WeightStore::WeightStore(const Graph& graph, WeightMemory memory) {
  WeightLayout layout = lay_out_weights(graph);
  weights_ = std::move(layout.weights);
  count_ = layout.count;
  if (memory == WeightMemory::allocated) allocate();
}

void WeightStore::allocate() {
  values_ = AlignedBuffer(count_ * sizeof(float));
  gradients_ = AlignedBuffer(count_ * sizeof(float));
}

void WeightStore::initialise(const Graph& graph, std::uint64_t seed) {
  const std::vector<NodeWeight> specs = graph_weights(graph);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Random random(seed, RandomStream::init, name_hash(specs[i].name));
    specs[i].spec.init(values(weights_[i]), specs[i].spec.shape, random);
  }
  touch();
}

const StoredWeight* WeightStore::find(std::string_view name) const {
  const auto at = std::find_if(weights_.begin(), weights_.end(),
                               [&](const StoredWeight& weight) { return weight.name == name; });
  return at == weights_.end() ? nullptr : &*at;
}

void WeightStore::freeze(std::span<const std::string> names) {
  for (StoredWeight& weight : weights_) {
    weight.frozen = std::ranges::find(names, weight.name) != names.end();
    // What an earlier phase left there would count in the gradient's norm for good.
    if (weight.frozen && gradients_.data()) std::ranges::fill(gradient(weight), 0.0F);
  }
}

std::int64_t WeightStore::parameter_count() const {
  std::int64_t count = 0;
  for (const StoredWeight& weight : weights_) {
    if (!weight.statistic) count += static_cast<std::int64_t>(weight.size);
  }
  return count;
}

}  // namespace dl
