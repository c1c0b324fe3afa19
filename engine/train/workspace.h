#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/stop_flag.h"
#include "datasets/batches.h"
#include "datasets/splits.h"
#include "engine/plan/program.h"
#include "engine/train/meter.h"
#include "engine/train/setup.h"

namespace dl {

/// The data of a setup, opened, and its batches.
class OpenData {
 public:
  OpenData(const Setup& setup, const StopFlag& stop);

  bool has(Split split) const { return data_.has(split); }
  /// What there is not of the training data, in words; "": nothing is missing.
  std::string missing();
  /// Batches of a split, in training's order and transforms or in evaluation's.
  std::unique_ptr<Batches> training_batches();
  std::unique_ptr<Batches> evaluation_batches(Split split);
  /// Every training sample once, in order; epochs are views.
  std::unique_ptr<Batches> ordered_training_batches();
  /// As the first two, of samples that were computed from a split's.
  std::unique_ptr<Batches> cached_training_batches(SampleSet set, const Pipeline& pipeline,
                                                   bool holds_views);
  std::unique_ptr<Batches> cached_evaluation_batches(SampleSet set, const Pipeline& pipeline);
  /// Batches of files that are none of the splits, to be predicted: pictures and folders of them
  /// where the samples are pictures, else one file; see DataSource::open_file().
  std::unique_ptr<Batches> file_batches(std::span<const std::string> paths, bool skip_bad);
  /// Changes when the split's samples do, or their content.
  std::string fingerprint(Split split);
  const Dataset& dataset(Split split) { return *data_.open(split).dataset; }
  std::size_t samples(Split split) { return data_.open(split).samples.size(); }
  /// What there is to tell of the splits that were opened, and of samples that batches leave out.
  std::vector<std::string> notes() const;

 private:
  BatchOptions training_options() const;
  std::vector<std::vector<std::uint32_t>> drawn_classes();
  std::unique_ptr<Batches> batches_of(Split split, const Pipeline& pipeline, BatchOptions options,
                                      const StopFlag* stop);

  const Setup& setup_;
  const StopFlag& stop_;
  RunData data_;
  std::unique_ptr<Dataset> file_;
  std::optional<Pipeline> file_pipeline_;
  std::vector<std::uint32_t> file_samples_;
  std::vector<std::string> left_out_;  // sentences
};

/// What a command looks at: test if there is one, else valid, unless said. Throws UserError when
/// there is no such data.
Split choose_split(std::optional<Split> said, const OpenData& data);

/// The data's names of the classes, or their numbers.
std::vector<std::string> names_of_classes(const DataSource& source, std::size_t classes);

/// Records the programs that batches of `samples` need: whole ones, and a partial last one.
void add_programs(Programs& programs, Purpose purpose, std::int64_t batch, std::size_t samples,
                  bool drop_last);

/// Records the programs of a run: of training, and of evaluating what there is to evaluate. Null:
/// the data is not there, and whole batches are expected.
void add_run_programs(Programs& programs, const Setup& setup, OpenData* data);

}  // namespace dl
