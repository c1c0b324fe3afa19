#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/params.h"
#include "core/random.h"
#include "core/shape.h"
#include "layers/tape.h"

namespace dl {

/// Fills a new weight (row-major, PyTorch's layout). See layers/initializer.h.
using Initializer = std::function<void(std::span<float> values, const Shape& shape, Random random)>;

/// Sources that do not fit each other. The graph says their names and lines in place of "source 1":
/// what() is `difference`, then the shape of each of `sources`.
class SourcesDiffer : public ShapeError {
 public:
  SourcesDiffer(std::string difference, std::span<const Shape> src,
                std::vector<std::size_t> sources, std::string hint = {});
  /// "sources differ"
  const std::string& difference() const { return difference_; }
  /// Those that show it, counted from 0.
  const std::vector<std::size_t>& sources() const { return sources_; }

 private:
  std::string difference_;
  std::vector<std::size_t> sources_;
};

/// A tensor that belongs to a layer and outlives the step.
struct WeightSpec {
  enum class Role {
    trained,    // has a gradient and is updated by the optimiser, unless frozen
    statistic,  // written by the layer itself while training: running mean and variance
  };
  std::string
      name;     // PyTorch's: "weight", "bias", "running_mean"; the node's name stands before it
  Shape shape;  // PyTorch's layout; f32
  Initializer init;
  Role role = Role::trained;
  /// Of a matrix: how often a sample is multiplied with it. None: once for each place of the
  /// result, as in a convolution; 0: it is looked up in.
  std::optional<std::int64_t> uses = {};
};

/// Given the gradient of each dst (none: it has none), records the backward steps and returns the
/// gradient of each src (none where src.needs_grad is false or the layer has no gradient there).
using GradFn = std::function<std::vector<std::optional<Value>>(
    Tape&, std::span<const std::optional<Value>> diff_dst)>;

/// What a layer recorded: its results, and how to go back. An empty `grad` stops the gradient.
struct Recorded {
  std::vector<Value> dst;
  GradFn grad;
};

/// A layer is its validated parameters and nothing else. Weights live in the WeightStore and
/// activations in the Plan, so one Layer object serves the plans for training and for evaluation.
class Layer {
 public:
  virtual ~Layer() = default;

  /// Shapes of the dst (batch included). Throws ShapeError when the sources do not fit.
  virtual std::vector<Shape> infer(std::span<const Shape> src) const = 0;

  /// Which of `src`, that have passed infer(), hold `whole` numbers: the data's labels, tokens and
  /// lengths. Throws ShapeError where the layer cannot read them as what they are.
  virtual void check_types(std::span<const Shape> /*src*/,
                           const std::vector<bool>& /*whole*/) const {}

  /// Whether a training step can be taken over `src`, batch included, that has passed infer().
  /// Throws ShapeError where the batch is too small for it. It is not asked where the layer's
  /// statistics are frozen.
  virtual void check_training(std::span<const Shape> /*src*/) const {}

  /// Weights to create, in checkpoint order. `src` has passed infer().
  virtual std::vector<WeightSpec> weights(std::span<const Shape> /*src*/) const { return {}; }

