#include "engine/graph/build.h"

#include <algorithm>
#include <map>

#include "core/shape.h"
#include "core/text.h"

namespace dl {
namespace {

/// Names kinds for did-you-mean, losses and layers apart.
std::vector<Word> kind_names(bool losses) {
  std::vector<Word> names;
  for (const LayerKind& kind : all_layers()) {
    if (kind.loss.has_value() == losses) names.emplace_back(kind.name, kind.others);
  }
  return names;
}

const LayerKind* find_layer_kind(const std::string& type) {
  const auto at = std::find_if(all_layers().begin(), all_layers().end(),
                               [&](const LayerKind& kind) { return kind.name == type; });
  return at == all_layers().end() ? nullptr : &*at;
}

/// What a loss computes, as names that are alike do not mean the same everywhere: one takes
/// probabilities, another what a softmax makes them of.
std::string summary_of(const std::optional<std::string>& type) {
  const LayerKind* kind = type ? find_layer_kind(*type) : nullptr;
  return kind ? *type + " is " + std::string(kind->summary) : "";
}

std::string sources_text(const Arity& arity) {
  if (arity.min == arity.max)
    return std::to_string(arity.min) + (arity.min == 1 ? " source" : " sources");
  if (arity.max == Arity::kAny) return "at least " + std::to_string(arity.min) + " sources";
  return std::to_string(arity.min) + " to " + std::to_string(arity.max) + " sources";
}

/// One build. Nodes of which something is wrong have no shapes, and what follows them is not
/// judged.
class Builder {
 public:
  Builder(const RunConfig& config, const DataInterface& data, Problems& problems)
      : config_(config), data_(data), problems_(problems) {}

  Graph build() {
    for (const DataTensor& tensor : data_.inputs) add_input(tensor);
    for (const DataTensor& tensor : data_.targets) add_input(tensor);
    if (data_.inputs.size() == 1) names_["input"] = graph_.find("data." + data_.inputs[0].name);
    for (const LayerDecl& decl : config_.model.layers) add_layer(decl);
    choose_output();
    for (const LossDecl& decl : config_.losses) add_loss(decl);
    check_dead_ends();
    return std::move(graph_);
  }

 private:
  void add_input(const DataTensor& tensor) {
    Node node;
    node.name = "data." + tensor.name;
    node.input = tensor.tensor;
    names_[node.name] = static_cast<int>(graph_.nodes.size());
    std::vector<std::int64_t> dims = {config_.data.batch};
    dims.insert(dims.end(), tensor.tensor.sample_shape.begin(), tensor.tensor.sample_shape.end());
    Shape shape(std::move(dims));
    try {
      require_size("a batch", of_largest_batch(shape).dims());
      shapes_.push_back({std::move(shape)});
    } catch (const ShapeError& error) {
      problems_.add(config_.data.mark, "data: '" + node.name + "': " + error.what());
      shapes_.emplace_back();
    }
    graph_.nodes.push_back(std::move(node));
  }

  void add_layer(const LayerDecl& decl) {
    const std::string prefix = "layer '" + decl.name + "' (" + decl.type + "): ";
    const LayerKind* kind = find_layer_kind(decl.type);
    if (!kind || kind->loss) {
      const std::string why = kind ? "'" + decl.type + "' is a loss and belongs under 'loss'"
                                   : "unknown layer type '" + decl.type + "'" +
                                         did_you_mean(decl.type, kind_names(false));
      problems_.add(decl.mark, "layer '" + decl.name + "': " + why);
    }
    add_node(decl.name, decl.mark, prefix, kind && !kind->loss ? kind : nullptr, decl.params,
             decl.from);
    check_vocabulary(prefix);
  }

  void add_loss(const LossDecl& decl) {
    const std::string prefix = "loss '" + decl.name + "' (" + decl.kind.type + "): ";
    const LayerKind* kind = find_layer_kind(decl.kind.type);
    if (!kind || !kind->loss) {
      const std::string why = kind ? "'" + decl.kind.type + "' is a layer, not a loss"
                                   : "unknown loss '" + decl.kind.type + "'" +
                                         did_you_mean(decl.kind.type, kind_names(true));
      problems_.add(decl.kind.type_mark, "loss '" + decl.name + "': " + why,
                    kind ? "" : summary_of(known_elsewhere(decl.kind.type, kind_names(true))));
      const auto judged = names_.find(decl.from.name);
      if (judged != names_.end()) judged_.push_back(judged->second);
      return;
    }
    std::vector<LayerDecl::Source> from = {decl.from, decl.target};
    if (from[0].name.empty()) from[0] = {output_name_, decl.kind.type_mark};
    if (from[1].name.empty()) {
      if (data_.targets.size() != 1) {
        problems_.add(decl.kind.type_mark, prefix + "the data has " +
                                               std::to_string(data_.targets.size()) +
                                               " targets; say which with 'target: data.<name>'");
        return;
      }
      from[1] = {"data." + data_.targets[0].name, decl.kind.type_mark};
    }
    if (!decl.mask.name.empty()) from.push_back(decl.mask);
    const int node = static_cast<int>(graph_.nodes.size());
    add_node(decl.name, decl.kind.type_mark, prefix, kind, decl.kind.params, from);
    graph_.nodes[node].loss_weight = decl.weight;
    graph_.nodes[node].train_only = decl.train_only;
    if (graph_.losses.empty() && graph_.nodes[node].src.size() >= 2)
      graph_.target = graph_.nodes[node].src[1];
    graph_.losses.push_back(node);
    check_classes(node, prefix);
  }

