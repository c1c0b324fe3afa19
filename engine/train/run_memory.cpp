#include "engine/train/run_memory.h"

#include <algorithm>

#include "engine/train/saver.h"
#include "engine/train/step_batches.h"

namespace dl {
namespace {

/// What a run takes beside what is counted: code of the libraries that it reaches later, panels
/// that matrix products pack, stacks. Measured, with the networks of bench/memory.py.
constexpr std::size_t kRunning = std::size_t{4} << 20;

/// Of the batches that are read ahead, where nothing was opened.
std::size_t expected_buffer_bytes(const Setup& setup) {
  std::size_t sample = 0;
  for (const auto* tensors : {&setup.data.inputs, &setup.data.targets}) {
    for (const DataTensor& tensor : *tensors) {
      std::size_t bytes = sizeof(float);
      for (const std::int64_t dim : tensor.tensor.sample_shape)
        bytes *= static_cast<std::size_t>(dim);
      sample += bytes;
    }
  }
  return static_cast<std::size_t>((setup.config.data.prefetch + 1) * setup.config.data.batch) *
         sample;
}

std::size_t buffer_bytes(const RunParts& parts) {
  if (!parts.train) return expected_buffer_bytes(parts.setup);
  std::size_t bytes = 0;
  for (const Batches* split : {parts.train, parts.valid, parts.test})
    bytes += split ? split->buffer_bytes() : 0;
  return bytes;
}

/// Of the evaluation that keeps most.
std::size_t score_bytes(const RunParts& parts) {
  std::size_t bytes = 0;
  for (const Batches* split : {parts.valid, parts.test}) {
    if (split && parts.meter)
      bytes = std::max(bytes, parts.meter->score_bytes(split->samples_per_epoch()));
  }
  return bytes;
}

/// The best is held until it is saved; in the end the file of the weights that are recommended is
/// read, when nothing is held any more.
std::size_t best_bytes(const RunParts& parts) {
  const std::size_t file = parts.store.flat().size_bytes() * (parts.updater.averages() ? 2 : 1);
  return std::max(held_best_bytes(parts.setup, parts.store, parts.updater), file);
}

}  // namespace

MemoryUse step_memory(const MemoryPart& process, WeightStore& store, const Updater& updater,
                      const Programs& programs) {
  return {process,
          {"weights", store.flat().size_bytes()},
          {"gradients", store.flat_gradients().size_bytes()},
          {"the optimizer's state", updater.bytes()},
          {"activations", programs.touched_bytes(), MemoryCause::batch},
          {"weights in the primitives' layouts", programs.persistent_bytes()}};
}

MemoryUse run_memory(const MemoryPart& process, const RunParts& parts) {
  MemoryUse use = step_memory(process, parts.store, parts.updater, parts.programs);
  use.push_back({"prefetched batches", buffer_bytes(parts), MemoryCause::batch});
  if (parts.train) {
    const std::size_t bytes =
        StepBatches::bytes(*parts.train, parts.programs, parts.setup.batches_per_step());
    if (bytes > 0) use.push_back({"the batches of a step", bytes, MemoryCause::batch});
  }
  if (const std::size_t bytes = score_bytes(parts))
    use.push_back({"the scores of an evaluation", bytes, MemoryCause::data});
  use.push_back({"the best weights, held or read back", best_bytes(parts)});
  use.push_back({"what running takes besides", kRunning, MemoryCause::data});
  if (parts.diagnostics) use.push_back({"diagnostics", parts.diagnostics->bytes()});
  return use;
}

MemoryUse inference_memory(const MemoryPart& process, WeightStore& store, const Programs& programs,
                           const Batches& batches) {
  return {process,
          {"weights", 2 * store.flat().size_bytes()},  // the file's too
          {"activations", programs.touched_bytes(), MemoryCause::batch},
          {"weights in the primitives' layouts", programs.persistent_bytes()},
          {"prefetched batches", batches.buffer_bytes(), MemoryCause::batch}};
}

}  // namespace dl