  /// Records the forward steps and returns how to record the backward ones.
  virtual Recorded record(Tape& tape, std::span<const Value> src) const = 0;
};

class OnnxWriter;  // layers/onnx_writer.h

/// Results of a loss (LayerKind::loss) that smoothing or weights change: those of its plain form.
constexpr std::size_t kPlainMean = 2, kPlainWeight = 3;

/// What a loss judges: which metrics go with it, and who else may read its target.
enum class LossTask {
  classes,  // which of C classes it is: the target is a label, or a probability for each class
  yes_no,   // every output for itself, a logit: the target is 0 or 1
  numbers,  // the target is the number that should have been predicted
};

/// What other parts need to know of a loss.
struct LossTraits {
  LossTask task = LossTask::numbers;
  /// Set where labels do not all count alike: how much one adds to what the loss is a mean of.
  std::function<double(const Layer&, std::int64_t label)> label_weight = {};
  /// Set where samples with one label do not count at all: which one.
  std::function<std::int64_t(const Layer&)> ignore_index = {};
};

/// How many sources a layer takes.
struct Arity {
  int min = 1;
  int max = 1;
  static constexpr int kAny = 1 << 30;
};
constexpr Arity one_source() { return {1, 1}; }
constexpr Arity at_least_sources(int count) { return {count, Arity::kAny}; }

/// One row of the registry: the config's reader, `dltool docs` and the JSON schema read nothing
/// else.
struct LayerKind {
  std::string_view name, summary;
  Arity sources;
  std::vector<ParamSpec> params;
  std::function<std::unique_ptr<Layer>(const ConfigNode& params)> make;  // throws UserError
  /// Set for losses: sources are prediction, target and perhaps a mask; dst are the mean loss (1)
  /// and the number (or weight) of what it is a mean of (1), so that means of batches add up to the
  /// set's.
  std::optional<LossTraits> loss = {};
  /// Set for element-wise functions of one source that another layer can apply as its last act.
  std::function<Activation(const Layer&)> activation = {};
  /// Set for layers that honour tape.post(): whether this one can carry `activation`.
  std::function<bool(const Activation& activation, bool training)> carries = {};
  /// Set for batch norm: what folding it into the layer before it needs to know; the name is the
  /// node's affair.
  std::function<FoldedNorm(const Layer&)> norm = {};
  /// It honours tape.norm().
  bool folds_norm = false;
  /// What the axes of its result mean: (batch, channels, ...), (batch, ..., features), or the same
  /// as those of its source.
  enum class Units { as_source, channels, features };
  Units units = Units::as_source;
  /// Set where axes of the first source are in another order in the result: where that axis is.
  std::function<std::size_t(const Layer&, std::size_t axis)> moves_axis = {};
  /// Takes axis 1 of its source for channels, and what follows for places.
  bool reads_channels = false;
  /// Draws random numbers in training, and has no weights that could be frozen.
  bool random = false;
  /// Its first source is a sequence, (N, T, F), that it reads step by step.
  bool over_time = false;
  /// Set for such: whether this one reads it backwards too, and whether it carries its state from
  /// batch to batch.
  std::function<bool(const Layer&)> reads_backwards = {}, carries_state = {};
  /// Names of its results behind the first: `from: encoder.h`.
  std::vector<std::string_view> outputs = {};
  /// Says the layer in ONNX's operators and returns the names of its results. Set by make_kind()
  /// where the class has such a member; a layer without it is not exported.
  std::function<std::vector<std::string>(const Layer&, OnnxWriter&)> to_onnx = {};
  std::vector<std::string> others = {};

  /// Names that other tools have for it: whoever writes one of them is told ours.
  LayerKind also(std::vector<std::string> words) && {
    others = std::move(words);
    return std::move(*this);
  }
};

/// All layers and losses that there are.
const std::vector<LayerKind>& all_layers();

/// A row for the layer class L, whose constructor takes the struct that `table` fills.
template <class L, class P>
LayerKind make_kind(std::string_view name, std::string_view summary, Arity sources,
                    ParamTable<P> table) {
  std::vector<ParamSpec> specs = specs_of(table);
  auto make = [table = std::move(table)](const ConfigNode& params) -> std::unique_ptr<Layer> {
    return std::make_unique<L>(read_params(params, table));
  };
  LayerKind kind{name, summary, sources, std::move(specs), std::move(make)};
  if constexpr (requires(const L& layer, OnnxWriter& onnx) { layer.to_onnx(onnx); })
    kind.to_onnx = [](const Layer& layer, OnnxWriter& onnx) {
      return static_cast<const L&>(layer).to_onnx(onnx);
    };
  return kind;
}

}  // namespace dl
