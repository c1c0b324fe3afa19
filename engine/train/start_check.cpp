#include "engine/train/start_check.h"

#include <filesystem>

#include "core/text.h"
#include "engine/train/batch_rules.h"
#include "engine/train/environment.h"
#include "engine/train/training_parts.h"

namespace dl {
namespace {

std::optional<UserError> what_is_lacking(const Setup& setup) {
  if (!setup.source)
    return UserError(setup.config.data.mark, "data.source is missing: training needs data");
  if (setup.config.losses.empty())
    return UserError(setup.config.model.mark, "loss is missing: training needs one");
  return std::nullopt;
}

/// Whether the weights fit, where they are there: a config may name those of a run that is still to
/// come.
void check_source(Setup& setup) {
  if (!setup.config.finetune) return;
  const std::string from = setup.paths.resolve(setup.config.finetune->from.text);
  std::error_code error;
  if (std::filesystem::exists(from, error)) {
    plan_finetune(setup);
    return;
  }
  setup.notes.push_back("finetune.from: there is nothing at '" + from +
                        "' yet, so that its weights were not looked at");
}

/// Of data that nothing is trained on, as there is no loss.
void check_batches(const Setup& setup, OpenData& data) {
  check_training_batches(setup, data.samples(Split::train));
  data.training_batches();
  for (const Split split : {Split::valid, Split::test}) {
    if (data.has(split)) data.evaluation_batches(split);
  }
  check_programs(setup);
}

}  // namespace

void require_trainable(const Setup& setup) {
  if (const auto error = what_is_lacking(setup)) throw UserError(*error);
}

std::optional<FirstWeights> plan_finetune(Setup& setup) {
  if (!setup.config.finetune) return std::nullopt;
  WeightSource source = open_source(setup);
  Transfer transfer = plan_transfer(setup, source);
  setup.freeze(transfer.frozen());
  return FirstWeights{std::move(source), std::move(transfer)};
}

void check_start(Setup& setup) {
  check_source(setup);
  use_threads_of(setup.config, setup.notes);  // primitives need memory for each
  const auto lacking = what_is_lacking(setup);
  if (lacking) setup.notes.push_back(lacking->diagnostics()[0].message);
  if (!setup.source) return check_programs(setup);
  const StopFlag none;
  OpenData data(setup, none);
  if (const std::string missing = data.missing(); !missing.empty()) {
    setup.notes.push_back("the data was not looked at: " + missing);
    return check_programs(setup);
  }
  if (lacking)
    check_batches(setup, data);
  else
    const TrainingParts parts(setup, data);
  for (std::string& note : data.notes()) setup.notes.push_back(std::move(note));
}

void check_measured(const Setup& setup) {
  if (!setup.config.finetune) check_features(setup);  // else what is frozen may not be known yet
  check_training_batches(setup, std::nullopt);
  if (!setup.source || trains_on_any_batch(setup)) return;
  const StopFlag none;
  OpenData data(setup, none);
  if (data.missing().empty()) check_training_batches(setup, data.samples(Split::train));
}

}  // namespace dl
