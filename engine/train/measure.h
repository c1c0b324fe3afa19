#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/sinks/network_table.h"
#include "engine/train/memory_use.h"
#include "engine/train/setup.h"

namespace dl {

/// What training this config would take, without data: primitives are made, nothing runs.
struct NetworkSummary {
  std::vector<NetworkRow> rows;
  std::int64_t parameters = 0, flops = 0;
  MemoryUse memory;  // of training, by kind
};
NetworkSummary summarise(const Setup& setup);

/// What one implementation, a primitive's or a host function's, does for a layer in one pass of a
/// training step: how often it is called, and the time of all calls (each the median, in ms).
struct StepTime {
  std::string layer, type, section, implementation;
  std::int64_t calls = 0;
  double ms = 0;
};

/// A training step on made-up data that is already in memory.
struct Measurement {
  double step_ms = 0;            // median
  double per_second = 0;         // samples; of language models tokens
  double gflops_per_second = 0;  // three times the forward FLOPs a step
  std::int64_t steps = 0, batch = 0, parameters = 0;
  int threads = 0;
  std::size_t peak_mib = 0;
  std::vector<StepTime> layers = {};  // with by_layer
};
/// `steps` 0: about five seconds' worth, at least 5. `by_layer` measures every step of the plan
/// apart.
Measurement measure_training(const Setup& setup, std::int64_t steps, bool by_layer);

}  // namespace dl
