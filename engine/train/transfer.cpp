#include "engine/train/transfer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/core/text.h"
#include "engine/train/frozen_weights.h"

namespace dl {
namespace {

/// A layer's weights: places in Transfer::weights.
struct LayerWeights {
  int node;
  std::vector<std::size_t> weights;
};

std::vector<LayerWeights> layers_with_weights(const std::vector<NodeWeight>& weights) {
  std::vector<LayerWeights> layers;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (layers.empty() || layers.back().node != weights[i].node)
      layers.push_back({weights[i].node, {}});
    layers.back().weights.push_back(i);
  }
  return layers;
}

/// The layers with weights from which the output and the losses come, at once or through others
/// without.
std::set<int> output_layers(const Graph& graph, const std::vector<bool>& has_weights) {
  std::vector<int> left = {graph.output.node};
  for (const int loss : graph.losses) left.push_back(graph.nodes[loss].src[0].node);
  std::set<int> seen, heads;
  while (!left.empty()) {
    const int node = left.back();
    left.pop_back();
    if (node < 0 || !seen.insert(node).second) continue;
    if (has_weights[node]) {
      heads.insert(node);
      continue;
    }
    for (const Port& src : graph.nodes[node].src) left.push_back(src.node);
  }
  return heads;
}

/// The nodes of finetune.head.
std::set<int> named_heads(const Graph& graph, const std::vector<LayerWeights>& layers,
                          const std::vector<MarkedText>& heads) {
  std::set<int> nodes;
  std::vector<std::string> names;
  for (const LayerWeights& layer : layers) names.push_back(graph.nodes[layer.node].name);
  for (const MarkedText& head : heads) {
    const auto at = std::ranges::find(names, head.text);
    if (at == names.end()) {
      throw UserError(head.mark, "finetune: head: no layer with weights is called '" + head.text +
                                     "'" + did_you_mean(head.text, names));
    }
    nodes.insert(layers[static_cast<std::size_t>(at - names.begin())].node);
  }
  return nodes;
}

class Planner {
 public:
  Planner(const Setup& setup, const WeightSource& source)
      : setup_(setup),
        config_(*setup.config.finetune),
        source_(source),
        weights_(graph_weights(setup.graph)),
        layers_(layers_with_weights(weights_)),
        new_heads_(named_heads(setup.graph, layers_, config_.heads)) {
    std::vector<bool> has_weights(setup.graph.nodes.size());
    for (const LayerWeights& layer : layers_) has_weights[layer.node] = true;
    heads_ = output_layers(setup.graph, has_weights);
  }

  Transfer plan() {
    transfer_.from = source_.label();
    for (const NodeWeight& weight : weights_)
      transfer_.weights.push_back({.name = weight.name, .source = {}, .why = {}});
    for (const LayerWeights& layer : layers_) match(layer);
    note_unused();
    check_match();
    freeze();
    return std::move(transfer_);
  }

 private:
  const Node& node(const LayerWeights& layer) const { return setup_.graph.nodes[layer.node]; }

  void match(const LayerWeights& layer) {
    if (new_heads_.contains(layer.node)) return start_anew(layer, "it is the new head");
    std::string differs;
    for (const std::size_t i : layer.weights) {
      const WeightSource::Tensor* tensor = source_.find(weights_[i].name);
      TransferredWeight& weight = transfer_.weights[i];
      if (!tensor) {
        weight.why = "not in the source";
      } else if (tensor->shape == weights_[i].spec.shape) {
        weight.source = tensor->original;
        used_.insert(tensor->original);
      } else {
        weight.why = shape_text(weights_[i].spec.shape.dims()) + " here, " +
                     shape_text(tensor->shape.dims()) + " in the source";
        if (differs.empty()) differs = weight.why;
        if (!heads_.contains(layer.node)) misfits_.push_back(weight.name + " is " + weight.why);
      }
    }
    if (!differs.empty() && heads_.contains(layer.node)) start_anew(layer, differs);
  }

