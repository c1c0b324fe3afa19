#pragma once

#include <span>

#include "datasets/dataset.h"

namespace dl {

/// The samples of a split: some or all of a data set's. Borrowed from RunData.
struct SampleSet {
  const Dataset* dataset = nullptr;
  std::span<const std::uint32_t> samples;  // indices into the data set, ascending
};

/// Disjoint and together everything. Both ascending.
struct HoldOut {
  std::vector<std::uint32_t> train, valid;
};
/// A function of count and seed alone.
HoldOut hold_out(std::size_t count, std::size_t valid, std::uint64_t seed);
/// Of each class as large a share as of all, by largest remainder; a function of labels and seed
/// alone. A class of two samples or more keeps one for training, and has one held out where as
/// many are held out as there are such classes. `labels` are below `classes`.
HoldOut hold_out_by_class(std::span<const std::int32_t> labels, std::size_t classes,
                          std::size_t valid, std::uint64_t seed);

/// The data of a run: every split is opened when it is first asked for.
class RunData {
 public:
  /// `valid`: what is held out of train as valid, by class where the samples have one: a number of
  /// samples, a share below 1, or 0 for nothing. `seed` says which.
  RunData(const DataSource& source, DataPaths paths, double valid, std::uint64_t seed);

  bool has(Split split) const;
  /// Only for a split that has(); throws UserError (ExitCode::data).
  SampleSet open(Split split);
  /// What the splits that were opened have to tell.
  std::vector<std::string> notes() const;

 private:
  struct Opened {
    std::unique_ptr<Dataset> dataset;
    std::vector<std::uint32_t> samples;
  };
  void open_train();
  HoldOut held_out(std::size_t wanted) const;

  const DataSource& source_;
  DataPaths paths_;
  double held_out_;
  std::uint64_t seed_;
  Opened train_, valid_, test_;
  std::vector<std::uint32_t> held_out_samples_;  // of train_
};

}  // namespace dl
