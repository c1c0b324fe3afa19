#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/config_node.h"
#include "core/shape.h"
#include "engine/onnx/import.h"
#include "engine/onnx/model.h"
#include "layers/layer.h"

namespace dl {

/// An operator (or this use of it) for which there is no layer; says why.
class NotCovered : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// An operator that reads what another one that is not covered should have made.
class ReadsUnknown : public std::runtime_error {
 public:
  ReadsUnknown() : std::runtime_error("") {}
};

/// Stands in whole numbers for the batch, which is of any size.
constexpr std::int64_t kBatch = INT64_MIN + 1;

/// A result of a layer; -1 is the network's input.
struct LayerPort {
  int layer = -1;
  int output = 0;
  bool operator==(const LayerPort&) const = default;
};

/// A tensor of a layer: as PyTorch stores it.
struct ImportedWeight {
  std::string name;  // in the layer: "weight"
  std::vector<std::int64_t> dims;
  std::vector<float> values;
};

struct ImportedLayer {
  std::string type;
  std::vector<ConfigNode::Entry> params = {};
  std::vector<LayerPort> from = {};
  std::vector<ImportedWeight> weights = {};
  std::set<std::string> tensors = {};  // of the model, that its weights were made of
  std::string wish = {};               // for its name; may be ""
  std::string note = {};               // a sentence for people, should the output depend on it
  std::vector<Shape> shapes = {};      // of its results, for a batch of one
};

/// What is known of a tensor of the model.
struct ImportedValue {
  enum class Kind {
    data,        // what a layer gives
    directions,  // what a recurrent operator gives, its two directions on an axis of their own
    constant,    // known beforehand
    zeros,       // of any shape
  };
  Kind kind = Kind::zeros;
  LayerPort port = {};
  /// Of data: axis i here is axis perm[i] of what the layer gives, batch first. The batch (0) is
  /// missing where the model took it away, being of one sample.
  std::vector<int> perm = {};
  std::string axes = {};  // of directions: letters of T, D, N and H in their order
  const OnnxTensor* tensor = nullptr;

  bool plain() const {
    for (std::size_t i = 0; i < perm.size(); ++i)
      if (perm[i] != static_cast<int>(i)) return false;
    return kind == Kind::data;
  }
};

using ValueKind = ImportedValue::Kind;

/// What a network is trained with, as far as its last operator tells.
enum class ImportedLoss { cross_entropy, bce_with_logits, mse };

/// A network being made, operator by operator; what the functions in the table of operators use.
class Importer {
 public:
  Importer(const OnnxModel& model, const ImportOptions& options);
  ImportedNetwork run();

  // Of the model.
  std::int64_t opset() const { return model_.opset; }
  /// The operator that makes a tensor; null for inputs and initialisers.
  const OnnxNode* producer(const std::string& name) const;
  std::size_t uses(const std::string& name) const;
  std::vector<const OnnxNode*> readers(const std::string& name) const;
  bool is_output(const std::string& name) const { return name == model_.outputs[0].name; }
  /// It is the output, or becomes it by operators that only give it another shape.
  bool ends_as_output(std::string name) const;

  /// The network's input is whole numbers.
  bool reads_tokens() const { return tokens_; }

  // Inputs of an operator. All throw where it is not what they say.
  bool has(const OnnxNode& node, std::size_t i) const { return !node.input(i).empty(); }
  const ImportedValue* known(const std::string& name) const;  // null: unknown
  const ImportedValue& value(const std::string& name) const;  // ReadsUnknown
  const ImportedValue& value(const OnnxNode& node, std::size_t i) const;
  const ImportedValue& data(const OnnxNode& node, std::size_t i) const;
  /// Data whose axes are in the layer's order, the batch first; by a permute layer where they were
  /// not.
  ImportedValue plain(const OnnxNode& node, std::size_t i);
  ImportedValue plain(ImportedValue value);
  /// Data whose last axis is that of the layer.
  ImportedValue last_axis_last(const OnnxNode& node, std::size_t i);
  /// The same data from a layer whose axis `to` is what axis `from` was.
  ImportedValue moved(const ImportedValue& value, std::size_t from, std::size_t to);
  bool is_constant(const OnnxNode& node, std::size_t i) const;
  bool is_data(const OnnxNode& node, std::size_t i) const;
  const OnnxTensor& constant(const OnnxNode& node, std::size_t i) const;
  std::vector<float> floats(const OnnxNode& node, std::size_t i) const;
  std::vector<std::int64_t> integers(const OnnxNode& node, std::size_t i) const;
  /// Numbers that newer operators have as input `i` and older ones as an attribute.
  std::optional<std::vector<std::int64_t>> list(const OnnxNode& node, std::string_view attribute,
                                                std::size_t i) const;

