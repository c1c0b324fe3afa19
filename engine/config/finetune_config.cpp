#include "engine/config/finetune_config.h"

namespace dl {
namespace {

struct Preset {
  std::string_view name;
  std::vector<RenameRule> rules;
};

RenameRule rule(std::string pattern, std::string replacement) {
  return {{std::move(pattern), {}}, std::move(replacement)};
}

/// DenseNets saved before 2018 say norm.1, and so do torchvision's published files.
RenameRule old_densenet() {
  return rule(R"((denselayer\d+\.(?:norm|conv))\.([12])\.)", R"(\1\2.)");
}

/// timm counts a MobileNetV2's blocks stage by stage and names the parts of each.
std::vector<RenameRule> timm_mobilenet_v2() {
  std::vector<RenameRule> rules = {rule(R"(^conv_stem\.)", "features.0.0."),
                                   rule(R"(^bn1\.)", "features.0.1."),
                                   rule(R"(^conv_head\.)", "features.18.0."),
                                   rule(R"(^bn2\.)", "features.18.1."),
                                   rule(R"(^classifier\.)", "classifier.1."),
                                   rule(R"(^blocks\.0\.0\.conv_dw\.)", "features.1.conv.0.0."),
                                   rule(R"(^blocks\.0\.0\.bn1\.)", "features.1.conv.0.1."),
                                   rule(R"(^blocks\.0\.0\.conv_pw\.)", "features.1.conv.1."),
                                   rule(R"(^blocks\.0\.0\.bn2\.)", "features.1.conv.2.")};
  const std::pair<const char*, const char*> parts[] = {{"conv_pw", "0.0"}, {"bn1", "0.1"},
                                                       {"conv_dw", "1.0"}, {"bn2", "1.1"},
                                                       {"conv_pwl", "2"},  {"bn3", "3"}};
  for (const auto& [part, place] : parts)
    rules.push_back(rule("^(blocks\\.\\d+\\.\\d+)\\." + std::string(part) + "\\.",
                         R"(\1.conv.)" + std::string(place) + "."));
  int number = 2;
  for (const auto& [stage, blocks] : {std::pair(1, 2), std::pair(2, 3), std::pair(3, 4),
                                      std::pair(4, 3), std::pair(5, 3), std::pair(6, 1)}) {
    for (int block = 0; block < blocks; ++block)
      rules.push_back(
          rule("^blocks\\." + std::to_string(stage) + "\\." + std::to_string(block) + "\\.",
               "features." + std::to_string(number++) + "."));
  }
  for (RenameRule& made : rules) made.only_with = "conv_stem.weight";
  return rules;
}

/// Names of layers that our configs share with torchvision need no rule.
const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = [] {
    std::vector<RenameRule> timm = {rule(R"(^head\.fc\.)", "fc."), old_densenet()};
    for (const RenameRule& made : timm_mobilenet_v2()) timm.push_back(made);
    return std::vector<Preset>{{"torchvision", {old_densenet()}}, {"timm", std::move(timm)}};
  }();
  return all;
}

void check_rule(const RenameRule& rule) {
  std::size_t groups = 0;
  try {
    groups = rename_pattern(rule.pattern.text).mark_count();
  } catch (const std::regex_error&) {
    throw UserError(rule.pattern.mark, "'" + rule.pattern.text + "' is no regular expression",
                    "write \\. for a dot");
  }
  for (std::size_t i = 0; i + 1 < rule.replacement.size(); ++i) {
    if (rule.replacement[i] != '\\') continue;
    const char next = rule.replacement[++i];
    if (next >= '1' && next <= '9' && static_cast<std::size_t>(next - '0') > groups) {
      throw UserError(rule.pattern.mark, "'" + rule.pattern.text + "' has " +
                                             std::to_string(groups) + " parentheses, but \\" +
                                             next + " stands in its replacement");
    }
  }
}

}  // namespace

std::regex rename_pattern(const std::string& text) {
  // libstdc++'s other matcher can take exponential time, and a stack as deep as the name is long.
  return std::regex(text, std::regex::ECMAScript | std::regex_constants::__polynomial);
}

