#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/config/flat_config.h"
#include "engine/sinks/sink.h"

namespace dl {

/// What a run's folder tells of it, however it ended.
struct RunReport {
  /// A metric at the epoch where it was best.
  struct Best {
    std::string metric;
    double value = 0;
    std::int64_t epoch = 0;
    double loss = 0;  // of the same split there: of equals the one with the lower loss counts
  };
  std::string path;     // as it was given
  std::string name;     // the config's; "" when that is damaged
  std::string outcome;  // as in exit.json; "running", or "crashed" where nobody works and none is
  std::optional<int> exit_code;
  std::int64_t epoch = 0;  // finished ones
  std::int64_t step = 0;
  double seconds = 0;  // of all sessions, as far as they are known
  std::optional<std::int64_t> epochs, parameters;
  std::string final_split, split;  // of `result`; of `last` and `best`. "": there is none
  Metrics result;                  // on test or valid, with the weights that the run recommends
  Metrics last;                    // of the newest epoch, on valid or else on train
  std::vector<Best> best;          // on the same split
  std::optional<FlatConfig> config;
  std::vector<std::string> damage;  // sentences: what could not be read
};

/// Reads a run without changing anything. Throws UserError (ExitCode::run_folder) when there is
/// none; one that is damaged is no error.
RunReport read_run(const std::string& path);

}  // namespace dl
