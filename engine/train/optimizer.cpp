#include "engine/train/optimizer.h"

#include <algorithm>

#include "core/glob.h"

namespace dl {
namespace {

std::vector<std::string> names_of_weights(std::span<const TrainedWeight> weights) {
  std::vector<std::string> names;
  for (const TrainedWeight& weight : weights) names.push_back(weight.name);
  return names;
}

/// Globs name weights and, more often, the layers that have them.
std::vector<std::string> with_prefixes(std::span<const std::string> names) {
  std::vector<std::string> all(names.begin(), names.end());
  for (const std::string& name : names) {
    for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1))
      all.push_back(name.substr(0, dot));
  }
  return all;
}

/// Adds a problem when the glob at `mark` (perhaps behind a '!') matches no weight.
void check_glob(std::string glob, const Mark& mark, const std::string& key,
                std::span<const std::string> names, Problems& problems) {
  if (glob.starts_with('!')) glob.erase(0, 1);
  const bool found = std::any_of(names.begin(), names.end(),
                                 [&](const std::string& name) { return glob_matches(glob, name); });
  if (found) return;
  // A pattern stands for many, so that a layer of a like name says little.
  const bool plain = glob.find('*') == std::string::npos;
  const std::string meant = plain ? did_you_mean(glob, with_prefixes(names)) : "";
  problems.add(mark, key + ": '" + glob + "' matches no weight" + meant);
}

std::vector<std::string> read_no_decay(const ConfigNode& node, std::span<const std::string> names,
                                       Problems& problems) {
  std::vector<std::string> globs;
  if (node.is_null()) return globs;
  try {
    globs = ValueType<std::vector<std::string>>::read(node, any_value());
  } catch (const UserError& error) {
    problems.add(error, "no_decay: ");
    return {};
  }
  for (std::size_t i = 0; i < globs.size(); ++i)
    check_glob(globs[i], node.items()[i].mark(), "no_decay", names, problems);
  return globs;
}

struct Multiplier {
  std::string glob;
  float factor;
};

std::vector<Multiplier> read_multipliers(const ConfigNode& node, std::span<const std::string> names,
                                         Problems& problems) {
  std::vector<Multiplier> multipliers;
  if (!node.is_null() && !node.is_map())
    problems.add(node.mark(),
                 "lr_mult: expected a map from globs to factors, found " + node.describe());
  for (const ConfigNode::Entry& entry : node.entries()) {
    if (entry.key.starts_with('!')) {
      problems.add(entry.key_mark, "lr_mult: '" + entry.key + "' takes nothing back here",
                   "give what it matches a factor of 1, after the others");
      continue;
    }
    check_glob(entry.key, entry.key_mark, "lr_mult", names, problems);
    try {
      multipliers.push_back({entry.key, ValueType<float>::read(entry.value, at_least(0))});
    } catch (const UserError& error) {
      problems.add(error, "lr_mult '" + entry.key + "': ");
    }
  }
  return multipliers;
}

void multiply(const std::vector<Multiplier>& multipliers, std::vector<ParamSlice>& slices) {
  for (ParamSlice& slice : slices) {
    slice.lr_mult = 1;
    for (const Multiplier& multiplier : multipliers) {
      if (glob_matches(multiplier.glob, slice.name)) slice.lr_mult = multiplier.factor;
    }
  }
}

}  // namespace

const std::vector<Kind<OptimizerChoice>>& all_optimizers() {
  static const std::vector<Kind<OptimizerChoice>> kinds = {adam_kind(), adamw_kind(),
                                                           rmsprop_kind(), sgd_kind()};
  return kinds;
}

ParamTable<CommonOptimizerParams> common_optimizer_table(const CommonOptimizerParams& defaults,
                                                         std::string_view decay_doc) {
  using P = CommonOptimizerParams;
  ParamTable<P> table = {
      required("lr", &P::lr, at_least(0), "learning rate; the schedule changes it")
          .also({"learning_rate", "lr0", "base_lr"}),
      with_default("weight_decay", &P::weight_decay, at_least(0), decay_doc)
          .also({"wd", "decay", "l2"}),
      with_default("no_decay", &P::no_decay, "globs of the weights that have no weight decay"),
      with_default("lr_mult", &P::lr_mult,
                   "from globs to factors of the learning rate; the last that matches counts"),
  };
  for (Param<P>& row : table) {
    if (row.spec.name == "weight_decay")
      row.spec.default_text = ValueType<float>::text(defaults.weight_decay);
    // Read by make_slices, when the weights' names are known; the manual says what they are.
    if (row.spec.name == "no_decay") row.spec.type = "list of string";
    if (row.spec.name == "lr_mult") row.spec.type = "map";
  }
  return table;
}

std::vector<ParamSlice> make_slices(const OptimizerChoice& choice,
                                    std::span<const TrainedWeight> weights) {
  Problems problems;
  const std::vector<std::string> names = names_of_weights(weights);
  const std::vector<std::string> no_decay = read_no_decay(choice.no_decay, names, problems);
  const std::vector<Multiplier> multipliers = read_multipliers(choice.lr_mult, names, problems);
  problems.throw_if_any();
  std::vector<ParamSlice> slices;
  for (const TrainedWeight& weight : weights) {
    ParamSlice slice{weight.name, weight.offset, weight.size};
    slice.weight_decay = globs_match(no_decay, weight.name) ? 0.0F : choice.weight_decay;
    slices.push_back(std::move(slice));
  }
  multiply(multipliers, slices);
  return slices;
}

void set_multipliers(const ConfigNode& lr_mult, std::vector<ParamSlice>& slices) {
  Problems problems;
  std::vector<std::string> names;
  for (const ParamSlice& slice : slices) names.push_back(slice.name);
  const std::vector<Multiplier> multipliers = read_multipliers(lr_mult, names, problems);
  problems.throw_if_any();
  multiply(multipliers, slices);
}

}  // namespace dl
