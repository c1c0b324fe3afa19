#include "engine/config/resolved.h"

#include "core/text.h"

namespace dl {
namespace {

ConfigNode word(const std::string& text) { return ConfigNode::scalar(text, {}, true); }
ConfigNode literal(const std::string& text) { return ConfigNode::scalar(text, {}, false); }

void put(ConfigNode& map, const std::string& key, ConfigNode value) {
  map.entries().push_back({key, {}, std::move(value)});
}

ConfigNode typed(const std::string& type, ConfigNode params) {
  ConfigNode node = ConfigNode::map({}, {});
  put(node, type, std::move(params));
  return node;
}

void append(ConfigNode& map, const ConfigNode& params) {
  for (const ConfigNode::Entry& entry : params.entries()) map.entries().push_back(entry);
}

ConfigNode layer_node(const LayerDecl& layer) {
  ConfigNode params = ConfigNode::map({}, {});
  put(params, "name", word(layer.name));
  if (layer.from.size() == 1) {
    put(params, "from", word(layer.from[0].name));
  } else {
    ConfigNode from = ConfigNode::list({}, {});
    for (const LayerDecl::Source& source : layer.from) from.items().push_back(word(source.name));
    put(params, "from", std::move(from));
  }
  append(params, layer.params);
  return typed(layer.type, std::move(params));
}

ConfigNode loss_node(const LossDecl& loss) {
  ConfigNode params = ConfigNode::map({}, {});
  put(params, "name", word(loss.name));
  if (!loss.from.name.empty()) put(params, "from", word(loss.from.name));
  if (!loss.target.name.empty()) put(params, "target", word(loss.target.name));
  if (!loss.mask.name.empty()) put(params, "mask", word(loss.mask.name));
  put(params, "weight", literal(number_text(loss.weight)));
  put(params, "train_only", literal(loss.train_only ? "true" : "false"));
  append(params, loss.kind.params);
  return typed(loss.kind.type, std::move(params));
}

ConfigNode model_node(const ModelConfig& model) {
  ConfigNode node = ConfigNode::map({}, {});
  if (model.input) {
    ConfigNode input = ConfigNode::list({}, {});
    for (const std::int64_t size : *model.input)
      input.items().push_back(literal(std::to_string(size)));
    put(node, "input", std::move(input));
  }
  ConfigNode layers = ConfigNode::list({}, {});
  for (const LayerDecl& layer : model.layers) layers.items().push_back(layer_node(layer));
  put(node, "layers", std::move(layers));
  if (model.output) put(node, "output", word(model.output->name));
  return node;
}

}  // namespace

ConfigNode resolved_config(const RunConfig& config, const ResolvedSections& sections) {
  ConfigNode root = ConfigNode::map({}, {});
  put(root, "version", literal("1"));
  put(root, "name", word(config.name));
  put(root, "seed", literal(std::to_string(config.seed)));
  if (!sections.data.is_null()) put(root, "data", sections.data);
  put(root, "model", model_node(config.model));
  ConfigNode losses = ConfigNode::list({}, {});
  for (const LossDecl& loss : config.losses) losses.items().push_back(loss_node(loss));
  put(root, "loss", std::move(losses));
  put(root, "optimizer", sections.optimizer);
  if (!sections.schedule.is_null()) put(root, "schedule", sections.schedule);
  put(root, "train", sections.train);
  if (!sections.diagnostics.is_null()) put(root, "diagnostics", sections.diagnostics);
  if (!sections.finetune.is_null()) put(root, "finetune", sections.finetune);
  if (!sections.phases.is_null()) put(root, "phases", sections.phases);
  return root;
}

}  // namespace dl
