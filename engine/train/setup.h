#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/transforms/transform.h"
#include "engine/config/run_config.h"
#include "engine/graph/build.h"
#include "engine/plan/weight_store.h"
#include "engine/train/optimizer.h"
#include "engine/train/phases.h"
#include "engine/train/schedule.h"

namespace dl {

class Batches;

struct SetupOptions {
  std::string config;             // path
  std::vector<std::string> sets;  // "key=value"
  std::string data_dir;           // what --data says; "": see data_paths.h
};

/// A config made into its parts, all checked, before any data is opened or memory planned.
struct Setup {
  RunConfig config;
  DataPaths paths;
  std::unique_ptr<DataSource>
      source;  // none: the config names no data (enough to check, to measure)
  std::optional<Pipeline> train_pipeline, eval_pipeline;  // with a source
  DataInterface data;
  Graph graph;
  OptimizerChoice optimizer;
  std::vector<ParamSlice> slices;   // of all weights but statistics, frozen ones too
  std::vector<std::string> frozen;  // weights and statistics, where no phase says otherwise
  std::vector<Phase> phases;        // at least one
  std::unique_ptr<Schedule> schedule;
  std::optional<Warmup> warmup;
  std::vector<std::string> notes;  // sentences that who starts or checks this should be told

  std::int64_t eval_batch() const { return config.data.eval_batch.value_or(config.data.batch); }
  /// The samples are pieces of one sequence, which the places of a batch follow.
  bool streams() const { return source && source->spec().order == SampleOrder::stream; }
  bool shuffles() const { return config.data.shuffle.value_or(!streams()); }
  /// Keeps weights and statistics from being trained. Throws UserError where the optimiser's
  /// options name only such.
  void freeze(std::vector<std::string> names);
  /// The weights with those frozen, before they have values.
  WeightStore make_store(WeightMemory memory = WeightMemory::allocated) const;
  /// Batches that make up one optimiser step.
  std::int64_t batches_per_step() const;
  /// Of those batches.
  std::int64_t steps_per_epoch(const Batches& train) const;
};

/// Reads and checks everything; throws one UserError with all that is wrong.
Setup load_setup(const SetupOptions& options);

}  // namespace dl