  // Shapes, the batch being one.
  const Shape& shape(const LayerPort& port) const;
  /// In the model's order of axes, kBatch for the batch.
  std::vector<std::int64_t> dims(const ImportedValue& value) const;
  /// An axis counted from the end if negative.
  static std::size_t axis_of(std::int64_t axis, std::size_t rank);
  /// Samples of a batch as the model's input says; -1: any number.
  std::int64_t batch() const { return batch_; }

  // What an operator comes to.
  void set(const OnnxNode& node, ImportedValue value, std::size_t output = 0);
  void set_data(const OnnxNode& node, const LayerPort& port, std::size_t output = 0);
  void set_constant(const OnnxNode& node, OnnxTensor tensor);
  void set_integers(const OnnxNode& node, std::vector<std::int64_t> dims,
                    const std::vector<std::int64_t>& values);
  /// Adds a layer, checked by its kind: its first result.
  LayerPort add(ImportedLayer layer);
  const ImportedLayer& layer(const LayerPort& port) const { return layers_[port.layer]; }
  /// A layer that reads what another one does, in its place: with more parameters or weights.
  ImportedLayer copy_of(const LayerPort& port) const { return layers_[port.layer]; }
  /// The same values as a sample of that shape: nothing, a flatten or a reshape layer.
  LayerPort reshaped(const LayerPort& port, const std::vector<std::int64_t>& sample);
  /// The same values with their axes in that order, the batch first: nothing, a reshape or a
  /// permute layer.
  LayerPort permuted(const LayerPort& port, const std::vector<int>& order);
  /// Of all that the operator reads, only these tensors count.
  void reads_only(const OnnxNode& node, std::vector<std::string> names);
  void note(std::string text) { notes_.push_back(std::move(text)); }
  void choose_loss(ImportedLoss loss) { loss_ = loss; }
  /// Numbers that an operator makes of few: weights of one value. Throws where they are too many.
  void grant_filled(std::size_t bytes);

 private:
  void take_initializers();
  void index_nodes();
  void take_input();
  bool reads_steps_first(const std::string& input) const;
  bool reads_channels_last(const std::string& input) const;
  void orient_input(const std::string& input, bool steps_first);
  bool finish_output(ImportedValue& value);
  void take(std::size_t node);
  void check_outputs();
  std::string why_unknown(const std::set<std::string>& needed) const;
  void throw_refused() const;
  std::vector<std::size_t> live_layers() const;
  std::vector<std::string> class_names(std::int64_t count) const;
  std::string origin(const OnnxTensor& tensor) const;
  void note_shared(const std::vector<ImportedLayer>& layers, const std::vector<std::string>& names);
  void count_copy(std::size_t bytes);

