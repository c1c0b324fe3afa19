#include "engine/train/known_networks.h"

#include <algorithm>
#include <filesystem>

#include "core/install_paths.h"
#include "engine/config/yaml_file.h"
#include "engine/config/yaml_text.h"
#include "engine/train/layer_roles.h"
#include "engine/train/run_identity.h"
#include "engine/train/transfer.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr const char* kImageNet =
    "normalize: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}";

PictureNetwork imagenet(const std::string& title, const std::string& file) {
  return {.title = title, .extends = "@configs/imagenet/" + file, .normalize = kImageNet};
}

PictureNetwork small(const std::string& title, const std::string& file, const std::string& vars) {
  return {.title = title,
          .extends = "@configs/cifar/" + file,
          .vars = vars,
          .size = 32,
          .any_size = false,
          .normalize = kImageNet};
}

/// Those whose weights people have, the usual ones first.
std::vector<PictureNetwork> known_networks() {
  return {imagenet("ResNet-18", "resnet18.yaml"),
          imagenet("ResNet-50", "resnet50.yaml"),
          imagenet("MobileNetV2", "mobilenet_v2.yaml"),
          imagenet("DenseNet-121", "densenet121.yaml"),
          imagenet("GoogLeNet", "googlenet_torchvision.yaml"),
          imagenet("ResNet-34", "resnet34.yaml"),
          imagenet("ResNet-101", "resnet101.yaml"),
          imagenet("ResNet-152", "resnet152.yaml"),
          small("ResNet-20", "resnet20.yaml", "{shortcuts: A, head: linear}"),
          small("ResNet-20", "resnet20.yaml", ""),
          small("ResNet-56", "resnet20.yaml", "{n: 9}")};
}

Setup setup_of(const PictureNetwork& network) {
  SetupOptions options{resource_folder() + "/configs" + network.extends.substr(8), {}, ""};
  if (!network.vars.empty()) options.sets.push_back("vars=" + network.vars);
  return load_setup(options);
}

/// How many weights have their tensor in the source; 0 where any but a head's has none.
std::size_t fitting(const Graph& graph, const std::vector<std::string>& heads,
                    const WeightSource& source) {
  std::size_t count = 0;
  for (const NodeWeight& weight : graph_weights(graph)) {
    const WeightSource::Tensor* tensor = source.find(weight.name);
    const bool fits = tensor && tensor->shape == weight.spec.shape;
    if (!fits && !std::ranges::count(heads, graph.nodes[weight.node].name)) return 0;
    count += fits;
  }
  return count;
}

/// The one that takes most of the tensors: some networks are parts of others.
PictureNetwork network_of_weights(const std::string& path) {
  PictureNetwork best;
  std::size_t most = 0;
  for (const std::string preset : {"", "torchvision", "timm"}) {
    const WeightSource source =
        WeightSource::open(path, rename_rules({.preset = preset, .rules = {}}));
    for (PictureNetwork& network : known_networks()) {
      const Setup setup = setup_of(network);
      network.heads = head_layers(setup.graph);
      const std::size_t count = fitting(setup.graph, network.heads, source);
      if (count <= most) continue;
      most = count;
      best = std::move(network);
      best.rename = preset;
    }
    if (most > 0) return best;
  }
  throw UserError(ExitCode::weights,
                  path + ": its tensors are those of no network in configs/, by names and shapes",
                  "write a config with the network, and rename tensors with finetune.rename");
}

ConfigNode* find_layer(ConfigNode& layers, const std::string& name) {
  for (ConfigNode& item : layers.items()) {
    for (ConfigNode::Entry& entry : item.entries()) {
      const ConfigNode* said = entry.value.is_map() ? entry.value.find("name") : nullptr;
      if (said && said->text() == name) return &entry.value;
    }
  }
  return nullptr;
}

/// Has a run's head tell that many classes apart.
void widen_head(ConfigNode& layers, const std::string& head, std::int64_t classes,
                const std::string& path) {
  ConfigNode* layer = find_layer(layers, head);
  for (const char* key : {"out_features", "out_channels"}) {
    ConfigNode* width = layer ? layer->find(key) : nullptr;
    if (!width) continue;
    *width = ConfigNode::scalar(std::to_string(classes), width->mark(), false);
    return;
  }
  throw UserError(ExitCode::weights,
                  path + ": its head '" + head + "' has no out_features that could be changed");
}

PictureNetwork network_of_run(const std::string& path, std::int64_t classes) {
  const std::string file = path + "/config.resolved.yaml";
  std::vector<std::string> notes;  // on what older versions did not write
  expect_unchanged_run(path, notes);
  const Setup setup = load_setup({file, {}, ""});
  const GraphInput& input = *setup.graph.nodes[0].input;
  if (input.integer || input.sample_shape.size() != 3)
    throw UserError(ExitCode::weights, path + ": is no run of a network for pictures");
  if (input.sample_shape[1] != input.sample_shape[2]) {
    throw UserError(ExitCode::weights,
                    path + ": is a run on pictures of " + std::to_string(input.sample_shape[1]) +
                        "x" + std::to_string(input.sample_shape[2]) +
                        ", and init writes configs for square ones",
                    "write the config by hand: dltool finetune CONFIG --from " + path);
  }
  PictureNetwork network{.title = setup.config.name,
                         .extends = {},
                         .heads = head_layers(setup.graph),
                         .channels = input.sample_shape[0],
                         .size = input.sample_shape[1],
                         .any_size = false};
  Problems problems;
  ConfigNode root = read_yaml_file(file, problems);
  for (const std::string& head : network.heads)
    widen_head(*root.find("model")->find("layers"), head, classes, path);
  std::vector<ConfigNode::Entry> kept;
  for (ConfigNode::Entry& entry : root.entries()) {
    if (entry.key == "model" || entry.key == "loss") kept.push_back(std::move(entry));
  }
  network.model = ConfigNode::map(std::move(kept), root.mark());
  for (const TypedNode& transform : setup.config.data.eval_transforms) {
    if (transform.type != "normalize") continue;
    std::vector<ConfigNode::Entry> entries = {
        {transform.type, transform.type_mark, transform.params}};
    network.normalize = yaml_text(ConfigNode::map(std::move(entries), transform.type_mark));
    while (network.normalize.ends_with('\n')) network.normalize.pop_back();
  }
  return network;
}

}  // namespace

PictureNetwork network_of_source(const std::string& path, std::int64_t classes) {
  std::error_code error;
  if (fs::exists(path + "/config.resolved.yaml", error)) return network_of_run(path, classes);
  return network_of_weights(path);
}

PictureNetwork network_for(std::int64_t shorter) {
  constexpr std::int64_t kSmall = 48;  // pixels
  PictureNetwork network = shorter <= kSmall ? small("ResNet-20", "resnet20.yaml", "")
                                             : imagenet("ResNet-18", "resnet18.yaml");
  return network;
}

}  // namespace dl
