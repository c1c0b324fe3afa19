#include "engine/train/transfer_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "engine/sinks/network_table.h"

namespace dl {
namespace {

/// What became of a layer, gathered from its weights.
struct Row {
  std::string layer, type, why, part;
  std::int64_t parameters = 0, frozen = 0;
  std::size_t weights = 0, loaded = 0, frozen_weights = 0;

  std::string from() const {
    if (loaded == weights) return part.empty() ? "loaded" : "loaded, " + part;
    const std::string anew = "started anew: " + why;
    return loaded == 0 ? anew : fmt::format("{} of {} loaded, others {}", loaded, weights, anew);
  }
  std::string training() const {
    if (frozen_weights == weights) return "frozen";
    return frozen_weights == 0 ? "trained" : "partly frozen";
  }
};

std::vector<Row> rows_of(const Graph& graph, const Transfer& transfer,
                         const std::vector<std::string>& frozen) {
  std::vector<Row> rows;
  int node = -1;
  const std::vector<NodeWeight> weights = graph_weights(graph);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const TransferredWeight& moved = transfer.weights[i];
    if (weights[i].node != node) {
      node = weights[i].node;
      rows.push_back({.layer = graph.nodes[node].name,
                      .type = std::string(graph.nodes[node].kind->name),
                      .why = {},
                      .part = {}});
    }
    Row& row = rows.back();
    const bool parameter = weights[i].spec.role == WeightSpec::Role::trained;
    const std::int64_t size = parameter ? weights[i].spec.shape.elements() : 0;
    row.parameters += size;
    ++row.weights;
    if (!moved.source.empty()) ++row.loaded;
    if (moved.source.empty() && row.why.empty()) row.why = moved.why;
    if (row.part.empty()) row.part = moved.part;
    if (std::ranges::count(frozen, moved.name) > 0) {
      ++row.frozen_weights;
      row.frozen += size;
    }
  }
  return rows;
}

std::string unused_text(const std::vector<std::string>& unused) {
  constexpr std::size_t kShown = 12;
  std::vector<std::string> shown(
      unused.begin(),
      unused.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, unused.size())));
  std::string text = fmt::format("unused in the source: {}", escaped(join(shown, ", ")));
  if (unused.size() > kShown) text += fmt::format(" and {} more", unused.size() - kShown);
  return text + "\n";
}

}  // namespace

std::string transfer_table(const Graph& graph, const Transfer& transfer,
                           const std::vector<std::string>& frozen_names) {
  const std::vector<Row> rows = rows_of(graph, transfer, frozen_names);
  std::size_t name_width = 5, type_width = 4;
  for (const Row& row : rows) {
    name_width = std::max(name_width, escaped(row.layer).size());
    type_width = std::max(type_width, row.type.size());
  }
  const auto line = [&](const std::string& layer, const std::string& type,
                        const std::string& parameters, const std::string& training,
                        const std::string& from) {
    return fmt::format("{:<{}}  {:<{}}  {:>12}  {:<13}  {}\n", layer, name_width, type, type_width,
                       parameters, training, from);
  };
  std::string out = line("layer", "type", "parameters", "", "weights");
  std::int64_t parameters = 0, frozen = 0;
  for (const Row& row : rows) {
    parameters += row.parameters;
    frozen += row.frozen;
    out += line(escaped(row.layer), row.type, grouped(row.parameters), row.training(),
                escaped(row.from()));
  }
  if (!transfer.unused.empty()) out += unused_text(transfer.unused);
  for (const std::string& warning : transfer.warnings)
    out += fmt::format("warning: {}\n", escaped(warning));
  return out + fmt::format("from {}: frozen {} of {} parameters\n", escaped(transfer.from),
                           grouped(frozen), grouped(parameters));
}

}  // namespace dl
