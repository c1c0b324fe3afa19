#include "engine/train/training_parts.h"

#include <algorithm>

#include "engine/train/batch_rules.h"
#include "engine/train/carried_states.h"
#include "engine/train/environment.h"
#include "engine/train/feature_cache.h"
#include "engine/train/monitor.h"
#include "engine/train/saver.h"
#include "engine/train/step_batches.h"
#include "engine/train/target_rules.h"

namespace dl {
namespace {

std::unique_ptr<Batches> batches_if_there(OpenData& data, Split split) {
  return data.has(split) ? data.evaluation_batches(split) : nullptr;
}

std::size_t total_of(const MemoryUse& use) {
  std::size_t total = 0;
  for (const auto& [kind, bytes] : use) total += bytes;
  return total;
}

/// Has the programs of each phase recorded, with the store frozen as it is there; those of the
/// first come last. What a later phase needs is known before the first one.
template <class Record>
void record_phases(const Setup& setup, WeightStore& store, const Record& record) {
  for (const Phase& phase : setup.phases) {
    store.freeze(phase.frozen);
    if (phase.frozen != setup.phases[0].frozen) record();
  }
  store.freeze(setup.phases[0].frozen);
  record();
}

}  // namespace

TrainingParts::TrainingParts(const Setup& the_setup, OpenData& the_data)
    : setup(the_setup),
      data(the_data),
      train(data.training_batches()),
      valid(batches_if_there(data, Split::valid)),
      test(batches_if_there(data, Split::test)),
      meter(setup.graph, setup.train_pipeline->spec()),
      store(setup.make_store(WeightMemory::sizes_only)),
      slices(setup.phases[0].slices) {
  if (valid) choose_monitor(setup, meter, true, valid->samples_per_epoch());
  check_training_batches(setup, data.samples(Split::train));
  for (const auto& [batches, split] :
       {std::pair(train.get(), Split::train), std::pair(valid.get(), Split::valid),
        std::pair(test.get(), Split::test)}) {
    if (batches) check_target_values(setup, *batches, split);
  }
  check_features(setup);
  make_updater();
  record_phases(setup, store, [&] { record_programs(); });
}

void TrainingParts::make_updater() {
  updater.emplace(*setup.optimizer.optimizer, slices, setup.config.train, store,
                  setup.batches_per_step());
}

void TrainingParts::allocate() {
  store.allocate();
  make_updater();
}

void TrainingParts::record_programs() {
  diagnostics.reset();  // it looks at the programs
  programs.reset();
  programs.emplace(setup.graph, store, setup.config.diagnostics.has_value());
  add_programs(*programs, Purpose::train, setup.config.data.batch, data.samples(Split::train),
               setup.config.data.drop_last);
  for (const Split split : {Split::valid, Split::test}) {
    if (data.has(split))
      add_programs(*programs, Purpose::evaluate, setup.eval_batch(), data.samples(split),
                   setup.streams());
  }
  check_carried_states(setup, *programs);
  std::size_t data_bytes = train->buffer_bytes();
  if (valid) data_bytes += valid->buffer_bytes();
  if (test) data_bytes += test->buffer_bytes();
  memory = training_memory(store, *updater, *programs, data_bytes);
  const std::int64_t per_step = setup.batches_per_step();
  if (const std::size_t bytes = StepBatches::bytes(*train, *programs, per_step); bytes > 0)
    memory.emplace_back("the batches of a step", bytes);
  std::size_t scores = 0;
  for (const Batches* split : {valid.get(), test.get()})
    scores = std::max(scores, split ? meter.score_bytes(split->samples_per_epoch()) : 0);
  memory.emplace_back("the scores of an evaluation", scores);
  if (const std::size_t bytes = held_best_bytes(setup, store, *updater))
    memory.emplace_back(kHeldBest, bytes);
  if (const auto& config = setup.config.diagnostics) {
    diagnostics.emplace(*config, setup.graph, store, programs->probes(), programs->time_probes());
    memory.emplace_back("diagnostics", diagnostics->bytes());
  }
  check_memory(memory, memory_limit_bytes());
  expect_feature_memory(setup, data, store, memory_limit_bytes() - total_of(memory));
}

/// A place that the config names for features is used, or it is said why not.
void check_features(const Setup& setup) {
  const FeatureCacheChoice said = setup.config.train.cache_features.where;
  if (!setup.train_pipeline) return;
  if (said != FeatureCacheChoice::ram && said != FeatureCacheChoice::disk) return;
  WeightStore store = setup.make_store(WeightMemory::sizes_only);
  const auto has_part_to_keep = [&](const Phase& phase) {
    store.freeze(phase.frozen);
    return cut_at_features(setup.graph, store).has_value();
  };
  const std::string obstacle = std::ranges::any_of(setup.phases, has_part_to_keep)
                                   ? obstacle_to_features(setup)
                                   : "no layer that the data reaches first is frozen";
  if (obstacle.empty()) return;
  throw UserError(setup.config.train.cache_features.mark,
                  "train.cache_features: nothing can be kept",
                  obstacle + "; auto takes what there is");
}

void check_programs(const Setup& setup) {
  check_training_batches(setup, std::nullopt);
  check_features(setup);
  WeightStore store = setup.make_store(WeightMemory::sizes_only);
  record_phases(setup, store, [&] {
    Programs programs(setup.graph, store, setup.config.diagnostics.has_value());
    if (!setup.config.losses.empty()) programs.add(Purpose::train, setup.config.data.batch);
    programs.add(Purpose::evaluate, setup.eval_batch());
  });
}

}  // namespace dl
