#pragma once

#include <string>

#include "engine/graph/graph.h"
#include "engine/train/transfer.h"

namespace dl {

/// A transfer for people: what became of each layer with weights, what of the source has no place,
/// and how much is `frozen` to begin with.
std::string transfer_table(const Graph& graph, const Transfer& transfer,
                           const std::vector<std::string>& frozen);

}  // namespace dl
