#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "engine/config/run_config.h"
#include "engine/formats/safetensors.h"
#include "engine/plan/weight_store.h"
#include "engine/train/gradients.h"
#include "engine/train/optimizer.h"

namespace dl {

class Diagnostics;

/// Turns gradients into new weights: accumulation over batches, clipping, the optimiser, the
/// average of weights. Owns the optimiser's slots and the average.
class Updater {
 public:
  /// All are borrowed. `batches` make up one update. Where the store has no memory, it has none
  /// either, and bytes() says what it would need.
  Updater(const Optimizer& optimizer, std::span<const ParamSlice> slices, const TrainConfig& config,
          WeightStore& store, std::int64_t batches);

  /// From now on those are trained and no others; slots of the ones in `started` begin at zero.
  void train_only(std::span<const ParamSlice> slices, std::span<const std::string> started);

  /// To be called before a batch's forward pass, which changes the running statistics: a step that
  /// is left out takes that back.
  void before_batch();
  /// Takes the gradients that a backward pass left in the store, which count `weight` in the mean
  /// that is the step's; `finite`: the batch's losses are.
  void add_batch(double weight, bool finite);
  /// Updates the weights with the mean of the gradients added since the last call. `number` counts
  /// updates from 1. Returns false, and changes nothing, when a loss, a gradient or a running
  /// statistic is not finite. `diagnostics` looks on.
  bool update(const Rates& rates, std::int64_t number, Diagnostics* diagnostics = nullptr);

  bool averages() const { return !average_.empty(); }
  /// Starts the average at the weights as they are; to be called once they are there.
  void reset_average();
  /// Exchanges weights and average: for evaluating, and back.
  void swap_average();

  /// What a checkpoint holds: "momentum_buffer/conv1.weight"; averages under the weights' own
  /// names.
  std::vector<TensorView> slot_tensors() const;
  std::vector<TensorView> average_tensors() const;
  /// Throws UserError (ExitCode::weights) when a tensor is missing or has another shape.
  void load_slots(const SafetensorsFile& file, const std::string& path);
  void load_average(const SafetensorsFile& file, const std::string& path);

  std::size_t bytes() const;

 private:
  std::span<float> make_room(AlignedBuffer& buffer) const;
  bool statistics_are_finite() const;
  void take_back();

  const Optimizer& optimizer_;
  std::span<const ParamSlice> slices_;
  ClipConfig clip_;
  EmaConfig ema_;
  WeightStore& store_;
  std::vector<std::string> slot_names_;
  std::vector<AlignedBuffer> slot_buffers_;
  std::vector<std::span<float>> slots_;
  AlignedBuffer sum_buffer_, average_buffer_;
  std::span<float> sum_, average_;  // sum_: only where several batches make an update
  GradientNorm norm_;
  std::vector<std::span<float>> statistics_;  // of the store
  std::vector<float> statistics_before_;      // the running step; empty: no step is left out
  double weight_ = 0;                         // of the gradients in sum_
  bool first_ = true, finite_ = true;
};

/// The weights and statistics of the store under their names.
std::vector<TensorView> weight_tensors(const WeightStore& store);
/// Copies every weight of the store from the file. Throws UserError (ExitCode::weights) when one is
/// missing, has another shape or type; extra tensors are named in `unused`.
void load_weights(WeightStore& store, const SafetensorsFile& file, const std::string& path,
                  std::vector<std::string>& unused);

}  // namespace dl
