#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "core/params.h"

namespace dl {

/// A trained tensor's place in the flat buffers of the weight store, and its own settings.
struct ParamSlice {
  std::string name;
  std::size_t offset = 0, size = 0;  // in floats
  float lr_mult = 1;
  float weight_decay = 0;
  std::int64_t updates_before = 0;  // of the run, before it was trained: its slots began then
};

/// What a schedule says for one update.
struct Rates {
  Rates(double lr, std::optional<double> momentum = {}) : lr(lr), momentum(momentum) {}
  double lr;
  std::optional<double> momentum;  // in place of the optimiser's own, where it has one
};

/// One update of all weights. The flat buffers are those of the weight store and of the optimiser's
/// slots; all have the same layout.
struct Update {
  std::span<float> weights;
  std::span<const float> gradients;
  std::span<const std::span<float>> slots;  // as many as slot_names()
  std::span<const ParamSlice> slices;
  Rates rates = 0;
  float grad_scale = 1;  // every gradient is multiplied by this first (mean over batches, clipping)
  std::int64_t number = 1;  // of this update, from 1

  /// The same for a slice, counted from when it was first trained.
  std::int64_t number_of(const ParamSlice& slice) const { return number - slice.updates_before; }
};

/// How weights follow their gradients. Its state is the slots, which start at zero and which the
/// caller owns and saves; numerics are those of torch.optim.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// PyTorch's names: "momentum_buffer"; "exp_avg", "exp_avg_sq".
  virtual std::vector<std::string> slot_names() const = 0;
  virtual void step(const Update& update) const = 0;
  /// Whether Rates::momentum means anything to it.
  virtual bool has_momentum() const = 0;
};

/// An optimiser as the config chooses it, with the keys that all have.
struct OptimizerChoice {
  std::unique_ptr<Optimizer> optimizer;
  double lr = 0;
  float weight_decay = 0;
  ConfigNode no_decay, lr_mult;  // globs with their positions; null when not said
};

const std::vector<Kind<OptimizerChoice>>& all_optimizers();

/// Where a trained weight lies, for making slices.
struct TrainedWeight {
  std::string name;
  std::size_t offset, size;
};
/// The slices with the settings that `choice` gives them. Throws UserError for a glob that matches
/// nothing.
std::vector<ParamSlice> make_slices(const OptimizerChoice& choice,
                                    std::span<const TrainedWeight> weights);
/// Gives slices the factors of `lr_mult`, a map from globs, in place of those that they have.
/// Throws UserError for a glob that matches none of them.
void set_multipliers(const ConfigNode& lr_mult, std::vector<ParamSlice>& slices);

/// The keys that all optimisers have. A Params struct holds it as `common`.
struct CommonOptimizerParams {
  double lr = 0;
  float weight_decay = 0;
  ConfigNode no_decay, lr_mult;

  /// The defaults of an optimiser that decays unless told otherwise.
  static CommonOptimizerParams with_decay(float decay) { return {0, decay, {}, {}}; }
};
/// `defaults` are those of the optimiser.
ParamTable<CommonOptimizerParams> common_optimizer_table(const CommonOptimizerParams& defaults,
                                                         std::string_view decay_doc);

/// A row of the registry for the optimiser O with parameters P: the common keys stand before `own`.
template <class O, class P>
Kind<OptimizerChoice> optimizer_kind(std::string_view name, std::string_view summary,
                                     const ParamTable<P>& own, std::string_view decay_doc) {
  ParamTable<P> table;
  for (const auto& row : common_optimizer_table(P{}.common, decay_doc)) {
    table.push_back({row.spec, [read = row.read](P& params, const ConfigNode& node) {
                       read(params.common, node);
                     }});
  }
  table.insert(table.end(), own.begin(), own.end());
  return {name, summary, specs_of(table), [table](const ConfigNode& node) -> OptimizerChoice {
            P params = read_params(node, table);
            const CommonOptimizerParams common = params.common;
            return {std::make_unique<O>(std::move(params)), common.lr, common.weight_decay,
                    common.no_decay, common.lr_mult};
          }};
}

Kind<OptimizerChoice> adam_kind();
Kind<OptimizerChoice> adamw_kind();
Kind<OptimizerChoice> rmsprop_kind();
Kind<OptimizerChoice> sgd_kind();

/// Calls piece(slice, begin, end) for parts of every slice; both index the flat buffers. The
/// threads share out the buffer as a whole, so that many small slices are no slower than a large
/// one.
template <class Piece>
void for_each_slice(std::span<const ParamSlice> slices, const Piece& piece) {
  constexpr std::size_t kGrain = 32768;  // below this a thread costs more than it brings
  std::size_t extent = 0;
  for (const ParamSlice& slice : slices) extent = std::max(extent, slice.offset + slice.size);
  parallel_for(extent, kGrain, [&](std::size_t begin, std::size_t end) {
    for (const ParamSlice& slice : slices) {
      const std::size_t first = std::max(begin, slice.offset);
      const std::size_t last = std::min(end, slice.offset + slice.size);
      if (first < last) piece(slice, first, last);
    }
  });
}

}  // namespace dl
