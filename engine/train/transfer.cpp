#include "engine/train/transfer.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "engine/train/finite_weights.h"
#include "engine/train/frozen_weights.h"
#include "engine/train/layer_roles.h"
#include "engine/train/misfits.h"

namespace dl {
namespace {

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
        new_heads_(named_heads(setup.graph, layers_, config_.heads)),
        has_weights_(setup.graph.nodes.size()),
        theirs_(source.names()) {
    for (const LayerWeights& layer : layers_) has_weights_[layer.node] = true;
    heads_ = output_layers(setup.graph, has_weights_);
    if (setup.source) ours_ = data_names(setup.source->spec());
  }

  Transfer plan() {
    transfer_.from = source_.label();
    for (const NodeWeight& weight : weights_)
      transfer_.weights.push_back({.name = weight.name, .source = {}, .why = {}});
    for (const LayerWeights& layer : layers_) match(layer);
    note_unused();
    check_match();
    check_values();
    freeze();
    check_frozen_readers();
    return std::move(transfer_);
  }

 private:
  const Node& node(const LayerWeights& layer) const { return setup_.graph.nodes[layer.node]; }

  void match(const LayerWeights& layer) {
    if (new_heads_.contains(layer.node)) return start_anew(layer, "it is the new head");
    if (const auto why = other_meaning(layer)) return start_anew(layer, *why);
    const bool by_token = rows_are_tokens(layer);
    std::string differs;
    for (const std::size_t i : layer.weights) {
      const WeightSource::Tensor* tensor = source_.find(weights_[i].name);
      TransferredWeight& weight = transfer_.weights[i];
      if (!tensor) {
        weight.why = kNotInSource;
      } else if ((by_token && match_rows(i, *tensor)) || tensor->shape == weights_[i].spec.shape) {
        weight.source = tensor->original;
        used_.insert(tensor->original);
      } else {
        weight.why = shape_text(weights_[i].spec.shape.dims()) + " here, " +
                     shape_text(tensor->shape.dims()) + " in the source";
        if (differs.empty()) differs = weight.why;
        if (!heads_.contains(layer.node)) misfits_.push_back({layer.node, i});
      }
    }
    if (!differs.empty() && heads_.contains(layer.node)) start_anew(layer, differs);
  }

  /// Why a layer of the right shapes does something else in the source, where it can be started
  /// anew. Where it cannot, throws UserError.
  std::optional<std::string> other_meaning(const LayerWeights& layer) {
    const bool head = heads_.contains(layer.node);
    if (mixed_up(ours_.features, theirs_.features) && reads_features(layer)) {
      const std::string what = *first_difference("feature", ours_.features, theirs_.features);
      if (head) return "other features: " + what;
      throw UserError(
          ExitCode::weights,
          source_.label() + ": '" + node(layer).name + "' reads other features: " + what,
          "give data.source the columns and words of the source, in their order (the "
          "config.resolved.yaml of its run has them), or start the layer anew: --head " +
              node(layer).name);
    }
    const auto is_output = [&](const std::vector<std::string>& places) {
      return head && weights_[layer.weights[0]].spec.shape.dims()[0] ==
                         static_cast<std::int64_t>(places.size());
    };
    if (rows_are_tokens(layer)) {
      const std::vector<int> rows = places_in(ours_.tokens, theirs_.tokens);
      if (std::ranges::count(rows, -1) == std::ssize(rows)) return "no token in common";
    } else if (is_output(ours_.classes)) {
      if (const auto what = first_difference("class", ours_.classes, theirs_.classes))
        return "other classes: " + *what;
    }
    if (head && mixed_up(ours_.targets, theirs_.targets))
      return "other targets: " + *first_difference("target", ours_.targets, theirs_.targets);
    return std::nullopt;
  }

  bool reads_features(const LayerWeights& layer) const {
    const auto read = data_read_by(setup_.graph, layer.node, has_weights_);
    return read.contains("data.features") || read.contains("data.series");
  }

  /// An embedding of tokens, or what tells the next one, where both vocabularies are known and
  /// differ.
  bool rows_are_tokens(const LayerWeights& layer) const {
    if (ours_.tokens.empty() || theirs_.tokens.empty() || ours_.tokens == theirs_.tokens)
      return false;
    const std::string_view kind = node(layer).kind->name;
    if (kind == "embedding")
      return data_read_by(setup_.graph, layer.node, has_weights_).contains("data.tokens");
    return kind == "linear" && heads_.contains(layer.node) && ours_.tells_next_token &&
           theirs_.tells_next_token;
  }

