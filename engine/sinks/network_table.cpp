#include "engine/sinks/network_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "engine/graph/cost.h"

namespace dl {
namespace {

std::string flops_text(std::int64_t flops) {
  const auto value = static_cast<double>(flops);
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.1f} k", value / 1e3);
}

}  // namespace

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(at, ",");
  return text;
}

std::vector<NetworkRow> network_rows(const Graph& graph) {
  const auto shapes = infer_shapes(graph, 1);
  const std::vector<NodeCost> costs = graph_costs(graph);
  std::vector<NetworkRow> rows;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.input || node.kind->loss) continue;
    rows.push_back({node.name, std::string(node.kind->name), shapes[i][0], costs[i].parameters,
                    costs[i].flops});
  }
  return rows;
}

std::string network_table(const std::vector<NetworkRow>& rows) {
  std::size_t name_width = 5, type_width = 4;
  std::int64_t parameters = 0, flops = 0;
  for (const NetworkRow& row : rows) {
    name_width = std::max(name_width, escaped(row.name).size());
    type_width = std::max(type_width, row.type.size());
    parameters += row.parameters;
    flops = add_flops(flops, row.flops);
  }
  std::string out = fmt::format("{:<{}}  {:<{}}  {:>14}  {:>12}  {:>10}\n", "layer", name_width,
                                "type", type_width, "output", "parameters", "FLOPs");
  for (const NetworkRow& row : rows) {
    out += fmt::format("{:<{}}  {:<{}}  {:>14}  {:>12}  {:>10}\n", escaped(row.name), name_width,
                       row.type, type_width, row.output.text(),
                       row.parameters ? grouped(row.parameters) : "", flops_text(row.flops));
  }
  return out + fmt::format("{} layers, {} parameters, {}FLOPs a sample forward\n", rows.size(),
                           grouped(parameters), flops_text(flops));
}

}  // namespace dl
