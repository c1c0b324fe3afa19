#include "engine/config/loss_config.h"

#include <algorithm>

#include "engine/config/config_tables.h"
#include "engine/config/layer_entry.h"

namespace dl {
namespace {

std::string loss_name(const std::string& written, const std::string& type, const ConfigNode& own,
                      const std::vector<LossDecl>& before,
                      const std::vector<std::string>& reserved) {
  const auto taken = [&](const std::string& name) {
    return std::ranges::any_of(before, [&](const LossDecl& loss) { return loss.name == name; });
  };
  if (const ConfigNode* node = own.find("name")) {
    check_name(written, node->mark());
    if (taken(written)) throw UserError(node->mark(), "the name '" + written + "' is used twice");
    if (std::ranges::find(reserved, written) != reserved.end()) {
      throw UserError(node->mark(),
                      "name: '" + written + "' is what the metrics call something else",
                      "a loss is a metric under its name, so that it needs one of its own");
    }
    return written;
  }
  check_name(type, own.mark());
  std::string name = type;
  for (int number = 2; taken(name); ++number) name = type + std::to_string(number);
  return name;
}

}  // namespace

LossDecl read_loss(const ConfigNode& node, const std::vector<LossDecl>& before,
                   const std::vector<std::string>& reserved, Expansion& expansion) {
  LossDecl loss;
  loss.kind = read_typed(node, "a loss");
  ConfigNode own = ConfigNode::map({}, loss.kind.type_mark);
  const std::vector<ParamSpec> known = specs_of(loss_table());
  std::erase_if(loss.kind.params.entries(), [&](ConfigNode::Entry& entry) {
    const bool ours = std::ranges::find(known, entry.key, &ParamSpec::name) != known.end();
    if (ours) own.entries().push_back(entry);
    return ours;
  });
  const LossKeys keys = read_params(own, loss_table());
  loss.weight = keys.weight;
  loss.train_only = keys.train_only;
  loss.name = loss_name(keys.name, loss.kind.type, own, before, reserved);
  const auto source = [&](const char* key, const std::string& name) {
    return own.find(key)
               ? expansion.resolve(name, own.find(key)->mark(), std::string("loss: ") + key + ": ")
               : LayerDecl::Source{"", loss.kind.type_mark};
  };
  loss.from = source("from", keys.from);
  loss.target = source("target", keys.target);
  loss.mask = source("mask", keys.mask);
  return loss;
}

}  // namespace dl
