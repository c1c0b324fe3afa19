#pragma once

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/file_system.h"
#include "engine/train/carried_states.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/feature_cache.h"
#include "engine/train/requirement.h"
#include "engine/train/run_files.h"
#include "engine/train/run_folder.h"
#include "engine/train/run_training.h"
#include "engine/train/saver.h"
#include "engine/train/training_parts.h"
#include "engine/train/transfer.h"

namespace dl {

/// All that a run needs while it lasts, built in the order in which it can fail. Whatever a user
/// can cause is thrown as UserError.
class Session {
 public:
  /// `setup` and `stop` are borrowed. The weights start as the config says.
  Session(FileSystem& files, const Setup& setup, RunFolder folder, StopFlag& stop);

  /// Weights of a file, or of another network. What the network has no place for goes to `notes`.
  void init_from(const std::string& path, std::vector<std::string>& notes);
  void init_from(const Transfer& transfer, const WeightSource& source);
  /// Weights that came from a file are not in the config: without this a run that dies before its
  /// first checkpoint could not be started again.
  void save_start();

  /// Nothing was saved before the run died: what it wrote of its metrics goes.
  void start_again() { run_files_->start_again(); }
  void resume_from(const LoadedCheckpoint& checkpoint, std::vector<std::string>& notes);

  /// Throws UserError where the result will lack what is required; before anything is trained.
  void check(const std::vector<Requirement>& requirements) const;

  /// Trains to an end, evaluates, and writes exit.json, also where it throws.
  ExitCode run(std::vector<std::string> notes, const std::optional<double>& max_seconds,
               const std::vector<Requirement>& requirements);

  RunFolder& folder() { return folder_; }
  /// What the console shows of the run; all of it unless said.
  void set_verbosity(Verbosity verbosity) { verbosity_ = verbosity; }

 private:
  ExitCode run_phases(Sinks& sinks, std::vector<std::string> notes,
                      const std::optional<double>& max_seconds,
                      const std::vector<Requirement>& requirements);
  std::span<const CarriedState> carried();
  std::vector<std::string> metric_names() const;
  void prepare_programs();
  void enter_phase(std::size_t number);
  std::int64_t epochs_to_come() const;
  bool open_features(Sinks& sinks);
  void close_features();
  Job job_of(std::size_t phase, Sinks& sinks, double seconds_left);
  void tell_phase(Sinks& sinks) const;
  void tell_start(Sinks& sinks, std::vector<std::string> notes);
  CheckpointContent content(const TrainState& state);
  void save_what_is_held() noexcept;
  double seconds_here() const;
  std::string load_recommended(Sinks& sinks);
  std::string divergence() const;
  std::optional<EpochReport> evaluate_split(Batches* batches, const std::string& split,
                                            Sinks& sinks);
  bool evaluate_result(RunEnd& end, Sinks& sinks, const std::vector<Requirement>& requirements,
                       std::string& unmet);
  ExitCode finish(Outcome outcome, Sinks& sinks, const std::vector<Requirement>& requirements);
  void write_exit(const RunEnd& end, ExitCode code);
  void write_failure(const FailureReport& failure);

  FileSystem& files_;
  const Setup& setup_;
  RunFolder folder_;
  StopFlag& stop_;
  OpenData data_;
  TrainingParts parts_;  // programs and slices of the phase; no programs while there are features
  std::size_t phase_ = 0;
  std::unique_ptr<FeatureCache> features_;  // of the phase, where it has any
  std::optional<Saver> saver_;
  std::unique_ptr<RunFiles> run_files_;
  RunIdentity identity_;
  TrainState state_;
  std::chrono::steady_clock::time_point began_;  // this session
  double elapsed_before_ = 0;                    // seconds of those before it
  Verbosity verbosity_ = Verbosity::normal;
};

}  // namespace dl
