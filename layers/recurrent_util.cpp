#include "layers/recurrent_util.h"

#include <cmath>

#include "layers/recurrent_onnx_util.h"
#include "layers/recurrent_stack_util.h"

namespace dl {
namespace {

constexpr std::int64_t kMostSteps = 1 << 15;  // of a cell that is recorded step by step

class Recurrent final : public Layer {
 public:
  Recurrent(RecurrentParams params, RecurrentCell cell, std::string_view type)
      : params_(std::move(params)), cell_(std::move(cell)), type_(type) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() != 3) {
      throw ShapeError(type_ + " needs a sequence, (N, T, F), but gets " + src[0].text(),
                       "a picture becomes one by the transform rows, or by reshape");
    }
    if (cell_.by_step && src[0][1] > kMostSteps) {
      throw ShapeError(type_ + " reads at most " + std::to_string(kMostSteps) +
                           " steps, but its source has " + std::to_string(src[0][1]),
                       "cut the sequence into shorter ones, or take variant: original");
    }
    const RecurrentRoles roles = roles_of(src);
    Shape output{src[0][0], src[0][1], merged_size()};
    if (params_.output == SequenceOutput::last) output = {src[0][0], merged_size()};
    std::vector<Shape> results = {output, state_shape(src[0][0], cell_.output_size())};
    // oneDNN tells c of the last step alone, which of shorter samples is padding.
    if (cell_.cell_state && !roles.lengths)
      results.push_back(state_shape(src[0][0], cell_.hidden_size));
    return results;
  }

  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    const RecurrentRoles roles = roles_of(src);
    if (roles.lengths && !whole[*roles.lengths])
      throw ShapeError(type_ +
                           ": the second source has a number for each sample, as lengths do, "
                           "and those must be whole numbers",
                       "leave it out, unless the data brings data.length: from: [x, data.length]");
  }

  std::vector<WeightSpec> weights(std::span<const Shape> src) const override {
    std::vector<WeightSpec> specs;
    const std::int64_t rows = cell_.gate_count() * cell_.hidden_size, out = cell_.output_size();
    const float bound = 1.0F / std::sqrt(static_cast<float>(cell_.hidden_size));
    const Initializer standard = uniform_init(-bound, bound);
    const Initializer bias = init_or(params_.bias_init, standard);
    for (std::int64_t layer = 0; layer < params_.num_layers; ++layer) {
      const std::int64_t in = layer == 0 ? src[0][2] : merged_size();
      for (int direction = 0; direction < params_.directions(); ++direction) {
        const std::string suffix = params_.suffix(layer, direction);
        specs.push_back({"weight_ih" + suffix, {rows, in}, init_or(params_.weight_init, standard)});
        specs.push_back(
            {"weight_hh" + suffix, {rows, out}, init_or(params_.recurrent_init, standard)});
        if (cell_.bias) {
          specs.push_back(
              {"bias_ih" + suffix, {rows}, with_forget_bias(bias, params_.forget_bias)});
          specs.push_back(
              {"bias_hh" + suffix,
               {rows},
               with_forget_bias(bias, params_.forget_bias ? std::optional(0.0F) : std::nullopt)});
        }
        if (cell_.peephole)
          specs.push_back({"weight_ch" + suffix, {3, cell_.hidden_size}, standard});
        if (cell_.proj_size > 0)
          specs.push_back({"weight_hr" + suffix, {cell_.proj_size, cell_.hidden_size}, standard});
      }
    }
    for (WeightSpec& spec : specs) {
      if (spec.shape.rank() == 2) spec.uses = src[0][1];
    }
    return specs;
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    std::vector<Shape> shapes;
    for (std::size_t i = 0; i < onnx.src_count(); ++i) shapes.push_back(onnx.src_shape(i));
    return RecurrentOnnx(onnx, params_, cell_, roles_of(shapes)).write();
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    std::vector<Shape> shapes;
    for (const Value& value : src) shapes.push_back(value.shape());
    const RecurrentRoles roles = roles_of(shapes);
    const auto stack = std::make_shared<const RecurrentStack>(tape, params_, cell_, roles, src);
    return {stack->results(), [stack](Tape& back, std::span<const std::optional<Value>> diff_dst) {
              return stack->gradients(back, diff_dst);
            }};
  }

  const RecurrentParams& params() const { return params_; }

 private:
  RecurrentRoles roles_of(std::span<const Shape> src) const;
  void require_state(const Shape& shape, std::int64_t batch, std::int64_t size,
                     const char* what) const;

  std::int64_t merged_size() const {
    const bool concat = params_.merge == MergeDirections::concat;
    return cell_.output_size() * (concat ? params_.directions() : 1);
  }
  Shape state_shape(std::int64_t batch, std::int64_t size) const {
    return {batch, params_.places(), size};
  }
  Initializer with_forget_bias(Initializer fill, std::optional<float> bias) const {
    if (!bias) return fill;
    return [fill = std::move(fill), bias, size = cell_.hidden_size](
               std::span<float> values, const Shape& shape, Random random) {
      fill(values, shape, random);
      const auto forget = values.subspan(size, size);  // the second of i, f, g, o
      std::fill(forget.begin(), forget.end(), *bias);
    };
  }

  RecurrentParams params_;
  RecurrentCell cell_;
  std::string type_;
};

