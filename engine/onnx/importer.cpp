#include "engine/onnx/importer.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/text.h"
#include "engine/onnx/preprocessing.h"

namespace dl {
namespace {

constexpr std::size_t kMostNodes = 20'000;
constexpr double kMostElements = 0x1p40;

/// How often all tensors together may be copied, into weights or otherwise: a small file must not
/// fill the memory.
constexpr double kMostCopies = 8;

}  // namespace

Importer::Importer(const OnnxModel& model, const ImportOptions& options)
    : model_(model), options_(options) {
  for (const OnnxTensor& tensor : model.initializers)
    most_copied_ += kMostCopies * static_cast<double>(tensor.bytes.size());
  for (const OnnxNode& node : model.nodes) {
    for (const OnnxAttribute& attribute : node.attributes) {
      if (const auto* tensor = std::get_if<OnnxTensor>(&attribute.value))
        most_copied_ += kMostCopies * static_cast<double>(tensor->bytes.size());
    }
  }
}

ImportedNetwork Importer::run() {
  if (model_.outputs.empty())
    throw UserError(ExitCode::weights, options_.path + ": the graph has no output");
  if (model_.nodes.size() > kMostNodes)
    throw UserError(ExitCode::weights, options_.path + ": over 20,000 operators");
  take_initializers();
  index_nodes();
  take_input();
  for (std::size_t i = 0; i < model_.nodes.size(); ++i) take(i);
  check_outputs();
  throw_refused();
  if (model_.outputs.size() > 1) {
    note(std::to_string(model_.outputs.size() - 1) +
         " further outputs, and what only they need, are left out");
  }
  ConfigSketch sketch{.name = options_.name,
                      .origin = options_.path,
                      .input = sample_,
                      .tokens = tokens_,
                      .layers = {},
                      .notes = {},
                      .loss = loss_};
  const std::vector<std::size_t> live = live_layers();
  std::map<int, int> moved;
  for (const std::size_t i : live) {
    ImportedLayer& layer = sketch.layers.emplace_back(std::move(layers_[i]));
    if (!layer.note.empty()) note(layer.note);
    for (LayerPort& port : layer.from)
      if (port.layer >= 0) port.layer = moved.at(port.layer);
    moved.emplace(static_cast<int>(i), static_cast<int>(sketch.layers.size()) - 1);
  }
  const Shape& output = sketch.layers.back().shapes[0];
  if (loss_ == ImportedLoss::cross_entropy && output.elements() == 1) {
    sketch.loss = ImportedLoss::mse;
    note("the network gives one number, so that its loss is mse, that of a regression");
  }
  if (sketch.loss == ImportedLoss::cross_entropy) sketch.class_names = class_names(output.back());
  const std::vector<std::string> names = name_layers(sketch.layers);
  note_shared(sketch.layers, names);
  sketch.notes = notes_;
  ImportedNetwork network{.config = config_text(sketch, names),
                          .weights = {},
                          .notes = std::move(notes_),
                          .layers = sketch.layers.size()};
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (ImportedWeight& weight : sketch.layers[i].weights) {
      network.weights.push_back(
          {names[i] + "." + weight.name, std::move(weight.dims), std::move(weight.values)});
    }
  }
  return network;
}

void Importer::take_initializers() {
  for (const OnnxTensor& tensor : model_.initializers)
    values_[tensor.name] = {.kind = ImportedValue::Kind::constant, .tensor = &tensor};
}

void Importer::take_input() {
  const auto refuse = [&](const std::string& what, const std::string& hint = {}) {
    throw UserError(ExitCode::weights, options_.path + ": " + what, hint);
  };
  std::vector<const OnnxPort*> inputs;  // older models list their initialisers too
  for (const OnnxPort& port : model_.inputs)
    if (!values_.contains(port.name)) inputs.push_back(&port);
  if (inputs.size() != 1) {
    refuse("the network has " + std::to_string(inputs.size()) +
           " inputs; those with one are imported");
  }
  const OnnxPort& input = *inputs[0];
  if (producers_.contains(input.name)) refuse("two operators or tensors make '" + input.name + "'");
  tokens_ = input.type == OnnxType::i64 || input.type == OnnxType::i32;
  // Recurrent operators read three axes: other inputs have their batch first.
  const bool steps_first = input.dims.size() <= 3 && reads_steps_first(input.name);
  const auto batch_axis = static_cast<std::ptrdiff_t>(steps_first ? 1 : 0);
  if (std::ssize(input.dims) > batch_axis) {
    sample_ = input.dims;
    batch_ = input.dims[batch_axis];
    sample_.erase(sample_.begin() + batch_axis);
  }
  if (!options_.input_shape.empty()) sample_ = options_.input_shape;
  const auto open = [](std::int64_t size) { return size < 1; };
  if (sample_.empty() || std::ranges::any_of(sample_, open)) {
    refuse("the model leaves the shape of its input '" + input.name + "' open",
           "say that of one sample, without the batch: --input-shape 3,224,224");
  }
  double elements = 1;
  for (const std::int64_t size : sample_) elements *= static_cast<double>(size);
  if (elements > kMostElements || sample_.size() > 8) refuse("its input is beyond all memory");
  orient_input(input.name, steps_first);
}

