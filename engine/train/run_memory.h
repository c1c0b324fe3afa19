#pragma once

#include "engine/train/diagnostics.h"
#include "engine/train/memory_use.h"
#include "engine/train/meter.h"
#include "engine/train/updater.h"
#include "engine/train/workspace.h"

namespace dl {

/// What the memory of a run depends on, once everything is recorded; all borrowed.
struct RunParts {
  const Setup& setup;
  WeightStore& store;
  const Updater& updater;
  const Programs& programs;
  const Diagnostics* diagnostics = nullptr;
  const Meter* meter = nullptr;
  // Null: there is no such split, or the data is not there.
  const Batches* train = nullptr;
  const Batches* valid = nullptr;
  const Batches* test = nullptr;
};

/// What a training step needs, without its batches.
MemoryUse step_memory(const MemoryPart& process, WeightStore& store, const Updater& updater,
                      const Programs& programs);

/// What a run needs from its beginning to its end.
MemoryUse run_memory(const MemoryPart& process, const RunParts& parts);

/// What weights and programs need that only infer, and their batches.
MemoryUse inference_memory(const MemoryPart& process, WeightStore& store, const Programs& programs,
                           const Batches& batches);

}  // namespace dl