  /// Finds the rows of the tokens that both have. False: the shapes do not allow it.
  bool match_rows(std::size_t i, const WeightSource::Tensor& tensor) {
    const auto &here = weights_[i].spec.shape.dims(), &there = tensor.shape.dims();
    const auto fits = [](const auto& dims, const auto& tokens) {
      return !dims.empty() && dims[0] >= static_cast<std::int64_t>(tokens.size());
    };
    if (!fits(here, ours_.tokens) || !fits(there, theirs_.tokens) ||
        !std::equal(here.begin() + 1, here.end(), there.begin() + 1, there.end()))
      return false;
    TransferredWeight& weight = transfer_.weights[i];
    weight.rows = places_in(ours_.tokens, theirs_.tokens);
    const auto found = std::ranges::count_if(weight.rows, [](int row) { return row >= 0; });
    if (found < std::ssize(weight.rows))
      weight.part = std::to_string(found) + " of " + std::to_string(weight.rows.size()) + " tokens";
    weight.rows.resize(static_cast<std::size_t>(here[0]), -1);
    return true;
  }

  /// A head is of one piece.
  void start_anew(const LayerWeights& layer, const std::string& why) {
    for (const std::size_t i : layer.weights) {
      used_.insert(transfer_.weights[i].source);
      if (const WeightSource::Tensor* tensor = source_.find(weights_[i].name))
        used_.insert(tensor->original);
      transfer_.weights[i].source.clear();
      transfer_.weights[i].rows.clear();
      transfer_.weights[i].part.clear();
      transfer_.weights[i].why = why;
    }
  }

  void note_unused() {
    for (const WeightSource::Tensor& tensor : source_.tensors()) {
      // PyTorch counts batches there; nothing here needs it.
      if (!used_.contains(tensor.original) && !tensor.original.ends_with("num_batches_tracked"))
        transfer_.unused.push_back(tensor.original);
    }
    const auto folded = std::ranges::find_if(
        transfer_.unused, [](const std::string& name) { return name.starts_with("onnx::Conv_"); });
    if (folded == transfer_.unused.end()) return;
    transfer_.warnings.push_back(
        "'" + *folded +
        "' is a convolution into which PyTorch's exporter has folded a batch "
        "norm: take the state dict, or export with do_constant_folding=False, "
        "training=torch.onnx.TrainingMode.PRESERVE");
  }

  void check_match() {
    if (!misfits_.empty()) refuse_misfits(setup_, source_, misfits_);
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
      if (!weight.part.empty())
        throw UserError(ExitCode::weights, source_.label() + ": of '" + weight.name + "' only " +
                                               weight.part + " are in the source (strict)");
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
        const auto received = [&](std::size_t i) { return transfer_.weights[i].whole(); };
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
      if (weight.frozen && !weight.whole()) expect_whole(weight);
      trains |= !weight.frozen && weights_[i].spec.role == WeightSpec::Role::trained;
    }
    if (trains) return;
    throw UserError(config_.freeze.mark, "finetune: freeze: leaves nothing to train",
                    "take a layer back with '!fc', or name a new one: --head fc");
  }

  [[noreturn]] void expect_whole(const TransferredWeight& weight) const {
    const std::string back = "take it back with '!" + weight.name + "'";
    if (weight.source.empty()) {
      throw UserError(config_.freeze.mark,
                      "finetune: freeze: '" + weight.name +
                          "' is started anew and would stay as it begins: " + weight.why,
                      back);
    }
    throw UserError(config_.freeze.mark,
                    "finetune: freeze: of '" + weight.name + "' only " + weight.part +
                        " are in the source; the others would stay as they begin",
                    back + ", or give data.source the vocabulary of the source");
  }