void Importer::index_nodes() {
  for (std::size_t i = 0; i < model_.nodes.size(); ++i) {
    for (const std::string& output : model_.nodes[i].outputs) {
      if (output.empty()) continue;
      if (values_.contains(output) || !producers_.emplace(output, i).second)
        throw UserError(ExitCode::weights,
                        options_.path + ": two operators or tensors make '" + output + "'");
    }
    for (const std::string& input : model_.nodes[i].inputs)
      if (!input.empty()) readers_[input].push_back(i);
  }
}

/// What an operator comes to, or why it comes to nothing: that counts only if its result does.
void Importer::take(std::size_t i) {
  const OnnxNode& node = model_.nodes[i];
  const ImportOperator import = find_operator(node);
  if (!import) {
    refused_[i] = "";
    return;
  }
  taken_ = &node;
  try {
    import(*this, node);
  } catch (const ReadsUnknown&) {
  } catch (const NotCovered& error) {
    refused_[i] = error.what();
  }
}

void Importer::check_outputs() {
  const std::string& name = model_.outputs[0].name;
  const auto at = values_.find(name);
  if (at == values_.end()) {
    if (producers_.contains(name)) return;  // throw_refused() says why
    throw UserError(ExitCode::weights, options_.path + ": nothing makes its output '" + name + "'");
  }
  try {
    if (finish_output(at->second)) return;
  } catch (const NotCovered&) {
  }
  const auto made = producers_.find(name);
  if (made == producers_.end() || !refused_.empty())
    throw UserError(ExitCode::weights, options_.path + ": its output '" + name + "' is no layer's");
  refused_[made->second] = "what it makes at the output is no layer's, or without the batch first";
}

/// Why the output is not known though no operator was refused. `needed`: what it depends on.
std::string Importer::why_unknown(const std::set<std::string>& needed) const {
  for (const std::string& name : needed) {
    if (name.empty() || values_.contains(name)) continue;
    const auto made = producers_.find(name);
    if (made == producers_.end()) return "nothing makes '" + name + "', which an operator reads";
    const OnnxNode& node = model_.nodes[made->second];
    if (node.outputs[0] != name && values_.contains(node.outputs[0])) {
      return "'" + name + "' is a further result of operator " + node.op + " '" + node.name +
             "', which dltool's layer does not have";
    }
  }
  return "operators stand before those whose results they read";
}

/// Those on which the output depends, all of them at once.
void Importer::throw_refused() const {
  std::vector<std::string> left = {model_.outputs[0].name};
  std::set<std::string> seen;
  std::set<std::size_t> nodes;
  while (!left.empty()) {
    const std::string name = left.back();
    left.pop_back();
    const auto made = producers_.find(name);
    if (!seen.insert(name).second || made == producers_.end()) continue;
    if (refused_.contains(made->second)) nodes.insert(made->second);
    const auto reads = reads_.find(made->second);
    const auto& names = reads == reads_.end() ? model_.nodes[made->second].inputs : reads->second;
    left.insert(left.end(), names.begin(), names.end());
  }
  if (nodes.empty()) {
    if (values_.contains(model_.outputs[0].name)) return;
    throw UserError(ExitCode::weights, options_.path + ": " + why_unknown(seen));
  }
  std::vector<Diagnostic> diagnostics;
  for (const std::size_t i : nodes) {
    const OnnxNode& node = model_.nodes[i];
    const std::string& why = refused_.at(i);
    diagnostics.push_back({{},
                           options_.path + ": operator " +
                               (node.domain.empty() ? "" : node.domain + ".") + node.op + " '" +
                               node.name + "' is not covered" +
                               (why.empty() ? ": dltool has no layer for it" : ": " + why)});
  }
  throw UserError(ExitCode::weights, std::move(diagnostics));
}