  void add_node(const std::string& name, const Mark& mark, const std::string& prefix,
                const LayerKind* kind, const ConfigNode& params,
                const std::vector<LayerDecl::Source>& from) {
    Node node;
    node.name = name;
    node.mark = mark;
    node.kind = kind;
    node.src = resolve(from, prefix);
    if (kind) {
      try {
        node.layer = kind->make(params);
      } catch (const UserError& error) {
        problems_.add(error, prefix);
      }
      const int count = static_cast<int>(from.size());
      if (count < kind->sources.min || count > kind->sources.max) {
        problems_.add(mark, prefix + "takes " + sources_text(kind->sources) + " but gets " +
                                std::to_string(count));
        node.layer.reset();
      }
    }
    shapes_.push_back(infer(node, prefix));
    names_[name] = static_cast<int>(graph_.nodes.size());
    graph_.nodes.push_back(std::move(node));
  }

  std::vector<Port> resolve(const std::vector<LayerDecl::Source>& from, const std::string& prefix) {
    std::vector<Port> src;
    for (const LayerDecl::Source& source : from) {
      const auto at = names_.find(source.name);
      if (at != names_.end()) {
        src.push_back({at->second, 0});
        continue;
      }
      if (const auto port = named_result(source.name)) {
        src.push_back(*port);
        continue;
      }
      src.push_back({-1, 0});
      if (is_withheld(source.name)) {
        problems_.add(source.mark,
                      prefix + "there is no '" + source.name +
                          "': where lengths differ, the last " +
                          "step's is known, which is padding of shorter samples",
                      "leave out the states that it would begin with; a gru, which needs no c, can "
                      "begin with " +
                          source.name.substr(0, source.name.rfind('.')) + ".h");
      } else if (source.name == "input") {
        problems_.add(source.mark, prefix + "the data has " + std::to_string(data_.inputs.size()) +
                                       " inputs; say which with 'from: data.<name>'");
      } else if (!source.name.empty()) {
        std::vector<std::string> known;
        for (const auto& [name, node] : names_) known.push_back(name);
        problems_.add(source.mark, prefix + "unknown source '" + source.name + "'" +
                                       did_you_mean(source.name, known));
      }
    }
    return src;
  }

  /// "encoder.h": a result behind the first of a layer that has it.
  std::optional<Port> named_result(const std::string& name) const {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string::npos) return std::nullopt;
    const auto at = names_.find(name.substr(0, dot));
    if (at == names_.end() || !graph_.nodes[at->second].kind) return std::nullopt;
    const auto& outputs = graph_.nodes[at->second].kind->outputs;
    const auto output = std::find(outputs.begin(), outputs.end(), name.substr(dot + 1));
    const auto index = static_cast<std::size_t>(output - outputs.begin()) + 1;
    // A layer with a problem has no shapes; one without that result is told as an unknown name.
    const std::vector<Shape>& shapes = shapes_[at->second];
    if (output == outputs.end() || (!shapes.empty() && index >= shapes.size())) return std::nullopt;
    return Port{at->second, static_cast<int>(index)};
  }

  /// Whether it is a result of such a layer, but not of this one, as an lstm that reads lengths has
  /// no c.
  bool is_withheld(const std::string& name) const {
    const auto at = names_.find(name.substr(0, std::min(name.rfind('.'), name.size())));
    if (at == names_.end() || at->first.size() == name.size()) return false;
    const Node& node = graph_.nodes[at->second];
    return node.kind && std::ranges::find(node.kind->outputs, name.substr(at->first.size() + 1)) !=
                            node.kind->outputs.end();
  }

  /// Empty when something is wrong with the node or with what it reads.
  std::vector<Shape> infer(const Node& node, const std::string& prefix) {
    if (!node.layer) return {};
    std::vector<Shape> src;
    std::vector<bool> whole;
    for (const Port& port : node.src) {
      if (port.node < 0 || shapes_[port.node].empty()) return {};
      src.push_back(shapes_[port.node][port.output]);
      whole.push_back(is_whole(port.node));
    }
    try {
      std::vector<Shape> dst = node.layer->infer(src);
      node.layer->check_types(src, whole);
      for (const WeightSpec& weight : node.layer->weights(src))
        require_size("a " + weight.name, weight.shape.dims());
      for (const Shape& shape : dst) require_size("its result", of_largest_batch(shape).dims());
      return dst;
    } catch (const SourcesDiffer& error) {
      std::vector<std::string> sources;
      for (const std::size_t i : error.sources()) sources.push_back(source_text(node, src, i));
      problems_.add(node.mark, prefix + error.difference() + ": " + join(sources, ", "),
                    error.hint());
      return {};
    } catch (const ShapeError& error) {
      problems_.add(node.mark, prefix + error.what() + sources_of(node, src), error.hint());
      return {};
    }
  }