  const OnnxModel& model_;
  const ImportOptions& options_;
  std::vector<std::int64_t> sample_;  // of the input
  std::int64_t batch_ = -1;           // likewise
  bool tokens_ = false;
  ImportedLoss loss_ = ImportedLoss::cross_entropy;
  std::deque<OnnxTensor> constants_;                            // that were computed
  std::unordered_map<const OnnxTensor*, std::string> origins_;  // of those: see origin()
  const OnnxNode* taken_ = nullptr;                             // that is being imported
  std::unordered_map<std::string, ImportedValue> values_;
  std::unordered_map<std::string, std::size_t> producers_;
  std::unordered_map<std::string, std::vector<std::size_t>> readers_;
  std::map<std::size_t, std::vector<std::string>> reads_;  // where not all inputs count
  std::map<std::size_t, std::string> refused_;             // by node: why
  std::vector<ImportedLayer> layers_;
  Shape input_shape_;
  std::vector<std::string> notes_;
  double copied_ = 0, most_copied_ = 0, filled_ = 0;  // bytes
};

using ImportOperator = void (*)(Importer&, const OnnxNode&);
/// The function for an operator; null where there is none. Throws nothing.
ImportOperator find_operator(const OnnxNode& node);

/// Rows of the table of operators, a part of it in each file.
struct OperatorRow {
  std::string_view op;
  ImportOperator import;
};
std::vector<OperatorRow> activation_operators();
std::vector<OperatorRow> affine_operators();
std::vector<OperatorRow> constant_operators();
std::vector<OperatorRow> layer_operators();
std::vector<OperatorRow> norm_operators();
std::vector<OperatorRow> part_operators();
std::vector<OperatorRow> pool_operators();
std::vector<OperatorRow> recurrent_operators();
std::vector<OperatorRow> reduction_operators();
std::vector<OperatorRow> shape_operators();

/// The result of a recurrent operator whose directions are now of one axis with its features, or
/// only one: axes are letters of T, N and H.
ImportedValue merged_directions(const ImportedValue& value, const std::string& axes);
void import_directions(Importer& in, const OnnxNode& node, const ImportedValue& value,
                       const std::string& axes);

/// A ReduceSum over the two directions of one: `merge: sum`.
void import_direction_sum(Importer& in, const OnnxNode& node);

/// The mean, or the largest, of all places of each channel: (N, C, 1, ...).
LayerPort pooled_over_places(Importer& in, const OnnxNode& node, const LayerPort& src, bool max);

/// 1 or 2, of an lstm, gru or rnn.
std::int64_t direction_count(const ImportedLayer& layer);

// Operators on what is known beforehand: shapes, axes and places that the model computes.
void import_constant_concat(Importer& in, const OnnxNode& node);
void import_constant_pick(Importer& in, const OnnxNode& node,
                          const std::vector<std::int64_t>& places);
void import_constant_product(Importer& in, const OnnxNode& node);
void import_constant_reshape(Importer& in, const OnnxNode& node,
                             const std::vector<std::int64_t>& target);
struct SliceRange {
  std::int64_t start, stop, axis, step;
};
void import_constant_slice(Importer& in, const OnnxNode& node, const SliceRange& range);
void import_constant_squeeze(Importer& in, const OnnxNode& node);
void import_constant_transpose(Importer& in, const OnnxNode& node);
void import_constant_unsqueeze(Importer& in, const OnnxNode& node);

// A group norm as PyTorch writes it: an instance norm of reshaped channels, shaped back
// (regrouped(), of that second Reshape; none where it is something else), times a number for each
// channel, plus one (import_affine()).
std::optional<LayerPort> regrouped(Importer& in, const OnnxNode& node);

/// x * scale + shift, by one number for each place along an axis of what the layer gives, or by one
/// for all (no axis).
struct Affine {
  std::vector<float> scale = {1}, shift = {0};
  std::optional<std::size_t> axis = {};
};
/// Of data that a tensor is called: weights of the layer that made it where nothing else reads it,
/// else a convolution of 1x1 with a group for each channel.
ImportedValue with_affine(Importer& in, const OnnxNode& node, const std::string& name,
                          const ImportedValue& value, Affine affine);
/// An Add, Sub, Mul or Div of data and numbers that are known. False: it is none.
bool import_affine(Importer& in, const OnnxNode& node);

/// A Gather of single places along an axis, of data or of numbers that are known.
void import_pick(Importer& in, const OnnxNode& node);

// Parameters of layers.
ConfigNode::Entry parameter(std::string name, ConfigNode value);
ConfigNode::Entry parameter(std::string name, std::int64_t value);
ConfigNode::Entry parameter(std::string name, float value);
ConfigNode::Entry parameter(std::string name, bool value);
ConfigNode::Entry word(std::string name, std::string value);
ConfigNode list_node(const std::vector<std::int64_t>& values);
/// One number where all are the same; nothing is added where it is `fallback`.
void add_sizes(std::vector<ConfigNode::Entry>& params, const std::string& name,
               const std::vector<std::int64_t>& sizes, std::int64_t fallback);

/// What a layer may be called, from the names of its tensors ("layer1.conv1.weight") or its
/// operator ("/layer1/layer1.0/conv1/Conv"); "" where they say nothing.
std::string wished_name(const OnnxNode& node, const std::vector<std::string>& tensors);

/// The config of layers, each behind those that it reads.
struct ConfigSketch {
  std::string name, origin;
  std::vector<std::int64_t> input;  // of one sample
  bool tokens = false;
  std::vector<ImportedLayer> layers = {};
  std::vector<std::string> notes = {};
  ImportedLoss loss = ImportedLoss::cross_entropy;
  std::vector<std::string> class_names = {};  // empty, or one for each place of the output
};
/// Names the layers; then the config, and names for their weights.
std::vector<std::string> name_layers(const std::vector<ImportedLayer>& layers);
std::string config_text(const ConfigSketch& sketch, const std::vector<std::string>& names);

}  // namespace dl
