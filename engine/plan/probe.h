#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "layers/tape.h"

namespace dl {

/// Where an activation is flat: its slope is under a hundredth of its largest, so that next to
/// nothing of a gradient passes. Said of its result or, where that does not tell, of its source.
struct FlatRange {
  bool of_source = false;
  float low = -std::numeric_limits<float>::infinity();  // up to here
  float high = std::numeric_limits<float>::infinity();  // and from here on
};
/// None for functions that are flat nowhere: identity, leaky_relu.
std::optional<FlatRange> flat_range(const Activation& activation);

/// An activation whose flat elements are counted in steps with StepContext::diagnose.
struct Probe {
  int node;                        // the activation in the graph, wherever it was fused
  std::int64_t elements_per_unit;  // of the batch
  Value flat;                      // s32, kept: of each unit's elements those that are flat
};
/// Records the counting over `value`, in whatever layout it is, right behind the steps that made
/// it. Units lie along `unit_axis`: channels or features.
Probe record_probe(Tape& tape, const Value& value, std::size_t unit_axis, const FlatRange& range,
                   int node);

/// A layer that reads a sequence: how much gradient reaches each step of its source, in steps with
/// StepContext::diagnose.
struct TimeProbe {
  int node;
  Value squares;  // f32, kept: sums of squares over the batch and the features, for each step
};
/// Records it over the source's gradient, (N, T, F).
TimeProbe record_time_probe(Tape& tape, const Value& diff_src, int node);

}  // namespace dl
