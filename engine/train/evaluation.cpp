#include "engine/train/evaluation.h"

#include "engine/train/environment.h"
#include "engine/train/run_memory.h"
#include "engine/train/run_training.h"
#include "engine/train/workspace.h"

namespace dl {
namespace {

/// The data's names of what a yes_no task asks; or their numbers.
std::vector<std::string> names_of_labels(const DataSpec& spec, std::size_t labels) {
  std::vector<std::string> names = spec.target_names;
  if (labels == 1 && names.empty() && spec.class_names.size() == 2) return {spec.class_names[1]};
  for (std::size_t i = names.size(); i < labels; ++i) names.push_back(std::to_string(i));
  return names;
}

std::vector<ClassResult> results_of_classes(const Meter& meter, const MetricSums& sums,
                                            const ConfusionMatrix* confusion,
                                            const DataSource& source) {
  if (!confusion && meter.task() != LossTask::yes_no) return {};
  const std::vector<ClassScores> scores =
      confusion ? confusion->scores() : class_scores(sums.classes);
  const std::vector<std::string> names = confusion ? names_of_classes(source, meter.width())
                                                   : names_of_labels(source.spec(), meter.width());
  std::vector<ClassResult> results;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    ClassResult& result = results.emplace_back(names[c], scores[c]);
    if (!confusion) result.accuracy = answer_accuracy(sums.classes[c], sums.labelled);
    if (!sums.rankings.empty()) result.ranking = sums.rankings[c];
  }
  return results;
}

}  // namespace

Evaluation evaluate_network(const EvalOptions& options, const StopFlag& stop) {
  Evaluation result;
  const Setup setup = load_trained(options.setup, options.weights, result.notes);
  if (!setup.source)
    throw UserError(setup.config.data.mark, "data.source is missing: evaluation needs data");
  use_threads_of(setup.config, result.notes);
  OpenData data(setup, stop);
  const Split split = choose_split(options.split, data);
  result.split = split_name(split);
  const MemoryPart process = process_memory();
  WeightStore store(setup.graph);
  result.weights = load_chosen_weights(options.setup.config, options.weights, store, result.notes);
  Programs programs(setup.graph, store);
  add_programs(programs, Purpose::evaluate, setup.eval_batch(), data.samples(split),
               setup.streams());
  const auto batches = data.evaluation_batches(split);
  for (std::string& note : data.notes()) result.notes.push_back(std::move(note));
  const Meter meter(setup.graph, setup.eval_pipeline->spec());
  MemoryUse memory = inference_memory(process, store, programs, *batches);
  memory.push_back({"scores", meter.score_bytes(batches->samples_per_epoch()), MemoryCause::data});
  check_memory(memory, memory_limit_bytes());
  programs.bind();
  if (meter.task() == LossTask::classes) result.confusion.emplace(meter.width());
  ConfusionMatrix* confusion = result.confusion ? &*result.confusion : nullptr;
  const auto sums = evaluate(programs, meter, *batches, stop, confusion);
  if (!sums) return result;
  result.samples = sums->samples;
  result.metrics = meter.metrics(*sums, Purpose::evaluate);
  add_baselines(*batches, result.metrics);
  result.classes = results_of_classes(meter, *sums, confusion, *setup.source);
  for (std::string& sentence : meter.undefined(*sums)) result.notes.push_back(std::move(sentence));
  return result;
}

}  // namespace dl