std::vector<MarkedText> ValueType<std::vector<MarkedText>>::read(const ConfigNode& node,
                                                                 const Limits& limits) {
  std::vector<MarkedText> texts;
  for (const ConfigNode& item : node.is_list() ? node.items() : std::vector<ConfigNode>{node})
    texts.push_back(ValueType<MarkedText>::read(item, limits));
  return texts;
}

FreezeChoice ValueType<FreezeChoice>::read(const ConfigNode& node, const Limits& limits) {
  FreezeChoice choice;
  choice.mark = node.mark();
  if (node.is_scalar() && !node.quoted() && (node.text() == "true" || node.text() == "false"))
    choice.received = node.text() == "true";
  else if (node.is_list() || node.is_scalar())
    choice.globs = ValueType<std::vector<MarkedText>>::read(node, limits);
  else
    throw UserError(node.mark(),
                    "expected true, a glob or a list of globs, found " + node.describe());
  return choice;
}

RenameChoice ValueType<RenameChoice>::read(const ConfigNode& node, const Limits&) {
  RenameChoice choice;
  if (node.is_scalar()) {
    std::vector<std::string> names;
    for (const Preset& preset : presets()) names.emplace_back(preset.name);
    choice.preset = names[read_word(node, names)];
    return choice;
  }
  if (!node.is_map())
    throw UserError(node.mark(),
                    "expected torchvision, timm or {'a regular expression': 'what "
                    "stands for it'}, found " +
                        node.describe());
  for (const ConfigNode::Entry& entry : node.entries()) {
    RenameRule rule{{entry.key, entry.key_mark}, {}};
    if (!entry.value.is_null()) rule.replacement = ValueType<std::string>::read(entry.value, {});
    check_rule(rule);
    choice.rules.push_back(std::move(rule));
  }
  return choice;
}

ParamTable<FinetuneConfig> finetune_table() {
  using F = FinetuneConfig;
  return {
      required("from", &F::from,
               "where the weights come from: a run's folder, a .safetensors file or an .onnx "
               "model"),
      with_default("checkpoint", &F::checkpoint, "of a run: best, last, or a checkpoint's folder"),
      with_default("weights", &F::weights,
                   "of a run: ema, its averaged weights, or raw; auto: ema where there are"),
      with_default("freeze", &F::freeze,
                   "weights that are not trained: true for all layers that got theirs from the "
                   "source, or globs on their names"),
      with_default("head", &F::heads,
                   "a layer that is started anew whatever the source has, or a list of them; "
                   "unless said, an output layer is where its shape differs"),
      with_default("rename", &F::rename,
                   "other names for the source's tensors: torchvision, timm, or regular "
                   "expressions and what stands for them, \\1 for the first parenthesis"),
      with_default("strict", &F::strict,
                   "all but the head must be in the source, and all that is in it must be used"),
      with_default("batch_norm", &F::batch_norm,
                   "in a frozen part: frozen, or statistics (normalises by the batch and goes on "
                   "averaging), or affine (learns scale and offset)"),
  };
}

ParamTable<PhaseConfig> phase_table() {
  using P = PhaseConfig;
  ParamTable<P> table = {
      required("epochs", &P::epochs, between(1, 1e9), "how long it lasts"),
      with_default("freeze", &P::freeze,
                   "globs of the weights that are not trained in it; finetune.freeze unless said"),
      with_default("lr_mult", &P::lr_mult,
                   "from globs to factors of the learning rate; the optimiser's unless said"),
      with_default("schedule", &P::schedule,
                   "whether the schedule starts again with it, warm-up and all, or goes on"),
  };
  for (Param<P>& row : table) {
    if (row.spec.name == "lr_mult") row.spec.type = "map";
  }
  return table;
}

std::vector<RenameRule> rename_rules(const RenameChoice& choice) {
  for (const Preset& preset : presets()) {
    if (preset.name != choice.preset) continue;
    return preset.rules;
  }
  return choice.rules;
}

}  // namespace dl
