#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/exit_code.h"
#include "core/file_system.h"
#include "engine/train/requirement.h"
#include "engine/train/setup.h"
#include "engine/train/transfer.h"

namespace dl {

struct TrainOptions {
  SetupOptions setup;
  std::string run;         // --run; "": runs/<name>-NNN
  std::string init;        // --init WEIGHTS: start from these
  bool finetunes = false;  // the config must say where weights come from
  std::optional<double> max_seconds;
  std::vector<Requirement> requirements;
  bool quiet = false;  // the console gets the result alone
  std::string commit;  // of dltool's sources; "": not known
  /// Shows the network to a person, and what is transferred to it (null: nothing).
  std::function<void(const Setup&, const Transfer*)> before_start;
};

/// Trains a config in a new run folder, from the first step to the result. Everything that a user
/// can cause is a UserError.
ExitCode train_run(FileSystem& files, const TrainOptions& options);

struct ResumeOptions {
  std::string run;
  std::vector<std::string> sets;  // only what may_change()
  std::string data_dir;
  std::optional<double> max_seconds;
  std::vector<Requirement> requirements;
  bool quiet = false;
};
/// Goes on with a run where its newest checkpoint left off; to the same bits, on the same machine.
ExitCode resume_run(FileSystem& files, const ResumeOptions& options);

}  // namespace dl