std::vector<std::size_t> Importer::live_layers() const {
  std::vector<bool> live(layers_.size(), false);
  std::vector<int> left = {values_.at(model_.outputs[0].name).port.layer};
  while (!left.empty()) {
    const int at = left.back();
    left.pop_back();
    if (at < 0 || live[at]) continue;
    live[at] = true;
    for (const LayerPort& port : layers_[at].from) left.push_back(port.layer);
  }
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < live.size(); ++i)
    if (live[i]) indices.push_back(i);
  return indices;
}

/// Layers share no weights, so that what a model shares becomes copies, which training tells apart.
void Importer::note_shared(const std::vector<ImportedLayer>& layers,
                           const std::vector<std::string>& names) {
  std::map<std::vector<std::string>, std::vector<std::string>> shared;  // by layers: tensors
  for (const OnnxTensor& tensor : model_.initializers) {
    if (!tensor.is_real() || tensor.elements() < 2) continue;
    std::vector<std::string> readers;
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (layers[i].tensors.contains(tensor.name)) readers.push_back("'" + names[i] + "'");
    if (readers.size() > 1) shared[std::move(readers)].push_back("'" + tensor.name + "'");
  }
  for (const auto& [readers, tensors] : shared) {
    note("the layers " + join(readers, ", ") + " share " + join(tensors, ", ") +
         " in the model; here each has copies of its own, and training lets them differ");
  }
}

LayerPort Importer::add(ImportedLayer layer) {
  for (const ImportedWeight& weight : layer.weights)
    count_copy(weight.values.size() * sizeof(float));
  for (const std::string& input : taken_->inputs) {
    const ImportedValue* value = known(input);
    if (!layer.weights.empty() && value && value->kind == ImportedValue::Kind::constant)
      layer.tensors.insert(origin(*value->tensor));
  }
  std::vector<Shape> src;
  for (const LayerPort& port : layer.from) src.push_back(shape(port));
  const Mark nowhere;
  try {
    const LayerKind& kind = find_kind<LayerKind>(all_layers(), layer.type, nowhere, "layer");
    const auto made = kind.make(ConfigNode::map(layer.params, {}));
    layer.shapes = made->infer(src);
    const std::vector<WeightSpec> specs = made->weights(src);
    if (specs.size() != layer.weights.size()) throw NotCovered("it lacks tensors that are known");
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const ImportedWeight& weight = layer.weights[i];
      if (specs[i].name != weight.name || specs[i].shape.dims() != weight.dims ||
          static_cast<std::size_t>(specs[i].shape.elements()) != weight.values.size())
        throw NotCovered("its tensors do not fit its attributes and its input");
    }
  } catch (const ShapeError& error) {
    throw NotCovered(layer.type + ": " + error.what());
  } catch (const UserError& error) {
    throw NotCovered(layer.type + ": " + error.diagnostics()[0].message);
  }
  layers_.push_back(std::move(layer));
  return {static_cast<int>(layers_.size()) - 1, 0};
}

void Importer::count_copy(std::size_t bytes) {
  constexpr double kFree = 1 << 22;  // whatever the model is like
  copied_ += static_cast<double>(bytes);
  if (copied_ <= most_copied_ + kFree) return;
  throw UserError(ExitCode::weights,
                  options_.path + ": its tensors are used as weights again and again");
}

/// As many as the network has outputs, or none.
std::vector<std::string> Importer::class_names(std::int64_t count) const {
  for (const auto& [key, value] : model_.metadata) {
    if (key != "names") continue;
    std::vector<std::string> names = read_class_names(value);
    if (std::ssize(names) == count) return names;
  }
  return {};
}

void Importer::grant_filled(std::size_t bytes) {
  constexpr double kMostFilled = 600.0 * (1 << 20);
  constexpr double kCopies = 3;  // as a tensor, as a weight, and with a bias
  filled_ += static_cast<double>(bytes);
  if (filled_ > kMostFilled) throw NotCovered("it makes over 600 MiB of numbers");
  most_copied_ += kCopies * static_cast<double>(bytes);
}

}  // namespace dl