  void check_values() const {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const TransferredWeight& weight = transfer_.weights[i];
      if (weight.source.empty()) continue;
      const WeightSource::Tensor& tensor = *source_.find(weight.name);
      expect_finite(source_.values(tensor), tensor.shape, source_.label(), weight.source);
    }
  }

  bool anew(const LayerWeights& layer) const {
    return std::ranges::all_of(layer.weights,
                               [&](std::size_t i) { return transfer_.weights[i].source.empty(); });
  }

  /// What is frozen was made for what it read in the source. Globs may say so all the same.
  void check_frozen_readers() {
    std::vector<const LayerWeights*> layer_of(setup_.graph.nodes.size());
    for (const LayerWeights& layer : layers_) layer_of[layer.node] = &layer;
    std::vector<int> anew_before(setup_.graph.nodes.size(), -1);  // the first such node
    for (std::size_t n = 0; n < layer_of.size(); ++n) {
      for (const Port& src : setup_.graph.nodes[n].src) {
        if (src.node >= 0 && anew_before[n] < 0) anew_before[n] = anew_before[src.node];
      }
      if (!layer_of[n]) continue;
      if (anew_before[n] >= 0 && transfer_.weights[layer_of[n]->weights[0]].frozen)
        return tell_reader(setup_.graph.nodes[n].name, *layer_of[anew_before[n]]);
      if (anew_before[n] < 0 && anew(*layer_of[n])) anew_before[n] = static_cast<int>(n);
    }
  }

  void tell_reader(const std::string& reader, const LayerWeights& layer) {
    const std::string what = "'" + reader + "' is frozen, but reads what comes from '" +
                             node(layer).name + "', which is started anew (" +
                             transfer_.weights[layer.weights[0]].why + ")";
    if (!config_.freeze.received) {
      transfer_.warnings.push_back(what);
      return;
    }
    throw UserError(
        ExitCode::weights, source_.label() + ": " + what,
        "finetune.rename gives tensors the names of the network's; where that is meant, "
        "say with globs what is frozen: --freeze='" +
            reader + "'");
  }

  const Setup& setup_;
  const FinetuneConfig& config_;
  const WeightSource& source_;
  const std::vector<NodeWeight> weights_;
  const std::vector<LayerWeights> layers_;
  const std::set<int> new_heads_;  // nodes, as heads_
  std::vector<bool> has_weights_;  // of nodes
  DataNames ours_;
  const DataNames& theirs_;
  std::set<int> heads_;
  std::set<std::string> used_;  // tensors of the source
  std::vector<Misfit> misfits_;
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

std::vector<std::string> check_finetune(const Setup& setup) {
  const FinetuneConfig& config = *setup.config.finetune;
  named_heads(setup.graph, layers_with_weights(graph_weights(setup.graph)), config.heads);
  std::vector<std::string> frozen =
      frozen_weights(setup.graph, config.freeze.globs, config.batch_norm, "finetune: freeze: ");
  const auto says = [](const PhaseConfig& phase) { return phase.freeze.has_value(); };
  if (!config.freeze.none() && !setup.config.phases.empty() &&
      std::ranges::all_of(setup.config.phases, says)) {
    throw UserError(config.freeze.mark,
                    "finetune: freeze: has no effect, since each phase says what it freezes",
                    "leave it out here, or in a phase");
  }
  return frozen;
}

WeightSource open_source(const Setup& setup) {
  const FinetuneConfig& config = *setup.config.finetune;
  CheckpointChoice choice{.checkpoint = config.checkpoint.text,
                          .by_name = config.checkpoint.mark.valid(),
                          .averaged = {}};
  if (config.weights != RunWeights::automatic) choice.averaged = config.weights == RunWeights::ema;
  if (const std::string wrong = wrong_checkpoint(choice.checkpoint); !wrong.empty())
    throw UserError(ExitCode::weights,
                    {{config.checkpoint.mark, "finetune: checkpoint: " + wrong, {}}});
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
    const std::vector<float> from = source.values(*source.find(weight.name));
    const std::span<float> to = store.values(*store.find(weight.name));
    if (weight.rows.empty()) std::ranges::copy(from, to.begin());
    const std::size_t each = weight.rows.empty() ? 0 : to.size() / weight.rows.size();
    for (std::size_t i = 0; i < weight.rows.size(); ++i) {
      if (weight.rows[i] < 0) continue;
      const auto row = static_cast<std::size_t>(weight.rows[i]);
      std::ranges::copy(std::span(from).subspan(row * each, each), to.begin() + i * each);
    }
  }
  store.touch();
}

}  // namespace dl
