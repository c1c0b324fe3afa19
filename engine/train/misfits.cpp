#include "engine/train/misfits.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "engine/train/layer_roles.h"

namespace dl {
namespace {

constexpr std::size_t kWeightsShown = 20;
constexpr std::size_t kLayersShown = 3;

class Misfits {
 public:
  Misfits(const Setup& setup, const WeightSource& source, const std::vector<Misfit>& misfits)
      : setup_(setup),
        source_(source),
        misfits_(misfits),
        weights_(graph_weights(setup.graph)),
        has_weights_(setup.graph.nodes.size()) {
    for (const NodeWeight& weight : weights_) has_weights_[weight.node] = true;
  }

  std::string message() const {
    std::vector<std::string> texts;
    for (const Misfit& misfit : misfits_) {
      if (texts.size() == kWeightsShown) {
        texts.push_back(std::to_string(misfits_.size() - kWeightsShown) + " more");
        break;
      }
      texts.push_back(weights_[misfit.weight].name + " is " + shape_text(here(misfit).dims()) +
                      " here, " + shape_text(there(misfit).dims()) + " in the source");
    }
    return source_.label() + ": does not fit the network: " + join(texts, "; ");
  }

  std::string hint() const {
    const bool data_differ = std::ranges::all_of(
        misfits_, [&](const Misfit& misfit) { return reads_other_data(misfit); });
    return data_differ ? data_hint(misfits_.front()) : size_hint();
  }

 private:
  const Shape& here(const Misfit& misfit) const { return weights_[misfit.weight].spec.shape; }
  const Shape& there(const Misfit& misfit) const {
    return source_.find(weights_[misfit.weight].name)->shape;
  }

  /// Its outputs are the source's; only what it reads, which is the data, has another size.
  bool reads_other_data(const Misfit& misfit) const {
    const std::vector<std::int64_t>&a = here(misfit).dims(), &b = there(misfit).dims();
    return a.size() == b.size() && a.size() >= 2 && a[0] == b[0] &&
           std::equal(a.begin() + 2, a.end(), b.begin() + 2, b.end()) &&
           !data_read_by(setup_.graph, misfit.node, has_weights_).empty();
  }

  std::string data_hint(const Misfit& misfit) const {
    const std::string name = "'" + setup_.graph.nodes[misfit.node].name + "'";
    const std::int64_t ours = here(misfit)[1], theirs = there(misfit)[1];
    if (here(misfit).rank() == 2) {
      return name + " reads " + counted(ours, "value") + " of the data, and " +
             std::to_string(theirs) + " in the source: the data must have the size of the source's";
    }
    const auto& chosen = setup_.config.data.source;
    const bool says = chosen && source_has_channels(chosen->type);
    return name + " reads " + counted(ours, "channel") + " of the data, and " +
           std::to_string(theirs) + " in the source: " +
           (says ? "data.source." + chosen->type + ".channels: " : "the data must have ") +
           std::to_string(theirs);
  }

  static std::string counted(std::int64_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
  }

  static bool source_has_channels(const std::string& type) {
    return std::ranges::any_of(all_data_kinds(), [&](const DataKind& kind) {
      return kind.name == type &&
             std::ranges::find(kind.params, "channels", &ParamSpec::name) != kind.params.end();
    });
  }

  /// Whether a layer that is no head has the source's sizes.
  bool any_fits() const {
    const std::set<int> heads = output_layers(setup_.graph, has_weights_);
    return std::ranges::any_of(weights_, [&](const NodeWeight& weight) {
      return !heads.contains(weight.node) &&
             std::ranges::find(misfits_, weight.node, &Misfit::node) == misfits_.end();
    });
  }

  std::string size_hint() const {
    std::vector<std::string> heads;
    for (const Misfit& misfit : misfits_) {
      const std::string head = "--head " + setup_.graph.nodes[misfit.node].name;
      if (heads.empty() || heads.back() != head) heads.push_back(head);
    }
    if (!any_fits()) return "give the network the source's sizes: no layer of it fits as it is";
    if (heads.size() > kLayersShown)
      return "give the network the source's sizes: only a head may differ, and here " +
             std::to_string(heads.size()) + " layers do";
    return "give the network the source's sizes, or start what differs anew: " + join(heads, " ");
  }

  const Setup& setup_;
  const WeightSource& source_;
  const std::vector<Misfit>& misfits_;
  const std::vector<NodeWeight> weights_;
  std::vector<bool> has_weights_;  // of nodes
};

}  // namespace

void refuse_misfits(const Setup& setup, const WeightSource& source,
                    const std::vector<Misfit>& misfits) {
  const Misfits all(setup, source, misfits);
  throw UserError(ExitCode::weights, all.message(), all.hint());
}

}  // namespace dl