  /// The data's whole numbers, and what only moves them about.
  bool is_whole(int node) const {
    while (node >= 0 && !graph_.nodes[node].input) {
      const Node& layer = graph_.nodes[node];
      const bool as_source = layer.kind && layer.kind->units == LayerKind::Units::as_source;
      node = as_source && !layer.kind->loss && !layer.src.empty() ? layer.src[0].node : -1;
    }
    return node >= 0 && graph_.nodes[node].input->integer;
  }

  /// Evaluation's batches may be larger than those of training, which `shape` is of.
  Shape of_largest_batch(Shape shape) const {
    const DataConfig& data = config_.data;
    if (shape.rank() > 1) shape[0] = std::max(shape[0], data.eval_batch.value_or(data.batch));
    return shape;
  }

  /// "'bn2' is 256x28x28 (line 27)".
  std::string source_text(const Node& node, const std::vector<Shape>& src, std::size_t i) const {
    const Node& source = graph_.nodes[node.src[i].node];
    const std::string line =
        source.mark.valid() ? " (line " + std::to_string(source.mark.line) + ")" : "";
    return "'" + source.name + "' is " + src[i].text() + line;
  }

  /// " (from 'pool1')": which layer the shape comes from, where there is one source.
  std::string sources_of(const Node& node, const std::vector<Shape>& src) const {
    if (src.size() != 1) return "";
    const Node& source = graph_.nodes[node.src[0].node];
    return source.input ? " (from the data)" : " (from '" + source.name + "')";
  }

  void choose_output() {
    if (config_.model.output) {
      output_name_ = config_.model.output->name;
      const auto at = names_.find(output_name_);
      if (at == names_.end()) {
        problems_.add(config_.model.output->mark, "output: unknown layer '" + output_name_ + "'");
        return;
      }
      graph_.output = {at->second, 0};
    } else if (!config_.model.layers.empty()) {
      output_name_ = config_.model.layers.back().name;
      graph_.output = {names_.at(output_name_), 0};
    }
  }

  /// A label must have its place in the predictions.
  void check_classes(int loss, const std::string& prefix) {
    const Node& node = graph_.nodes[loss];
    const bool shapes_known = !shapes_[loss].empty() && node.src.size() >= 2;
    if (!shapes_known || !data_.classes) return;
    const Node& target = graph_.nodes[node.src[1].node];
    const bool first_label =
        target.input && target.input->integer && target.name == "data." + data_.targets[0].name;
    if (!first_label || node.kind->loss->task != LossTask::classes) return;
    const std::int64_t predicted = shapes_[node.src[0].node][node.src[0].output].back();
    if (predicted < *data_.classes) {
      problems_.add(node.mark, prefix + "'" + graph_.nodes[node.src[0].node].name + "' predicts " +
                                   std::to_string(predicted) + " classes but the data has " +
                                   std::to_string(*data_.classes));
    }
  }

  /// A token, or a label, must have its place in the embedding that was added.
  void check_vocabulary(const std::string& prefix) {
    const Node& node = graph_.nodes.back();
    if (shapes_.back().empty() || node.kind->name != "embedding") return;
    const Node& source = graph_.nodes[node.src[0].node];
    std::optional<std::int64_t> values;
    if (source.input && source.name == "data." + data_.inputs[0].name) values = data_.vocabulary;
    if (source.input && source.name == "data." + data_.targets[0].name) values = data_.classes;
    const std::int64_t rows = node.layer->weights({})[0].shape[0];
    if (!values || rows >= *values) return;
    problems_.add(node.mark,
                  prefix + "num_embeddings is " + std::to_string(rows) + ", but the data has " +
                      std::to_string(*values) + " different tokens",
                  "num_embeddings: $data.vocabulary");
  }

  void check_dead_ends() {
    std::vector<int> roots = graph_.losses;
    roots.push_back(graph_.output.node);
    roots.insert(roots.end(), judged_.begin(), judged_.end());
    const std::vector<bool> needed = needed_for(graph_, roots);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (needed[i] || node.input || graph_.output.node < 0) continue;
      problems_.add(node.mark, "layer '" + node.name +
                                   "' leads nowhere: neither the output nor a loss reads it");
    }
  }

  const RunConfig& config_;
  const DataInterface& data_;
  Problems& problems_;
  Graph graph_;
  std::string output_name_;
  std::vector<int> judged_;  // by losses that were refused
  std::map<std::string, int> names_;
  std::vector<std::vector<Shape>> shapes_;  // by node
};

}  // namespace

Graph build_graph(const RunConfig& config, const DataInterface& data, Problems& problems) {
  return Builder(config, data, problems).build();
}

}  // namespace dl