void Recurrent::require_state(const Shape& shape, std::int64_t batch, std::int64_t size,
                              const char* what) const {
  const Shape wanted = state_shape(batch, size);
  if (shape == wanted || (wanted[1] == 1 && shape == Shape{batch, size})) return;
  throw ShapeError(type_ + ": the initial " + what + " must be " + wanted.text() +
                       " (layers and directions, size), but is " + shape.text(),
                   "another " + type_ + "'s h is one: from: [x, encoder.h]");
}

RecurrentRoles Recurrent::roles_of(std::span<const Shape> src) const {
  RecurrentRoles roles;
  std::size_t next = 1;
  if (next < src.size() && src[next].rank() == 1) roles.lengths = next++;
  if (next < src.size()) roles.h = next++;
  if (next < src.size() && cell_.cell_state) roles.c = next++;
  if (next < src.size()) {
    throw ShapeError(
        type_ + " takes a sequence, its lengths where they differ, and initial states",
        cell_.cell_state ? "from: [x, data.length, h, c]" : "from: [x, data.length, h]");
  }
  if (cell_.cell_state && roles.h && !roles.c)
    throw ShapeError(type_ + ": an initial h needs an initial c beside it",
                     "from: [x, encoder.h, encoder.c]");
  if (params_.stateful && (roles.lengths || roles.h)) {
    throw ShapeError(
        type_ + ": stateful: true carries its own states, from samples of equal length",
        "leave out stateful, or the lengths and initial states");
  }
  if (roles.h) require_state(src[*roles.h], src[0][0], cell_.output_size(), "h");
  if (roles.c) require_state(src[*roles.c], src[0][0], cell_.hidden_size, "c");
  return roles;
}

}  // namespace

ParamTable<RecurrentParams> recurrent_params() {
  using P = RecurrentParams;
  return {
      required("hidden_size", &P::hidden_size, at_least(1), "size of the state h")
          .also({"units", "hidden", "num_hidden"}),
      with_default("num_layers", &P::num_layers, between(1, 64),
                   "layers, each of which reads the one below"),
      with_default("bidirectional", &P::bidirectional,
                   "each layer reads its sequence forwards and backwards"),
      with_default(
          "merge", &P::merge,
          "what becomes of the two directions' outputs, with bidirectional: side by side, or "
          "their sum"),
      with_default("dropout", &P::dropout, from_to_below(0, 1),
                   "of each layer's output but the last one's, in training"),
      with_default("output", &P::output,
                   "all steps, (N, T, H), or the last state of each sample, (N, H)"),
      with_default("stateful", &P::stateful,
                   "each batch begins with the states in which the one before it ended; the first "
                   "of an epoch with zeros"),
      with_default("bias", &P::bias, "two learned offsets per gate, as PyTorch has them"),
      with_default(
          "weight_init", &P::weight_init,
          "how weight_ih starts; as all else uniform in +-1/sqrt(hidden_size) unless said"),
      with_default("recurrent_init", &P::recurrent_init, "how weight_hh starts"),
      with_default("bias_init", &P::bias_init, "how both biases start"),
  };
}

std::unique_ptr<Layer> make_recurrent(RecurrentParams params, RecurrentCell cell,
                                      std::string_view type) {
  cell.bias = params.bias;
  cell.hidden_size = params.hidden_size;
  return std::make_unique<Recurrent>(std::move(params), std::move(cell), type);
}

void check_recurrent(const ConfigNode& node, const RecurrentParams& params) {
  const auto fail = [&](const char* key, const std::string& message, const std::string& hint) {
    const ConfigNode* at = node.find(key);
    throw UserError(at ? at->mark() : node.mark(), std::string(key) + ": " + message, hint);
  };
  if (params.stateful && params.bidirectional) {
    fail("stateful",
         "a bidirectional layer cannot carry its state: the backward one comes from the future",
         "leave out stateful or bidirectional");
  }
  if (params.merge != MergeDirections::concat && !params.bidirectional) {
    fail("merge", "adds two directions, and the layer has one",
         "set bidirectional: true, or leave out merge");
  }
  if (params.dropout > 0 && params.num_layers == 1) {
    fail("dropout", "stands between layers, and there is one",
         "put a dropout layer behind it, or set num_layers");
  }
}

LayerKind recurrent_kind(std::string_view name, std::string_view summary,
                         const ParamTable<RecurrentParams>& table,
                         std::function<std::unique_ptr<Layer>(const ConfigNode&)> make,
                         std::vector<std::string_view> outputs) {
  const int states = static_cast<int>(outputs.size());
  LayerKind kind = {name, summary, {1, 2 + states}, specs_of(table), std::move(make)};
  kind.units = LayerKind::Units::features;
  kind.over_time = true;
  kind.reads_backwards = [](const Layer& layer) {
    return static_cast<const Recurrent&>(layer).params().bidirectional;
  };
  kind.carries_state = [](const Layer& layer) {
    return static_cast<const Recurrent&>(layer).params().stateful;
  };
  kind.outputs = std::move(outputs);
  kind.to_onnx = [](const Layer& layer, OnnxWriter& onnx) {
    return static_cast<const Recurrent&>(layer).to_onnx(onnx);
  };
  return kind;
}

}  // namespace dl
