#include "engine/train/data_rules.h"

#include <algorithm>

#include "datasets/labels.h"

namespace dl {
namespace {

bool is_mixing(const TypedNode& transform) {
  return transform.type == "mixup" || transform.type == "cutmix";
}

void check_targets_agree(const Setup& setup, Problems& problems) {
  const auto& train = setup.train_pipeline->spec().targets;
  const auto& eval = setup.eval_pipeline->spec().targets;
  if (train.empty()) return;
  if (setup.train_pipeline->soft_labels() && eval[0].type == DataType::s32) return;
  if (train[0].type == eval[0].type && train[0].shape == eval[0].shape) return;
  const DataConfig& data = setup.config.data;
  const auto is_one_hot = [](const TypedNode& transform) { return transform.type == "one_hot"; };
  auto one_hot = std::ranges::find_if(data.train_transforms, is_one_hot);
  if (one_hot == data.train_transforms.end())
    one_hot = std::ranges::find_if(data.eval_transforms, is_one_hot);
  problems.add(one_hot->type_mark,
               "data.transforms: one_hot: train and eval give different targets",
               "the same one_hot belongs into both; mixup and cutmix need none");
}

/// Class probabilities, in training, where labels are whole numbers in evaluation: whoever reads
/// them must take both.
void check_soft_labels(const Setup& setup, const TypedNode& mixing, Problems& problems) {
  const auto soft = std::ranges::find_if(setup.graph.nodes, [](const Node& node) {
    return node.input && node.input->soft_classes > 0;
  });
  if (soft == setup.graph.nodes.end()) return;
  const auto labels = static_cast<int>(soft - setup.graph.nodes.begin());
  const auto shapes = infer_shapes(setup.graph, 1);
  for (const Node& node : setup.graph.nodes) {
    const auto reads = std::ranges::find(node.src, Port{labels, 0});
    if (reads == node.src.end()) continue;
    const bool takes_shares = node.kind->loss && node.kind->loss->task == LossTask::classes;
    if (!takes_shares || reads != node.src.begin() + 1) {
      problems.add(node.mark, "'" + node.name + "' reads " + soft->name + ", which " + mixing.type +
                                  " makes class probabilities: only cross_entropy takes those");
      continue;
    }
    const Node& prediction = setup.graph.nodes[static_cast<std::size_t>(node.src[0].node)];
    const auto& results = shapes[static_cast<std::size_t>(node.src[0].node)];
    const std::int64_t predicted = results[static_cast<std::size_t>(node.src[0].output)].back();
    if (predicted == soft->input->soft_classes) continue;
    problems.add(mixing.type_mark,
                 "data.transforms: " + mixing.type + ": makes probabilities of " +
                     std::to_string(soft->input->soft_classes) + " classes, but '" +
                     prediction.name + "' predicts " + std::to_string(predicted),
                 "data.classes: " + std::to_string(predicted) + " says how many there are");
  }
}

/// Draws by class need classes, and an order that is free.
void check_sampler(const Setup& setup, Problems& problems) {
  const DataConfig& data = setup.config.data;
  if (!setup.source || data.sampler.kind != SamplerKind::balanced) return;
  const DataSpec& spec = setup.source->spec();
  const std::string what = "data: sampler: balanced, but ";
  if (spec.order != SampleOrder::any)
    problems.add(data.sampler.mark, what + "the samples of this source follow on one another");
  else if (!has_labels(spec))
    problems.add(data.sampler.mark, what + "the samples have no classes");
  if (data.shuffle == false)
    problems.add(data.sampler.mark, what + "shuffle is false: what is drawn has no order to keep");
}

/// Whether a layer or a loss reads the labels: a network that makes images of images does not.
bool reads_labels(const Setup& setup) {
  const Port labels{static_cast<int>(setup.data.inputs.size()), 0};
  return std::ranges::any_of(setup.graph.nodes, [&](const Node& node) {
    return std::ranges::find(node.src, labels) != node.src.end();
  });
}

/// A network that always says the only class is always right and has learnt nothing: the path is
/// mostly one folder too high, or the column a wrong one.
void expect_classes(const Setup& setup) {
  if (!setup.source) return;
  const DataSpec& spec = setup.source->spec();
  if (!has_labels(spec) || spec.classes != 1 || !reads_labels(setup)) return;
  const std::string name = spec.class_names.empty() ? "" : ", '" + spec.class_names[0] + "'";
  throw UserError(ExitCode::data,
                  {Diagnostic{.mark = setup.config.data.source->type_mark,
                              .message = "data.source: all samples are of one class" + name +
                                         "; a classifier needs two or more",
                              .hint = setup.source->one_class_hint(setup.paths)}});
}

}  // namespace

void check_data_rules(const Setup& setup, Problems& problems) {
  check_sampler(setup, problems);
  if (problems.empty()) expect_classes(setup);
  if (!setup.train_pipeline || !setup.eval_pipeline) return;
  const DataConfig& data = setup.config.data;
  check_targets_agree(setup, problems);
  const auto mixing = std::ranges::find_if(data.train_transforms, is_mixing);
  if (mixing == data.train_transforms.end()) return;
  if (data.augment_views) {
    problems.add(mixing->type_mark, "data.transforms: " + mixing->type +
                                        ": mixes other samples each time, so that there cannot be "
                                        "a few fixed views of each (data.augment_views)");
  }
  if (problems.empty()) check_soft_labels(setup, *mixing, problems);
}

}  // namespace dl
