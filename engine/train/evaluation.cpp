#include "engine/train/evaluation.h"

#include "engine/train/environment.h"
#include "engine/train/run_training.h"
#include "engine/train/workspace.h"

namespace dl {

Evaluation evaluate_network(const EvalOptions& options, const StopFlag& stop) {
  Evaluation result;
  const Setup setup = load_trained(options.setup, options.weights, result.notes);
  if (!setup.source)
    throw UserError(setup.config.data.mark, "data.source is missing: evaluation needs data");
  use_threads_of(setup.config);
  OpenData data(setup, stop);
  const Split split = choose_split(options.split, data);
  result.split = split_name(split);
  WeightStore store(setup.graph);
  result.weights = load_chosen_weights(options.setup.config, options.weights, store, result.notes);
  Programs programs(setup.graph, store);
  add_programs(programs, Purpose::evaluate, setup.eval_batch(), data.samples(split),
               setup.streams());
  const auto batches = data.evaluation_batches(split);
  for (std::string& note : data.notes()) result.notes.push_back(std::move(note));
  check_memory({{"weights", 2 * store.flat().size_bytes()},
                {"activations", programs.arena_bytes()},
                {"prefetched batches", batches->buffer_bytes()}},
               memory_limit_bytes());
  programs.bind();
  const Meter meter(setup.graph, setup.eval_pipeline->spec());
  MetricSums sums;
  std::vector<const void*> tensors;
  batches->start(0);
  programs.reset_states(Purpose::evaluate);
  while (const Batch* batch = batches->next()) {
    if (stop.requested()) break;
    point_at(*batch, tensors);
    Program& program = programs.get(Purpose::evaluate, static_cast<std::int64_t>(batch->samples));
    program.run(tensors, {});
    meter.add(program, tensors, sums);
    if (!meter.label_slot()) continue;
    const std::size_t classes = static_cast<std::size_t>(program.output_shape().back());
    const auto* labels = static_cast<const std::int32_t*>(tensors[*meter.label_slot()]);
    if (!result.confusion) result.confusion.emplace(classes);
    result.confusion->add(program.output(), {labels, program.output().size() / classes});
  }
  result.samples = sums.samples;
  result.metrics = meter.metrics(sums, Purpose::evaluate);
  add_baselines(*batches, result.metrics);
  if (result.confusion)
    result.class_names = names_of_classes(*setup.source, result.confusion->classes());
  return result;
}

}  // namespace dl
