#include "engine/train/workspace.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/train/environment.h"

namespace dl {
namespace {

std::string mib(std::size_t bytes) {
  return fmt::format("{:.0f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// Decoding is worth a thread for each core; copying is not.
std::size_t reading_threads(const Setup& setup) {
  const int said = setup.config.data.workers.count;
  if (said > 0) return static_cast<std::size_t>(said);
  const bool decodes = setup.source->spec().inputs[0].encoded;
  return decodes ? static_cast<std::size_t>(usable_cores()) : 1;
}

}  // namespace

void check_memory(const MemoryUse& use, std::size_t limit) {
  std::size_t total = 0;
  for (const auto& [kind, bytes] : use) total += bytes;
  if (total <= limit) return;
  const auto largest = std::max_element(
      use.begin(), use.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  throw UserError(
      ExitCode::memory,
      "this run needs " + mib(total) + " of memory, of which " + largest->first + " takes " +
          mib(largest->second) + "; only " + mib(limit) + " may be used",
      "a smaller data.batch needs less; train.effective_batch keeps the size of a step");
}

OpenData::OpenData(const Setup& setup, const StopFlag& stop)
    : setup_(setup),
      stop_(stop),
      data_(*setup.source, setup.paths, setup.config.data.split.valid.amount, setup.config.seed) {}

std::unique_ptr<Batches> OpenData::training_batches() {
  const DataConfig& data = setup_.config.data;
  const BatchOptions options{.batch = static_cast<std::size_t>(data.batch),
                             .shuffle = data.shuffle,
                             .drop_last = data.drop_last,
                             .seed = setup_.config.seed,
                             .prefetch = static_cast<std::size_t>(data.prefetch),
                             .workers = reading_threads(setup_)};
  // Where several batches make a step, none is left out for a signal: half a step cannot be saved.
  const StopFlag* stop = setup_.batches_per_step() > 1 ? nullptr : &stop_;
  return std::make_unique<Batches>(data_.open(Split::train), *setup_.train_pipeline, options, stop);
}

std::unique_ptr<Batches> OpenData::evaluation_batches(Split split) {
  const BatchOptions options{.batch = static_cast<std::size_t>(setup_.eval_batch()),
                             .shuffle = false,
                             .drop_last = false,
                             .seed = setup_.config.seed,
                             .prefetch = static_cast<std::size_t>(setup_.config.data.prefetch),
                             .workers = reading_threads(setup_)};
  return std::make_unique<Batches>(data_.open(split), *setup_.eval_pipeline, options, &stop_);
}

void add_programs(Programs& programs, Purpose purpose, std::int64_t batch, std::size_t samples,
                  bool drop_last) {
  const auto rest = static_cast<std::int64_t>(samples) % batch;
  if (static_cast<std::int64_t>(samples) >= batch) programs.add(purpose, batch);
  if (rest > 0 && !drop_last) programs.add(purpose, rest);
}

MemoryUse training_memory(WeightStore& store, const Updater& updater, const Programs& programs,
                          std::size_t data_bytes) {
  return {{"weights", store.flat().size_bytes()},
          {"gradients", store.flat_gradients().size_bytes()},
          {"the optimiser's state", updater.bytes()},
          {"activations", programs.arena_bytes()},
          {"weights in the primitives' layouts", programs.persistent_bytes()},
          {"prefetched batches", data_bytes}};
}

}  // namespace dl
