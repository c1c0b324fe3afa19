#include <algorithm>
#include <cctype>
#include <set>

#include "core/text.h"
#include "engine/config/yaml_text.h"
#include "engine/onnx/importer.h"

namespace dl {
namespace {

constexpr std::size_t kMostLetters = 200;

bool is_letter(char c) {
  const auto u = static_cast<unsigned char>(c);
  return (u < 0x80 && std::isalnum(u)) || c == '_' || c == '-';
}

/// What the config's grammar allows of a name from a file: letters, digits, _ and - in parts joined
/// by dots. "" where nothing is left, or the name would mean something else.
std::string sanitised(const std::string& name) {
  std::string out;
  for (const char c : name.substr(0, kMostLetters)) {
    if (c == '.') {
      if (!out.empty() && out.back() != '.') out += c;
    } else {
      out += is_letter(c) ? c : '_';
    }
  }
  while (!out.empty() && out.back() == '.') out.pop_back();
  if (out == "input" || out == "data" || out.starts_with("data.")) out = "layer_" + out;
  return out;
}

/// "/layer1/layer1.0/conv1/Conv": a module's name is repeated in those of the parts of a sequence.
std::string path_name(const std::string& node) {
  if (node.find('/') == std::string::npos) return "";
  std::vector<std::string> parts;
  std::string out, before;
  for (const std::string& part : split(node, '/')) {
    if (!part.empty()) parts.push_back(part);
  }
  if (parts.empty()) return "";
  parts.pop_back();  // the operator's own
  for (const std::string& part : parts) {
    if (!before.empty() && part.starts_with(before + ".")) {
      out += part.substr(before.size());
    } else {
      out += (out.empty() ? "" : ".") + part;
    }
    before = part;
  }
  return out;
}

/// A layer's entry in the list, `- conv: {name: ..., from: ..., ...}`.
ConfigNode entry_of(const ImportedLayer& layer, const std::string& name,
                    const std::vector<std::string>& from) {
  std::vector<ConfigNode::Entry> params;
  if (!name.empty()) params.push_back(word("name", name));
  if (from.size() == 1) params.push_back(word("from", from[0]));
  if (from.size() > 1) {
    std::vector<ConfigNode> names;
    for (const std::string& source : from) names.push_back(ConfigNode::scalar(source, {}));
    params.push_back(parameter("from", ConfigNode::list(std::move(names), {})));
  }
  params.insert(params.end(), layer.params.begin(), layer.params.end());
  if (params.empty()) return ConfigNode::scalar(layer.type, {});
  return ConfigNode::map({parameter(layer.type, ConfigNode::map(std::move(params), {}))}, {});
}

std::string source_name(const ImportedLayer& layer, const std::string& name, int output) {
  if (output == 0) return name;
  if (layer.type == "lstm" && output == 2) return name + ".c";
  return name + ".h";
}

ConfigNode layer_list(const std::vector<ImportedLayer>& layers,
                      const std::vector<std::string>& names) {
  // A layer needs its name where it has weights or where another one than the next reads it.
  std::vector<bool> named(layers.size(), false);
  const auto follows = [&](std::size_t i) {
    const std::vector<LayerPort>& from = layers[i].from;
    return from.size() == 1 && from[0].output == 0 && from[0].layer == static_cast<int>(i) - 1;
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!layers[i].weights.empty()) named[i] = true;
    if (follows(i)) continue;
    for (const LayerPort& port : layers[i].from)
      if (port.layer >= 0) named[port.layer] = true;
  }
  std::vector<ConfigNode> entries;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::vector<std::string> from;
    if (!follows(i)) {
      for (const LayerPort& port : layers[i].from) {
        from.push_back(port.layer < 0
                           ? "input"
                           : source_name(layers[port.layer], names[port.layer], port.output));
      }
    }
    entries.push_back(entry_of(layers[i], named[i] ? names[i] : "", from));
  }
  return ConfigNode::list(std::move(entries), {});
}

std::string head_of(const ConfigSketch& sketch) {
  std::string text =
      "# Imported from " + escaped(sketch.origin) +
      " by `dltool import`; its weights are in model.safetensors beside this file.\n";
  for (const std::string& note : sketch.notes) text += "# Note: " + escaped(note) + ".\n";
  return text;
}

std::string section(const std::string& key, ConfigNode value) {
  return yaml_text(ConfigNode::map({parameter(key, std::move(value))}, {}));
}