  /// A head is of one piece.
  void start_anew(const LayerWeights& layer, const std::string& why) {
    for (const std::size_t i : layer.weights) {
      used_.insert(transfer_.weights[i].source);
      if (const WeightSource::Tensor* tensor = source_.find(weights_[i].name))
        used_.insert(tensor->original);
      transfer_.weights[i].source.clear();
      transfer_.weights[i].why = why;
    }
  }

  void note_unused() {
    for (const WeightSource::Tensor& tensor : source_.tensors()) {
      // PyTorch counts batches there; nothing here needs it.
      if (!used_.contains(tensor.original) && !tensor.original.ends_with("num_batches_tracked"))
        transfer_.unused.push_back(tensor.original);
    }
  }

  void check_match() {
    constexpr std::size_t kShown = 20;
    if (!misfits_.empty()) {
      if (misfits_.size() > kShown) {
        misfits_[kShown] = std::to_string(misfits_.size() - kShown) + " more";
        misfits_.resize(kShown + 1);
      }
      throw UserError(ExitCode::weights,
                      source_.label() + ": does not fit the network: " + join(misfits_, "; "),
                      "only a head may differ: name it with --head LAYER, or give the network the "
                      "source's sizes");
    }
    const auto missing = [&](const TransferredWeight& w) { return w.source.empty(); };
    if (std::ranges::all_of(transfer_.weights, missing)) {
      const auto first = [](const auto& all) { return all.empty() ? "nothing" : all.front(); };
      throw UserError(ExitCode::weights,
                      source_.label() + ": no tensor has the name of a weight: it has '" +
                          first(transfer_.unused) + "', the network '" +
                          transfer_.weights.front().name + "'",
                      "finetune.rename gives tensors other names: rename: {'^model\\.': ''}");
    }
    if (config_.strict) check_strict();
  }

  void check_strict() const {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const TransferredWeight& weight = transfer_.weights[i];
      if (weight.source.empty() && !heads_.contains(weights_[i].node) &&
          !new_heads_.contains(weights_[i].node))
        throw UserError(ExitCode::weights,
                        source_.label() + ": '" + weight.name + "' is not in the source (strict)");
    }
    if (!transfer_.unused.empty())
      throw UserError(ExitCode::weights, source_.label() + ": nothing has a place for " +
                                             join(transfer_.unused, ", ") + " (strict)");
  }

  void freeze() {
    const Graph& graph = setup_.graph;
    std::vector<std::string> frozen;
    if (config_.freeze.received) {
      for (const LayerWeights& layer : layers_) {
        const auto received = [&](std::size_t i) { return !transfer_.weights[i].source.empty(); };
        if (!std::ranges::all_of(layer.weights, received)) continue;
        for (const std::size_t i : layer.weights) frozen.push_back(weights_[i].name);
      }
      frozen = without_norms(graph, std::move(frozen), config_.batch_norm);
    } else {
      frozen =
          frozen_weights(graph, config_.freeze.globs, config_.batch_norm, "finetune: freeze: ");
    }
    bool trains = !setup_.config.phases.empty();  // each of which says what it trains
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      TransferredWeight& weight = transfer_.weights[i];
      weight.frozen = std::ranges::count(frozen, weight.name) > 0;
      if (weight.frozen && weight.source.empty()) {
        throw UserError(config_.mark,
                        "finetune: freeze: '" + weight.name +
                            "' is started anew and would stay as it begins: " + weight.why,
                        "take it back with '!" + weight.name + "'");
      }
      trains |= !weight.frozen && weights_[i].spec.role == WeightSpec::Role::trained;
    }
    if (trains) return;
    throw UserError(config_.mark, "finetune: freeze: leaves nothing to train",
                    "take a layer back with '!fc', or name a new one: --head fc");
  }

  const Setup& setup_;
  const FinetuneConfig& config_;
  const WeightSource& source_;
  const std::vector<NodeWeight> weights_;
  const std::vector<LayerWeights> layers_;
  const std::set<int> new_heads_;  // nodes, as heads_
  std::set<int> heads_;
  std::set<std::string> used_;  // tensors of the source
  std::vector<std::string> misfits_;
  Transfer transfer_;
};

