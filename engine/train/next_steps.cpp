#include "engine/train/next_steps.h"

#include <fmt/format.h>

#include "core/text.h"
#include "engine/train/provenance.h"

namespace dl {

std::vector<std::string> next_steps(const Setup& setup, Outcome outcome, ExitCode code,
                                    const std::string& run) {
  const std::string program = program_name(), folder = shell_word(run);
  if (static_cast<int>(code) > 128 || outcome == Outcome::out_of_time)
    return {fmt::format("go on:    {} resume {}", program, folder)};
  if (code != ExitCode::finished) return {};
  return {fmt::format("evaluate: {} eval {}", program, folder),
          setup.streams() ? fmt::format("generate: {} generate {}", program, folder)
                          : fmt::format("predict:  {} predict {}", program, folder)};
}

std::string how_to_go_on(const Setup& setup, const TrainState& state, const std::string& run) {
  const TrainConfig& train = setup.config.train;
  const std::string again = fmt::format("{} resume {} --set ", program_name(), shell_word(run));
  if (stopped_early(train, state)) {
    return fmt::format("this run stopped early, in epoch {}; to go on: {}train.stop.patience={}",
                       state.epoch, again, 2 * train.stop->patience);
  }
  if (train.max_steps && state.step >= *train.max_steps) {
    return fmt::format("this run is complete, with step {} of {}; to go on: {}train.max_steps={}",
                       state.step, *train.max_steps, again, 2 * *train.max_steps);
  }
  if (state.epoch < train.epochs) return {};
  const std::string complete =
      fmt::format("this run is complete, with epoch {} of {}", state.epoch, train.epochs);
  if (setup.phases.size() > 1) {
    return fmt::format("{}; to go on, begin another with its weights: {} finetune CONFIG --from {}",
                       complete, program_name(), shell_word(run));
  }
  return fmt::format("{}; to go on: {}train.epochs={}", complete, again, 2 * train.epochs);
}

}  // namespace dl
