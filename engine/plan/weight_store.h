#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/shape.h"
#include "engine/graph/graph.h"

namespace dl {

/// A weight's place in the flat buffers of the store.
struct StoredWeight {
  std::string name;
  Shape shape;
  std::size_t offset = 0;  // in floats, a multiple of 16
  std::size_t size = 0;    // in floats
  bool statistic = false;  // running mean and the like: no gradient, not updated by the optimiser
  bool frozen = false;     // no gradient, no update
  bool trainable() const { return !statistic && !frozen; }
};

/// Where all weights of a network lie, before any memory is there.
struct WeightLayout {
  std::vector<StoredWeight> weights;  // in checkpoint order
  std::size_t count = 0;              // floats in each flat buffer
};
WeightLayout lay_out_weights(const Graph& graph);

/// Whether a store has memory, or only the sizes of what would lie there: enough to record programs
/// and to say what they need.
enum class WeightMemory { allocated, sizes_only };

/// The part of a flat buffer that is a weight's; of one without memory its size alone.
template <class T>
std::span<T> part_of(std::span<T> flat, const StoredWeight& weight) {
  return {flat.data() ? flat.data() + weight.offset : nullptr, weight.size};
}

/// The one copy of a network's weights, in PyTorch's layouts, and their gradients. Two flat
/// buffers, so that an optimiser's step is one pass over memory; what lies between the tensors is
/// zero.
class WeightStore {
 public:
  WeightStore() = default;
  explicit WeightStore(const Graph& graph, WeightMemory memory = WeightMemory::allocated);

  /// Fills every weight by its initialiser: a function of the seed and the weight's name.
  void initialise(const Graph& graph, std::uint64_t seed);

  const std::vector<StoredWeight>& weights() const { return weights_; }
  const StoredWeight* find(std::string_view name) const;
  /// A gradient of zero and no update for those weights, and for no others: to be called before
  /// programs are recorded.
  void freeze(std::span<const std::string> names);
  std::span<float> values(const StoredWeight& weight) { return part_of(flat(), weight); }
  std::span<const float> values(const StoredWeight& weight) const {
    return part_of(std::span<const float>(floats(values_), count_), weight);
  }
  std::span<float> gradient(const StoredWeight& weight) {
    return part_of(flat_gradients(), weight);
  }

  WeightMemory memory() const {
    return values_.data() || count_ == 0 ? WeightMemory::allocated : WeightMemory::sizes_only;
  }
  /// Gives a store of sizes its memory, all zero.
  void allocate();
  /// All values (statistics included) and all gradients, in one piece each. Without memory they
  /// have a size and no place.
  std::span<float> flat() { return {floats(values_), count_}; }
  std::span<float> flat_gradients() { return {floats(gradients_), count_}; }

  /// To be called after every change of values(): plans then bring up to date what they made of
  /// them.
  void touch() { ++version_, ++frozen_version_; }
  /// The same after an update, which leaves frozen ones as they are.
  void touch_trained() { ++version_; }
  std::uint64_t version() const { return version_; }
  std::uint64_t frozen_version() const { return frozen_version_; }

  /// Number of trained values (PyTorch's count of parameters).
  std::int64_t parameter_count() const;

 private:
  static float* floats(const AlignedBuffer& buffer) {
    return reinterpret_cast<float*>(buffer.data());
  }

  std::vector<StoredWeight> weights_;
  AlignedBuffer values_, gradients_;
  std::size_t count_ = 0;
  std::uint64_t version_ = 1, frozen_version_ = 1;
};

}  // namespace dl
