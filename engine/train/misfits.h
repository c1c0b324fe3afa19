#pragma once

#include <cstddef>
#include <vector>

#include "engine/train/setup.h"
#include "engine/train/weight_source.h"

namespace dl {

/// A weight outside of the head that has another shape in the source.
struct Misfit {
  int node;
  std::size_t weight;  // its place in graph_weights()
};

/// Throws UserError (ExitCode::weights) that names them, and what would make them fit: other data
/// where only what the network reads differs, else the source's sizes.
[[noreturn]] void refuse_misfits(const Setup& setup, const WeightSource& source,
                                 const std::vector<Misfit>& misfits);

}  // namespace dl
