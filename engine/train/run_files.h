#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/file_system.h"
#include "engine/sinks/console.h"
#include "engine/sinks/sink.h"
#include "engine/train/run_folder.h"
#include "engine/train/train_state.h"

namespace dl {

/// The growing files of a run: metrics.jsonl, metrics.csv, log.txt and, where it is wanted,
/// diagnostics.jsonl. Tells the state how long they are, so that a checkpoint remembers it.
class RunFiles final : public Sink, public AppendTarget {
 public:
  /// `metrics`: the names of the columns.
  RunFiles(FileSystem& files, const std::string& folder, std::vector<std::string> metrics,
           bool diagnostics);

  /// Cuts the metrics files to what they were when the state was saved. One that is shorter than
  /// that was changed by somebody else, or by a machine that failed: it keeps its whole lines, and
  /// `notes` gets a sentence.
  void resume_at(const TrainState& state, std::vector<std::string>& notes);
  /// Cuts the metrics files to nothing but the header, for a run that saved nothing.
  void start_again();
  /// Before a checkpoint that names their sizes.
  void sync();
  void remember_sizes(TrainState& state) const;

  void on_epoch(const EpochReport& report) override;
  void on_diagnosis(const Diagnosis& diagnosis) override;
  void append(const std::string& line) override;

 private:
  std::vector<std::string> metrics_;
  GrowingFile jsonl_, csv_, log_;
  std::optional<GrowingFile> diagnostics_;
};

}  // namespace dl
