#include "engine/onnx/export.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "core/error.h"
#include "engine/onnx/export_ends.h"
#include "layers/onnx_writer.h"

namespace dl {
namespace {

template <class T>
std::string raw(std::span<const T> values) {
  std::string bytes(values.size_bytes(), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// The model as it grows, one layer after the other; for the layers it is their OnnxWriter.
class Exporter final : public OnnxEndsWriter {
 public:
  Exporter(const Graph& graph, const WeightStore& store, OnnxModel& model,
           std::vector<std::string>& notes, const OnnxPreprocessing* preprocessing)
      : graph_(graph),
        store_(store),
        model_(model),
        notes_(notes),
        preprocessing_(preprocessing),
        shapes_(infer_shapes(graph, 1)),
        tensors_(graph.nodes.size()) {}

  void write_input(std::size_t node) {
    const Node& input = graph_.nodes[node];
    enter(node);
    // "data.image" is the config's word for it.
    const std::string name = input.name.starts_with("data.") ? input.name.substr(5) : input.name;
    if (preprocessing_ && preprocessing_->input == name && !input.input->integer) {
      tensors_[node] = {write_preprocessing(*this, *preprocessing_, name, shapes_[node][0])};
      return;
    }
    std::vector<std::int64_t> dims = shapes_[node][0].dims();
    dims[0] = -1;
    tensors_[node] = {
        add_input(name, input.input->integer ? OnnxType::i64 : OnnxType::f32, std::move(dims))};
  }

  void write_layer(std::size_t node) {
    enter(node);
    src_shapes_.clear();
    for (const Port& port : graph_.nodes[node].src)
      src_shapes_.push_back(shapes_[port.node][port.output]);
    const LayerKind& kind = *graph_.nodes[node].kind;
    if (!kind.to_onnx) throw NoOnnxForm("ONNX has nothing like it");
    tensors_[node] = kind.to_onnx(*graph_.nodes[node].layer, *this);
  }

  /// Gives a layer that could not be written results in name, so that others can be looked at.
  void stand_in(std::size_t node) { tensors_[node].assign(shapes_[node].size(), "?"); }

  void write_output() {
    const Shape& shape = shapes_[graph_.output.node][graph_.output.output];
    std::string tensor = tensors_[graph_.output.node][graph_.output.output];
    if (preprocessing_) {
      output_begun_ = true;
      counts_.clear();
      tensor = write_postprocessing(*this, *preprocessing_, tensor, shape);
    }
    OnnxNode identity{.op = "Identity",
                      .domain = {},
                      .name = kOutput,
                      .inputs = {tensor},
                      .outputs = {kOutput},
                      .attributes = {}};
    const auto producer = std::ranges::find_if(model_.nodes, [&](const OnnxNode& candidate) {
      return std::ranges::count(candidate.outputs, tensor) > 0;
    });
    if (producer == model_.nodes.end()) {
      model_.nodes.push_back(std::move(identity));
    } else {
      rename(tensor, kOutput);
    }
    OnnxPort port{.name = kOutput, .type = OnnxType::f32, .dims = shape.dims()};
    port.dims[0] = -1;
    model_.outputs.push_back(std::move(port));
  }

  /// Operators and tensors that nothing needs: final states that no layer reads.
  void drop_unneeded() {
    std::set<std::string> needed = {model_.outputs[0].name};
    std::vector<OnnxNode> kept;
    for (auto node = model_.nodes.rbegin(); node != model_.nodes.rend(); ++node) {
      const auto is_needed = [&](const std::string& name) { return needed.contains(name); };
      if (std::ranges::none_of(node->outputs, is_needed)) continue;
      needed.insert(node->inputs.begin(), node->inputs.end());
      kept.push_back(std::move(*node));
    }
    std::ranges::reverse(kept);
    model_.nodes = std::move(kept);
    std::erase_if(model_.initializers,
                  [&](const OnnxTensor& tensor) { return !needed.contains(tensor.name); });
  }

  // What layers use.
  std::size_t src_count() const override { return graph_.nodes[node_].src.size(); }
  const std::string& src(std::size_t i) const override {
    const Port& port = graph_.nodes[node_].src[i];
    return tensors_[port.node][port.output];
  }
  const Shape& src_shape(std::size_t i) const override { return src_shapes_[i]; }
  bool src_is_integer(std::size_t i) const override {
    const auto& input = graph_.nodes[graph_.nodes[node_].src[i].node].input;
    return input && input->integer;
  }

  std::string weight(std::string_view name) override {
    const StoredWeight& stored = find(name);
    if (written_.insert(stored.name).second) {
      model_.initializers.push_back({.name = stored.name,
                                     .type = OnnxType::f32,
                                     .dims = stored.shape.dims(),
                                     .bytes = raw(store_.values(stored))});
    }
    return stored.name;
  }
  std::span<const float> values(std::string_view name) const override {
    return store_.values(find(name));
  }
  std::string constant(const Shape& shape, std::vector<float> values) override {
    return add_constant(OnnxType::f32, shape.dims(), raw(std::span<const float>(values)));
  }
  std::string constant(std::vector<std::int64_t> values) override {
    return add_constant(OnnxType::i64, {static_cast<std::int64_t>(values.size())},
                        raw(std::span<const std::int64_t>(values)));
  }
  std::string doubles(std::vector<double> values) override {
    const auto count = static_cast<std::int64_t>(values.size());
    return add_constant(OnnxType::f64, {count}, raw(std::span<const double>(values)));
  }
  std::string add_input(const std::string& wish, OnnxType type,
                        std::vector<std::int64_t> dims) override {
    std::string name = wish.empty() ? "input" : wish;
    const auto is_taken = [&] {
      return name == kOutput || store_.find(name) ||
             std::ranges::count(model_.inputs, name, &OnnxPort::name) > 0;
    };
    while (is_taken()) name += '_';
    if (name != wish) notes_.push_back("the input '" + wish + "' is called '" + name + "'");
    model_.inputs.push_back({.name = name, .type = type, .dims = std::move(dims)});
    return name;
  }
  std::vector<std::string> add_all(std::string_view op, std::vector<std::string> inputs,
                                   OnnxAttributes attributes, std::size_t results) override {
    // "ai.onnx.ml.OneHotEncoder": a domain is before the last dot.
    const std::size_t dot = op.rfind('.') == std::string_view::npos ? 0 : op.rfind('.') + 1;
    OnnxNode node{.op = std::string(op.substr(dot)),
                  .domain = std::string(op.substr(0, dot > 0 ? dot - 1 : 0)),
                  .name = fresh_name(std::string(op.substr(dot))),
                  .inputs = std::move(inputs),
                  .outputs = {},
                  .attributes = {}};
    for (auto& [name, value] : attributes) {
      std::visit(
          [&, &key = name](auto& held) {
            node.attributes.push_back({key, std::move(held)});
          },
          value);
    }
    for (std::size_t i = 0; i < results; ++i)
      node.outputs.push_back(node.name + (i == 0 ? "" : ":" + std::to_string(i)));
    model_.nodes.push_back(node);
    return node.outputs;
  }
  void note(const std::string& text) override {
    notes_.push_back("layer '" + graph_.nodes[node_].name + "': " + text);
  }

 private:
  static constexpr const char* kOutput = "output";

  void enter(std::size_t node) {
    node_ = node;
    counts_.clear();
  }

  /// "conv1/Conv", "gelu1/Mul_1": no weight and no input of a network has a slash.
  std::string fresh_name(const std::string& what) {
    const int count = counts_[what]++;
    const std::string& owner = graph_.nodes[node_].name;
    return (output_begun_ ? std::string(kOutput) : owner) + "/" + what +
           (count == 0 ? "" : "_" + std::to_string(count));
  }

  std::string add_constant(OnnxType type, std::vector<std::int64_t> dims, std::string bytes) {
    const std::string name = fresh_name("constant");
    model_.initializers.push_back(
        {.name = name, .type = type, .dims = std::move(dims), .bytes = std::move(bytes)});
    return name;
  }

  const StoredWeight& find(std::string_view name) const {
    return *store_.find(graph_.nodes[node_].name + "." + std::string(name));
  }

  void rename(const std::string& from, const std::string& to) {
    for (OnnxNode& node : model_.nodes) {
      std::ranges::replace(node.inputs, from, to);
      std::ranges::replace(node.outputs, from, to);
    }
  }

  const Graph& graph_;
  const WeightStore& store_;
  OnnxModel& model_;
  std::vector<std::string>& notes_;
  const OnnxPreprocessing* preprocessing_;  // null: none
  bool output_begun_ = false;               // of what follows the network
  const std::vector<std::vector<Shape>> shapes_;
  std::vector<std::vector<std::string>> tensors_;  // by node and result
  std::size_t node_ = 0;                           // being written
  std::vector<Shape> src_shapes_;                  // of it
  std::map<std::string, int> counts_;              // names that it has
  std::set<std::string> written_;                  // weights
};

}  // namespace

OnnxModel export_network(const Graph& graph, const WeightStore& store, const std::string& name,
                         std::vector<std::string>& notes, const OnnxPreprocessing* preprocessing) {
  OnnxModel model;
  model.name = name;
  const std::vector<bool> needed = needed_for(graph, {graph.output.node});
  Exporter exporter(graph, store, model, notes, preprocessing);
  std::vector<Diagnostic> refused;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!needed[i]) continue;
    if (node.input) {
      exporter.write_input(i);
      continue;
    }
    try {
      exporter.write_layer(i);
    } catch (const NoOnnxForm& error) {
      refused.push_back({node.mark, "layer '" + node.name + "' (" + std::string(node.kind->name) +
                                        ") cannot be exported: " + error.what()});
      exporter.stand_in(i);
    }
  }
  if (!refused.empty()) throw UserError(ExitCode::config, std::move(refused));
  exporter.write_output();
  exporter.drop_unneeded();
  return model;
}

}  // namespace dl
