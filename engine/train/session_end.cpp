#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/standard_streams.h"
#include "engine/train/next_steps.h"
#include "engine/train/session.h"

// How a session ends: the result of the weights that the run recommends, and exit.json.
namespace dl {

/// Puts the weights that the run recommends into the store; says which they are.
std::string Session::load_recommended(Sinks& sinks) {
  const bool has_best = state_.best_epoch > 0;
  std::vector<std::string> skipped;
  const LoadedCheckpoint checkpoint =
      find_checkpoint(folder_.path(), has_best ? Which::best : Which::last, skipped,
                      Substitute::allowed, Keep::weights);
  for (const std::string& sentence : skipped) sinks.tell(&Sink::on_note, sentence);
  std::vector<std::string> unused;
  const bool average = checkpoint.ema.has_value();
  load_weights(parts_.store, average ? *checkpoint.ema : checkpoint.model, checkpoint.folder,
               unused);
  const std::string which = !skipped.empty() ? fmt::format("step {}", checkpoint.step)
                            : has_best       ? fmt::format("best, epoch {}", state_.best_epoch)
                                             : fmt::format("last, epoch {}", state_.epoch);
  return which + (average ? ", averaged" : "");
}

std::optional<EpochReport> Session::evaluate_split(Batches* batches, const std::string& split,
                                                   Sinks& sinks) {
  if (!batches) return std::nullopt;
  const auto sums = evaluate(*parts_.programs, parts_.meter, *batches, stop_);
  if (!sums) return std::nullopt;
  if (batches == parts_.test.get()) {  // the first epoch has reported it of valid
    for (const std::string& sentence : parts_.meter.undefined(*sums))
      sinks.tell(&Sink::on_note, split + ": " + sentence);
  }
  EpochReport report = make_report(parts_.meter, *sums, Purpose::evaluate, split, state_);
  add_baselines(*batches, report.metrics);
  return report;
}

/// Evaluates the weights that the run recommends, on all that was not trained on. False: a signal
/// came meanwhile, and resuming the run evaluates again.
bool Session::evaluate_result(RunEnd& end, Sinks& sinks,
                              const std::vector<Requirement>& requirements, std::string& unmet) {
  close_features();
  std::string weights;
  try {
    weights = load_recommended(sinks);
  } catch (const UserError& error) {  // the training counts all the same
    if (error.code() != ExitCode::weights) throw;
    const std::string why = error.diagnostics()[0].message;
    sinks.tell(&Sink::on_note, "the result is not evaluated: " + why + "; the training is whole: " +
                                   "dltool eval " + folder_.path() + " evaluates it");
    if (!requirements.empty()) unmet = "--require cannot be checked: " + why;
    return true;
  }
  const auto valid = evaluate_split(parts_.valid.get(), "valid", sinks),
             test = evaluate_split(parts_.test.get(), "test", sinks);
  if ((parts_.valid && !valid) || (parts_.test && !test)) return false;
  if (test) sinks.tell(&Sink::on_epoch, *test);
  end.result = test ? test : valid;
  end.weights = weights;
  unmet = unmet_requirement(requirements, valid, test);
  return true;
}

std::string Session::divergence() const {
  const TrainConfig& train = setup_.config.train;
  const std::string what = "a loss, a gradient or a running statistic is not finite in ";
  if (train.on_nonfinite == OnNonfinite::stop) {
    return fmt::format("{}step {}; the last checkpoint is as it was (train.on_nonfinite: stop)",
                       what, state_.step);
  }
  return fmt::format(
      "{}the {} steps up to step {}, more than train.skip_limit, {}, allows; the last "
      "checkpoint is as it was",
      what, state_.skipped_in_row, state_.step, train.skip_limit);
}

ExitCode Session::finish(Outcome outcome, Sinks& sinks,
                         const std::vector<Requirement>& requirements) {
  RunEnd end{.outcome = std::string(outcome_text(outcome)),
             .folder = folder_.path(),
             .result = {},
             .weights = {},
             .seconds = 0};
  ExitCode code = ExitCode::finished;
  std::string unmet;
  if (outcome == Outcome::diverged) {
    code = ExitCode::diverged;
    sinks.tell(&Sink::on_note, divergence());
  } else if (outcome == Outcome::interrupted || !evaluate_result(end, sinks, requirements, unmet)) {
    end.outcome = outcome_text(Outcome::interrupted);
    code = static_cast<ExitCode>(128 + stop_.signal.load());
  } else if (!unmet.empty()) {
    code = ExitCode::requirement;
  }
  state_.elapsed_seconds = end.seconds = elapsed_before_ + seconds_here();
  folder_.expect_there();
  end.next = next_steps(setup_, outcome, code, folder_.path());
  sinks.tell(&Sink::on_end, end);
  const auto lost = code == ExitCode::finished ? lost_result() : std::nullopt;
  write_exit(end, lost ? ExitCode::output : code);
  if (lost) throw FileError("write", "the result to stdout", *lost);
  if (!unmet.empty()) throw UserError(ExitCode::requirement, unmet);
  return code;
}

void Session::write_exit(const RunEnd& end, ExitCode code) {
  nlohmann::ordered_json out = {{"outcome", end.outcome},
                                {"exit_code", static_cast<int>(code)},
                                {"epoch", state_.epoch},
                                {"step", state_.step},
                                {"seconds", end.seconds}};
  if (end.result) {
    for (const auto& [name, value] : end.result->metrics) out[end.result->split][name] = value;
    out["weights"] = end.weights;
  }
  folder_.write("exit.json", out.dump(2) + "\n");
}

/// Where the failure is that nothing can be written, the run is shown as crashed.
void Session::write_failure(const FailureReport& failure) {
  if (exists(folder_.file("exit.json"))) return;  // a requirement that is not met has written it
  const nlohmann::ordered_json out = {
      {"outcome", "failed"},      {"exit_code", static_cast<int>(failure.code)},
      {"error", failure.message}, {"epoch", state_.epoch},
      {"step", state_.step},      {"seconds", state_.elapsed_seconds}};
  try {
    folder_.expect_there();
    folder_.write("exit.json",
                  out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } catch (const std::exception&) {
  }
}

}  // namespace dl
