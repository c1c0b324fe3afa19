#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/file_system.h"
#include "datasets/feature_rows.h"
#include "engine/plan/features.h"
#include "engine/sinks/sink.h"
#include "engine/train/meter.h"
#include "engine/train/workspace.h"

namespace dl {

/// What stands against caching the features of this setup, in words; "": nothing.
std::string obstacle_to_features(const Setup& setup);

/// Throws UserError (ExitCode::memory) where the config wants features in memory that is not
/// `left`, of the part that `store` has frozen.
void expect_feature_memory(const Setup& setup, OpenData& data, const WeightStore& store,
                           std::size_t left);

/// What a cache is made from; all borrowed. The store is frozen as the phase wants it.
struct FeatureRequest {
  const Setup& setup;
  FileSystem& files;
  OpenData& data;
  WeightStore& store;
  const StopFlag& stop;
  std::size_t memory_left = 0;  // bytes
  std::int64_t epochs = 0;      // that will be trained on it
  std::function<void(const std::string&)> tell;
  std::function<void(const WorkReport&)> work;  // told after each batch
};

/// Training behind the fixed part of a network: what that computes of each sample is computed once
/// and kept. Programs, batches and meter of the rest give the same bits as those of the whole.
class FeatureCache {
 public:
  enum class Result { made, not_wanted, stopped };
  /// Computes the features of train and valid where that pays, or where the config says so, which
  /// is not `off`; tells what it does. Throws UserError (ExitCode::output, memory).
  static Result make(const FeatureRequest& request, std::unique_ptr<FeatureCache>& cache);

  Programs& programs() { return *programs_; }
  const Meter& meter() const { return *meter_; }
  Batches& train() { return *train_.batches; }
  Batches* valid() { return valid_.batches.get(); }

 private:
  /// One split as the rest of the network sees it.
  struct Part {
    std::unique_ptr<FeatureRows> rows;
    std::vector<std::uint32_t> samples;
    std::unique_ptr<Pipeline> pipeline;
    std::unique_ptr<Batches> batches;
  };

  friend class FeatureMaker;
  Part train_, valid_;
  std::unique_ptr<Meter> meter_;
  std::unique_ptr<Programs> programs_;
};

}  // namespace dl
