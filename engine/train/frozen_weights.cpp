#include "engine/train/frozen_weights.h"

#include <algorithm>
#include <set>

#include "core/glob.h"
#include "core/text.h"

namespace dl {
namespace {

void expect_match(const Graph& graph, const std::vector<NodeWeight>& weights,
                  const MarkedText& glob, const std::string& what) {
  const std::string bare = glob.text.substr(glob.text.starts_with('!') ? 1 : 0);
  if (std::ranges::any_of(
          weights, [&](const NodeWeight& weight) { return glob_matches(bare, weight.name); }))
    return;
  std::vector<std::string> names;
  for (const NodeWeight& weight : weights) names.push_back(graph.nodes[weight.node].name);
  throw UserError(glob.mark,
                  what + "'" + glob.text + "' matches no weight" + did_you_mean(bare, names));
}

}  // namespace

std::vector<std::string> without_norms(const Graph& graph, std::vector<std::string> frozen,
                                       FrozenNorms norms) {
  if (norms == FrozenNorms::frozen) return frozen;
  const std::set<std::string> all(frozen.begin(), frozen.end());
  const std::vector<NodeWeight> weights = graph_weights(graph);
  const auto frozen_altogether = [&](int node) {
    return std::ranges::all_of(weights, [&](const NodeWeight& weight) {
      return weight.node != node || all.contains(weight.name);
    });
  };
  for (const NodeWeight& weight : weights) {
    if (!graph.nodes[weight.node].kind->norm || !frozen_altogether(weight.node)) continue;
    const bool statistic = weight.spec.role == WeightSpec::Role::statistic;
    if (statistic == (norms == FrozenNorms::statistics)) std::erase(frozen, weight.name);
  }
  return frozen;
}

std::vector<std::string> frozen_weights(const Graph& graph, const std::vector<MarkedText>& globs,
                                        FrozenNorms norms, const std::string& what) {
  const std::vector<NodeWeight> weights = graph_weights(graph);
  const auto takes_back = [](const MarkedText& glob) { return glob.text.starts_with('!'); };
  if (!globs.empty() && std::ranges::all_of(globs, takes_back)) {
    throw UserError(globs[0].mark, what + "only takes back, and freezes nothing",
                    "begin with '**' for all: ['**', '" + globs[0].text + "']");
  }
  std::vector<std::string> patterns, frozen;
  for (const MarkedText& glob : globs) {
    expect_match(graph, weights, glob, what);
    patterns.push_back(glob.text);
  }
  for (const NodeWeight& weight : weights) {
    if (globs_match(patterns, weight.name)) frozen.push_back(weight.name);
  }
  return without_norms(graph, std::move(frozen), norms);
}

}  // namespace dl
