#include "engine/config/config_tables.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "core/text.h"

namespace dl {
namespace {

struct Transforms {
  std::vector<TypedNode> train, eval;
};

ParamTable<Transforms> transforms_table() {
  return {
      with_default("train", &Transforms::train, "applied to each training sample, in order"),
      with_default("eval", &Transforms::eval,
                   "applied to each sample of evaluation and prediction"),
  };
}

Param<DataConfig> transforms_row() {
  ParamSpec spec{"transforms",
                 "map",
                 "what is done to a sample before it is batched",
                 "",
                 false,
                 {},
                 specs_of(transforms_table())};
  return {std::move(spec), [](DataConfig& data, const ConfigNode& node) {
            Transforms transforms = read_params(node, transforms_table());
            data.train_transforms = std::move(transforms.train);
            data.eval_transforms = std::move(transforms.eval);
          }};
}

ParamTable<SplitConfig> split_table() {
  return {
      with_default("valid", &SplitConfig::valid, at_least(0),
                   "samples held out of train for validation: a number, or a fraction below 1; "
                   "of each class alike where the samples have one")
          .also({"val", "validation", "validation_split"}),
      with_default("seed", &SplitConfig::seed, seed_limits(),
                   "which samples are held out; not the run's seed, so that runs that differ in "
                   "that one are compared on the same data"),
  };
}

ParamTable<SubsetConfig> subset_table() {
  return {
      with_default("classes", &SubsetConfig::classes,
                   "names or numbers, in the order of their new labels; all unless said"),
      with_default("per_class", &SubsetConfig::per_class, at_least(1),
                   "training samples of each class; all unless said"),
      with_default("seed", &SubsetConfig::seed, seed_limits(), "which of them"),
  };
}

ParamTable<ClipConfig> clip_table() {
  return {
      with_default("norm", &ClipConfig::norm, above(0),
                   "the gradient's norm over all weights is scaled down to this"),
      with_default("value", &ClipConfig::value, above(0),
                   "each element of the gradient is cut to -value ... value"),
  };
}

ParamTable<EmaConfig> ema_table() {
  return {
      with_default("decay", &EmaConfig::decay, from_to_below(0, 1),
                   "what is kept of the average at each step"),
      with_default("warmup", &EmaConfig::warmup,
                   "start with a smaller decay: min(decay, (1 + step) / (10 + step))"),
  };
}

ParamTable<StopConfig> stop_table() {
  return {
      with_default("patience", &StopConfig::patience, at_least(1),
                   "epochs without a better monitor after which training stops"),
      with_default("min_delta", &StopConfig::min_delta, at_least(0),
                   "what counts as better: at least this much"),
  };
}

/// A key whose absence has a meaning of its own, which its doc says. (with_default() would ask a
/// CheckpointEvery for its text, and GCC 12 takes what lies behind "none" for uninitialized.)
template <class T>
Param<CheckpointEvery> without_default(std::string_view name,
                                       std::optional<T> CheckpointEvery::*field, Limits limits,
                                       std::string_view doc) {
  return param_row(name, field, limits, doc, "", false);
}

ParamTable<CheckpointEvery> every_table() {
  return {
      without_default("epochs", &CheckpointEvery::epochs, at_least(1),
                      "epochs between checkpoints; defaults to 1 where steps is not given either"),
      without_default("steps", &CheckpointEvery::steps, at_least(1),
                      "steps between checkpoints, counted through the run"),
      without_default(
          "seconds", &CheckpointEvery::seconds, at_least(0),
          "the least time between checkpoints: what comes due sooner is saved then, and "
          "the best is kept in memory meanwhile; defaults to 0 where epochs or steps is "
          "given, and to 10 where neither is"),
  };
}

ParamTable<CheckpointConfig> checkpoint_table() {
  return {
      section("every", &CheckpointConfig::every, every_table(),
              "when to save; the end of a run is always saved"),
      with_default("keep", &CheckpointConfig::keep, at_least(1),
                   "how many of the latest are kept, the best one apart"),
  };
}

std::string under(const SectionKeys& owner) {
  return owner.section.empty() ? "to the top level" : "under " + owner.section;
}

/// What to do about a key that this section does not have: it belongs to another, or has another
/// name here or there.
std::string way_out(const std::string& key, std::span<const Word> known, const std::string& section,
                    std::span<const SectionKeys> elsewhere) {
  if (known_elsewhere(key, known)) return did_you_mean(key, known);
  const auto others = [&](const SectionKeys& other) { return other.section != section; };
  for (const SectionKeys& owner : elsewhere | std::views::filter(others)) {
    if (std::ranges::find(owner.keys, key, &Word::name) != owner.keys.end())
      return "; it belongs " + under(owner);
  }
  if (const std::string near = did_you_mean(key, known); !near.empty()) return near;
  for (const SectionKeys& owner : elsewhere | std::views::filter(others)) {
    if (const auto name = known_elsewhere(key, owner.keys))
      return "; it is called '" + *name + "' and belongs " + under(owner);
  }
  return {};
}

/// For a key of --set: the argument with the key that was meant.
std::string set_hint(const Mark& mark, const std::string& key, std::span<const Word> known) {
  if (!mark.valid() || mark.file->path() != "--set" || mark.length < 1) return {};
  const auto name = known_elsewhere(key, known);
  return name ? "write " + set_words(mark, *name) : "";
}

}  // namespace

ThreadCount ValueType<ThreadCount>::read(const ConfigNode& node, const Limits& limits) {
  if (node.is_scalar() && node.text() == "auto") return {};
  if (node.is_scalar() && !node.quoted() && parse_double(node.text()))
    return {ValueType<int>::read(node, limits)};
  throw UserError(node.mark(), "expected auto or an int, found " + node.describe());
}

ComputeThreads ValueType<ComputeThreads>::read(const ConfigNode& node, const Limits& limits) {
  if (node.is_scalar() && node.text() == "measured") return {.measured = true};
  if (node.is_scalar() && node.text() == "auto") return {};
  if (node.is_scalar() && !node.quoted() && parse_double(node.text()))
    return {ValueType<int>::read(node, limits)};
  throw UserError(node.mark(), "expected auto, measured or an int, found " + node.describe());
}

HeldOut ValueType<HeldOut>::read(const ConfigNode& node, const Limits& limits) {
  const double amount = ValueType<double>::read(node, limits);
  // 1.0 would be the fraction that leaves nothing to train on, or a single sample: ask which.
  const bool whole = amount == std::floor(amount) && node.text().find('.') == std::string::npos;
  if (amount >= 1 && !whole) {
    throw UserError(node.mark(),
                    "is " + node.text() + ", must be a whole number, or a fraction below 1");
  }
  if (amount > 9e15) throw UserError(node.mark(), "is " + node.text() + ", which is too large");
  return {amount};
}

Precision ValueType<Precision>::read(const ConfigNode& node, const Limits&) {
  if (node.is_scalar() && node.text() == "f32") return Precision::f32;
  const bool known = node.is_scalar() && node.text() == "bf16";
  throw UserError(node.mark(), known ? "bf16 cannot be trained in yet; use f32"
                                     : "expected f32, found " + node.describe());
}

ParamTable<TopKeys> top_table() {
  return {
      with_default("version", &TopKeys::version, "of the config language; there is only version 1"),
      with_default("extends", &TopKeys::extends,
                   "a config, or a list of them, that this one is put over; relative to this file"),
      with_default("name", &TopKeys::name,
                   "of the run: its folder is runs/<name>-001; the file's name unless said"),
      with_default("seed", &TopKeys::seed, seed_limits(),
                   "of everything random in training: weights, order, augmentation, dropout; "
                   "data.split and data.subset have seeds of their own"),
      with_default("vars", &TopKeys::vars, "values for $name and $(expressions)"),
      with_default("data", &TopKeys::data, "where samples come from and how they are batched")
          .also({"dataset", "datasets"}),
      with_default("blocks", &TopKeys::blocks, "pieces of a graph that are used like layers"),
      required("model", &TopKeys::model, "the network").also({"network", "net", "architecture"}),
      required("loss", &TopKeys::loss, "a loss, or a list of them")
          .also({"criterion", "losses", "objective"}),
      required("optimizer", &TopKeys::optimizer, "how weights are updated")
          .also({"optim", "solver"}),
      with_default("schedule", &TopKeys::schedule,
                   "how the learning rate changes; constant unless said")
          .also({"scheduler", "lr_schedule", "lr_scheduler"}),
      required("train", &TopKeys::train, "how long and how to train").also({"training", "trainer"}),
      with_default("diagnostics", &TopKeys::diagnostics,
                   "logs gradients, weights, updates and dead units by layer; nothing unless said"),
      with_default("finetune", &TopKeys::finetune,
                   "weights that come from elsewhere, and which of them are trained"),
      with_default("phases", &TopKeys::phases,
                   "parts of the run that differ in what is trained, and how fast; a list"),
  };
}

ParamTable<DataConfig> data_table() {
  return {
      with_default("source", &DataConfig::source, "the data set").also({"dataset"}),
      with_default("batch", &DataConfig::batch, between(1, kMaxBatch),
                   "samples in a training batch")
          .also({"batch_size", "bs", "train_batch", "train_batch_size"}),
      with_default("eval_batch", &DataConfig::eval_batch, between(1, kMaxBatch),
                   "samples in a batch of evaluation; batch unless said")
          .also({"eval_batch_size", "valid_batch_size", "test_batch_size"}),
      with_default("drop_last", &DataConfig::drop_last,
                   "leave out a last training batch that is not full")
          .also({"drop_remainder"}),
      with_default(
          "shuffle", &DataConfig::shuffle,
          "a new order of the training samples each epoch; true unless said, false where they are "
          "pieces of one stream"),
      with_default("sampler", &DataConfig::sampler,
                   "what an epoch is: all samples once, or, balanced, as many draws of which each "
                   "class is as likely, rare ones' samples several times"),
      section("split", &DataConfig::split, split_table(), "parts held out of the training samples")
          .also({"valid_split", "validation_split", "val_split", "test_size"}),
      section("subset", &DataConfig::subset, subset_table(),
              "some classes of a classified set, and so many training samples of each"),
      transforms_row(),
      with_default("augment_views", &DataConfig::augment_views, between(1, 1'000'000),
                   "so many random variants of each training sample, one an epoch in turn; another "
                   "one each epoch unless said"),
      with_default("classes", &DataConfig::classes, at_least(1),
                   "number of classes; the source tells it unless said")
          .also({"num_classes", "n_classes", "nc"}),
      with_default("vocabulary", &DataConfig::vocabulary, at_least(1),
                   "number of distinct tokens; the source tells it unless said")
          .also({"vocab", "vocab_size"}),
      with_default("prefetch", &DataConfig::prefetch, between(0, 1000),
                   "batches prepared ahead on threads of their own; 0: no such threads"),
      with_default("workers", &DataConfig::workers, between(1, 256),
                   "those threads; auto: one for each physical core where samples are decoded, "
                   "else one. Any number gives the same bits")
          .also({"num_workers"}),
  };
}

ParamTable<ModelKeys> model_table() {
  ParamTable<ModelKeys> table = {
      with_default("input", &ModelKeys::input, at_least(1),
                   "shape of a sample, without the batch; the data tells it unless said"),
      required("layers", &ModelKeys::layers, "the network's layers, blocks, repeats and ifs"),
      with_default("output", &ModelKeys::output,
                   "the layer that predicts; the last one unless said"),
  };
  table[1].spec.type = "list";
  return table;
}

ParamTable<LossKeys> loss_table() {
  return {
      with_default("name", &LossKeys::name, "in metrics and messages; the loss's type unless said"),
      with_default("from", &LossKeys::from,
                   "the layer that it judges; the model's output unless said"),
      with_default(
          "target", &LossKeys::target,
          "what it compares with: data.label, or a layer; the only target of the data unless said"),
      with_default("mask", &LossKeys::mask,
                   "what counts: a number for each sample or step, or the samples' lengths "
                   "(data.length); all unless said"),
      with_default("weight", &LossKeys::weight, at_least(0), "its share in the sum of the losses"),
      with_default("train_only", &LossKeys::train_only,
                   "evaluation leaves it out, and the layers that only it needs"),
  };
}

ParamTable<TrainConfig> train_table() {
  return {
      required("epochs", &TrainConfig::epochs, at_least(1), "passes over the training samples")
          .also({"num_epochs", "n_epochs", "max_epochs", "epoch"}),
      with_default("max_steps", &TrainConfig::max_steps, at_least(1),
                   "stop after so many steps, wherever in an epoch")
          .also({"steps", "num_steps", "max_iter", "iterations"}),
      section("clip", &TrainConfig::clip, clip_table(), "bounds for the gradient")
          .also({"clip_grad", "grad_clip", "clip_grad_norm", "gradient_clip_val", "max_grad_norm"}),
      section("ema", &TrainConfig::ema, ema_table(),
              "keep an exponential moving average of the weights, and evaluate with it; running "
              "statistics, which are averages already, are taken as they are"),
      with_default("effective_batch", &TrainConfig::effective_batch, at_least(1),
                   "samples in a step; a multiple of data.batch, whose gradients are accumulated"),
      with_default(
          "threads", &TrainConfig::threads, between(1, 4096),
          "threads that compute; auto: one for each physical core of this process; measured: 1, "
          "half of them or all, whichever takes the least time for a step when the run "
          "begins")
          .also({"num_threads", "n_threads"}),
      with_default("precision", &TrainConfig::precision, "number format of the computation"),
      with_default("monitor", &TrainConfig::monitor,
                   "what the best checkpoint is best in, as valid/top1; the first loss's main "
                   "metric on valid unless said"),
      section("stop", &TrainConfig::stop, stop_table(), "stop early")
          .also({"early_stopping", "early_stop"}),
      section("checkpoint", &TrainConfig::checkpoint, checkpoint_table(),
              "when to save, and what to keep"),
      with_default("on_nonfinite", &TrainConfig::on_nonfinite,
                   "what to do when a loss, a gradient or a running statistic is not finite: stop "
                   "with exit code 8, or skip the step"),
      with_default("skip_limit", &TrainConfig::skip_limit, at_least(1),
                   "steps in a row that on_nonfinite: skip leaves out; one more ends training with "
                   "exit code 8"),
      with_default(
          "cache_features", &TrainConfig::cache_features,
          "where the frozen part of a network keeps what it computes of each sample, once; "
          "auto: memory, or the disk, where it pays"),
      with_default("log_every", &TrainConfig::log_every, at_least(1),
                   "steps between lines of progress where there is no terminal"),
  };
}

ParamTable<DiagnosticsConfig> diagnostics_table() {
  return {with_default("every", &DiagnosticsConfig::every, at_least(1),
                       "steps between those that are looked at; the first one always is")};
}

void drop_bad_keys(ConfigNode& map, std::span<const ParamSpec> specs, const std::string& section,
                   std::span<const SectionKeys> elsewhere, Problems& problems) {
  if (!map.is_map()) return;  // the reader says so
  const std::string what = section.empty() ? "" : section + ": ";
  const std::vector<Word> known = words_of(specs);
  std::erase_if(map.entries(), [&](ConfigNode::Entry& entry) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const ParamSpec& s) { return s.name == entry.key; });
    if (spec == specs.end()) {
      problems.add(
          entry.key_mark,
          what + "unknown key '" + entry.key + "'" + way_out(entry.key, known, section, elsewhere),
          set_hint(entry.key_mark, entry.key, known));
      return true;
    }
    if (entry.value.is_null()) {
      problems.add(entry.key_mark, what + "'" + entry.key + "' has no value",
                   spec->nested.empty() ? "" : "leave it out, or write {} for the defaults");
      return true;
    }
    if (!spec->nested.empty()) {
      drop_bad_keys(entry.value, spec->nested,
                    section.empty() ? entry.key : section + "." + entry.key, elsewhere, problems);
    }
    return false;
  });
}

}  // namespace dl