/// `, classes: [cat, dog]`: what the model says of them, for the source that is to be filled in.
std::string classes_text(const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(yaml_string(escaped(name)));
  return ", classes: [" + join(quoted, ", ") + "]";
}

std::string data_section(const ConfigSketch& sketch) {
  const Shape& output = sketch.layers.back().shapes[0];
  std::string text =
      "# To fill in: where the data comes from, and the transforms with which the network was "
      "trained, as\n"
      "#   source: {image_folder: {path: '@data/pictures'" +
      classes_text(sketch.class_names) +
      "}}\n"
      "#   transforms: {train: [...], eval: [normalize: {mean: [...], std: [...]}]}\n";
  if (sketch.tokens)
    text +=
        "# The network reads tokens: a source such as text or labelled_text says what they are.\n";
  std::vector<ConfigNode::Entry> data = {parameter("batch", std::int64_t{32})};
  if (sketch.loss == ImportedLoss::cross_entropy)
    data.push_back(parameter("classes", output.back()));
  else
    text +=
        "# The target is " +
        (output.back() == 1 ? std::string("a number") : "numbers, as many as the network gives") +
        (sketch.loss == ImportedLoss::mse ? ".\n" : ", 0 or 1: see the loss.\n");
  return text + section("data", ConfigNode::map(std::move(data), {}));
}

/// Where the output is a linear layer's, data.classes says its size: another number of classes is
/// then a change of one key. (A ConfigNode holds no expressions.)
std::string model_section(const ConfigSketch& sketch, ConfigNode model) {
  std::string text = section("model", std::move(model));
  const ImportedLayer& output = sketch.layers.back();
  if (output.type != "linear" || output.shapes[0].rank() != 2 ||
      sketch.loss != ImportedLoss::cross_entropy)
    return text;
  constexpr std::string_view kKey = "out_features: ";
  const std::size_t at = text.rfind(kKey) + kKey.size();  // of the last layer in the list
  return text.replace(at, text.find_first_not_of("0123456789", at) - at, "$data.classes");
}

const char* loss_text(ImportedLoss loss) {
  switch (loss) {
    case ImportedLoss::bce_with_logits:
      return "bce_with_logits";
    case ImportedLoss::mse:
      return "mse";
    case ImportedLoss::cross_entropy:
      break;
  }
  return "cross_entropy";
}

}  // namespace

std::string wished_name(const OnnxNode& node, const std::vector<std::string>& tensors) {
  for (const std::string& tensor : tensors) {
    for (const std::string_view end : {".weight", ".bias"}) {
      if (tensor.size() > end.size() && tensor.ends_with(end))
        return tensor.substr(0, tensor.size() - end.size());
    }
  }
  return path_name(node.name);
}

std::vector<std::string> name_layers(const std::vector<ImportedLayer>& layers) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  std::map<std::string, int> counts;
  const auto is_free = [&](const std::string& name) {
    // "encoder.h" must stay the result of the layer "encoder".
    return !taken.contains(name) && !name.ends_with(".h") && !name.ends_with(".c");
  };
  const auto claim = [&](const std::string& wish, const std::string& stem) {
    std::string name = wish;
    for (int i = wish.empty() ? 1 : 2; name.empty() || !is_free(name); ++i)
      name = (wish.empty() ? stem : wish + "_") + std::to_string(i);
    taken.insert(name);
    return name;
  };
  names.resize(layers.size());
  // Those with weights choose first: their names are the weights'.
  for (const bool weighted : {true, false}) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (layers[i].weights.empty() == weighted) continue;
      // Without dots: what stands without its name in the config is numbered there.
      names[i] = claim(sanitised(layers[i].wish), layers[i].type + "_");
    }
  }
  return names;
}

std::string config_text(const ConfigSketch& sketch, const std::vector<std::string>& names) {
  std::vector<ConfigNode::Entry> model;
  if (!sketch.tokens) model.push_back(parameter("input", list_node(sketch.input)));
  model.push_back(parameter("layers", layer_list(sketch.layers, names)));
  const std::string name = sanitised(sketch.name);
  return head_of(sketch) + "version: 1\n" +
         section("name", ConfigNode::scalar(name.empty() ? "imported" : name, {})) +
         data_section(sketch) + model_section(sketch, ConfigNode::map(std::move(model), {})) +
         "# To be chosen: loss, optimizer and epochs.\n"
         "loss: " +
         loss_text(sketch.loss) +
         "\n"
         "optimizer: {sgd: {lr: 0.01, momentum: 0.9}}\n"
         "train: {epochs: 10}\n";
}

}  // namespace dl
