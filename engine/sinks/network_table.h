#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/graph/graph.h"

namespace dl {

/// A line of the table of layers.
struct NetworkRow {
  std::string name, type;
  Shape output;  // for one sample; the batch first
  std::int64_t parameters = 0;
  std::int64_t flops = 0;  // forward, one sample
};

/// Every layer, in order; inputs and losses are left out.
std::vector<NetworkRow> network_rows(const Graph& graph);

/// The rows as a table for a terminal, with totals.
std::string network_table(const std::vector<NetworkRow>& rows);

/// "1,234,567"
std::string grouped(std::int64_t number);

}  // namespace dl
