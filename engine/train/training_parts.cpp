#include "engine/train/training_parts.h"

#include <algorithm>

#include "engine/train/batch_rules.h"
#include "engine/train/carried_states.h"
#include "engine/train/environment.h"
#include "engine/train/feature_cache.h"
#include "engine/train/monitor.h"
#include "engine/train/run_memory.h"
#include "engine/train/target_rules.h"

namespace dl {
namespace {

std::unique_ptr<Batches> batches_if_there(OpenData& data, Split split) {
  return data.has(split) ? data.evaluation_batches(split) : nullptr;
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

/// Of whole batches, as no data is there.
MemoryUse memory_without_data(const Setup& setup) {
  WeightStore store = setup.make_store(WeightMemory::sizes_only);
  const auto& config = setup.config.diagnostics;
  Programs programs(setup.graph, store, config.has_value());
  add_run_programs(programs, setup, nullptr);
  const Updater updater(*setup.optimizer.optimizer, setup.phases[0].slices, setup.config.train,
                        store, setup.batches_per_step());
  std::optional<Diagnostics> looks;
  if (config) looks.emplace(*config, setup.graph, store, programs.probes(), programs.time_probes());
  return run_memory(process_memory(), {.setup = setup,
                                       .store = store,
                                       .updater = updater,
                                       .programs = programs,
                                       .diagnostics = looks ? &*looks : nullptr});
}

}  // namespace

TrainingParts::TrainingParts(const Setup& the_setup, OpenData& the_data, StartLimits limits)
    : setup(the_setup),
      data(the_data),
      train(data.training_batches()),
      valid(batches_if_there(data, Split::valid)),
      test(batches_if_there(data, Split::test)),
      meter(setup.graph, setup.train_pipeline->spec()),
      store(setup.make_store(WeightMemory::sizes_only)),
      slices(setup.phases[0].slices),
      limits_(limits) {
  if (valid) choose_monitor(setup, meter, true, valid->samples_per_epoch());
  check_training_batches(setup, data.samples(Split::train));
  for (const auto& [batches, split] :
       {std::pair(train.get(), Split::train), std::pair(valid.get(), Split::valid),
        std::pair(test.get(), Split::test)}) {
    if (batches) check_target_values(setup, *batches, split);
  }
  if (limits_ == StartLimits::enforced) check_features(setup);
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
  add_run_programs(*programs, setup, &data);
  check_carried_states(setup, *programs);
  if (const auto& config = setup.config.diagnostics)
    diagnostics.emplace(*config, setup.graph, store, programs->probes(), programs->time_probes());
  // Later the weights and what belongs to them are resident too, and would be counted twice.
  if (store.memory() == WeightMemory::sizes_only) process_ = process_memory();
  memory = run_memory(process_, {.setup = setup,
                                 .store = store,
                                 .updater = *updater,
                                 .programs = *programs,
                                 .diagnostics = diagnostics ? &*diagnostics : nullptr,
                                 .meter = &meter,
                                 .train = train.get(),
                                 .valid = valid.get(),
                                 .test = test.get()});
  if (limits_ == StartLimits::ignored) return;
  const std::size_t limit = memory_limit_bytes();
  check_memory(memory, limit);
  expect_feature_memory(setup, data, store, limit - total_bytes(memory));
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

MemoryUse expected_memory(const Setup& setup) {
  if (!setup.config.finetune) check_features(setup);  // else what is frozen may not be known yet
  check_training_batches(setup, std::nullopt);
  if (!setup.source || setup.config.losses.empty()) return memory_without_data(setup);
  const StopFlag none;
  OpenData data(setup, none);
  if (!data.missing().empty()) return memory_without_data(setup);
  return TrainingParts(setup, data, StartLimits::ignored).memory;
}

}  // namespace dl