/// What is wrong with the source is told where the config names it; --from needs no place.
template <class Act>
auto told_at_from(const FinetuneConfig& config, const Act& act) {
  try {
    return act();
  } catch (const UserError& error) {
    if (config.from.mark.file->path() == "--set") throw;
    std::vector<Diagnostic> diagnostics = error.diagnostics();
    for (Diagnostic& diagnostic : diagnostics) {
      if (diagnostic.mark.valid()) continue;
      diagnostic.mark = config.from.mark;
      diagnostic.message = "finetune: from: " + diagnostic.message;
    }
    throw UserError(error.code(), std::move(diagnostics));
  }
}

}  // namespace

std::vector<std::string> Transfer::frozen() const {
  std::vector<std::string> names;
  for (const TransferredWeight& weight : weights) {
    if (weight.frozen) names.push_back(weight.name);
  }
  return names;
}

std::vector<std::string> head_layers(const Graph& graph) {
  std::vector<bool> has_weights(graph.nodes.size());
  for (const NodeWeight& weight : graph_weights(graph)) has_weights[weight.node] = true;
  std::vector<std::string> names;
  for (const int node : output_layers(graph, has_weights)) names.push_back(graph.nodes[node].name);
  return names;
}

void check_finetune(const Setup& setup) {
  const FinetuneConfig& config = *setup.config.finetune;
  named_heads(setup.graph, layers_with_weights(graph_weights(setup.graph)), config.heads);
  frozen_weights(setup.graph, config.freeze.globs, config.batch_norm, "finetune: freeze: ");
  const auto says = [](const PhaseConfig& phase) { return phase.freeze.has_value(); };
  if (!config.freeze.none() && !setup.config.phases.empty() &&
      std::ranges::all_of(setup.config.phases, says)) {
    throw UserError(config.mark,
                    "finetune: freeze: has no effect, since each phase says what it freezes",
                    "leave it out here, or in a phase");
  }
}

WeightSource open_source(const Setup& setup) {
  const FinetuneConfig& config = *setup.config.finetune;
  CheckpointChoice choice{.checkpoint = config.checkpoint, .averaged = {}};
  if (config.weights != RunWeights::automatic) choice.averaged = config.weights == RunWeights::ema;
  return told_at_from(config, [&] {
    return WeightSource::open(setup.paths.resolve(config.from.text), rename_rules(config.rename),
                              choice);
  });
}

Transfer plan_transfer(const Setup& setup, const WeightSource& source) {
  return told_at_from(*setup.config.finetune, [&] { return Planner(setup, source).plan(); });
}

void apply_transfer(const Transfer& transfer, const WeightSource& source, WeightStore& store) {
  for (const TransferredWeight& weight : transfer.weights) {
    if (weight.source.empty()) continue;
    std::ranges::copy(source.values(*source.find(weight.name)),
                      store.values(*store.find(weight.name)).begin());
  }
  store.touch();
}

std::string to_json(const Transfer& transfer) {
  nlohmann::ordered_json out = {{"from", transfer.from},
                                {"weights", nlohmann::ordered_json::array()},
                                {"unused", transfer.unused}};
  for (const TransferredWeight& weight : transfer.weights) {
    nlohmann::ordered_json row = {{"name", weight.name}, {"frozen", weight.frozen}};
    if (weight.source.empty())
      row["started_anew"] = weight.why;
    else
      row["source"] = weight.source;
    out["weights"].push_back(std::move(row));
  }
  return out.dump(1) + "\n";
}

Transfer transfer_from_json(const std::string& text, const std::string& path) {
  Transfer transfer;
  try {
    const auto json = nlohmann::json::parse(text);
    transfer.from = json.at("from");
    transfer.unused = json.at("unused").get<std::vector<std::string>>();
    for (const auto& row : json.at("weights")) {
      transfer.weights.push_back({.name = row.at("name"),
                                  .source = row.value("source", ""),
                                  .why = row.value("started_anew", ""),
                                  .frozen = row.at("frozen")});
    }
  } catch (const nlohmann::json::exception& error) {
    throw UserError(ExitCode::weights, path + ": damaged: " + error.what());
  }
  return transfer;
}

}  // namespace dl
