#include "engine/train/setup.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "datasets/batches.h"
#include "datasets/data_file.h"
#include "datasets/subset.h"
#include "engine/config/config_path.h"
#include "engine/train/data_paths.h"
#include "engine/train/data_rules.h"
#include "engine/train/loss_weights.h"
#include "engine/train/metric_spec.h"
#include "engine/train/monitor.h"
#include "engine/train/run_places.h"
#include "engine/train/run_training.h"
#include "engine/train/sequence_rules.h"
#include "engine/train/target_rules.h"
#include "engine/train/transfer.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// Losses too: the graph knows better than "unknown layer" what to say of one among the layers.
std::vector<Word> layer_types() {
  std::vector<Word> types;
  for (const LayerKind& kind : all_layers()) types.emplace_back(kind.name, kind.others);
  return types;
}

std::vector<std::string> layer_results() {
  std::vector<std::string> results;
  for (const LayerKind& kind : all_layers())
    results.insert(results.end(), kind.outputs.begin(), kind.outputs.end());
  return results;
}

template <class K>
void add_sections(const std::string& section, const std::vector<K>& kinds,
                  std::vector<SectionKeys>& sections) {
  for (const K& kind : kinds) {
    sections.push_back({section + "." + std::string(kind.name), words_of(kind.params)});
  }
}

std::vector<DataTensor> tensors_of(const std::vector<Field>& fields) {
  std::vector<DataTensor> tensors;
  for (const Field& field : fields)
    tensors.push_back({field.name, {field.shape, field.type == DataType::s32}});
  return tensors;
}

template <class Act>
void collect(Problems& problems, const std::string& prefix, const Act& act) {
  try {
    act();
  } catch (const UserError& error) {
    if (error.code() != ExitCode::config) throw;
    problems.add(error, prefix);
  }
}

/// Pictures may be of any size until a transform gives them one.
bool shapes_known(const DataSpec& spec) {
  const auto known = [](const Field& field) { return field.encoded || field.elements() > 0; };
  return std::ranges::all_of(spec.inputs, known) && std::ranges::all_of(spec.targets, known);
}

/// What the disk would tell is not needed to check, to count and to time a network, where the
/// config says how large a sample is: whoever opens the data says what is wrong with it.
void look_up_if_there(DataSource& source, const DataPaths& paths) {
  try {
    source.look_up(paths);
  } catch (const UserError& error) {
    if (error.code() != ExitCode::data || !shapes_known(source.spec())) throw;
  }
}

/// For an expression, which cannot do without `key`: classes or vocabulary.
DataFacts facts_of(const TypedNode& node, const std::string& key, const DataPaths& paths) {
  const auto source = make_data_source(node);
  const DataSpec& spec = source->spec();
  const bool classes = key == "classes";
  if (classes ? spec.classes : spec.vocabulary) return {spec.classes, spec.vocabulary};
  const auto expect_classes = [&] {
    const auto advice = source->no_classes();
    if (classes && advice)
      throw UserError(node.type_mark, node.type + ": $data.classes: " + advice->what, advice->hint);
  };
  expect_classes();
  try {
    source->look_up(paths);
    expect_classes();
  } catch (const MissingData& error) {  // what is wrong inside of a file is told as it is
    Diagnostic found = error.diagnostics()[0];
    found.mark = node.type_mark;
    found.message = node.type + ": " + found.message + "; $data." + key + " needs the number of " +
                    (classes ? "classes" : "tokens");
    found.hint += (found.hint.empty() ? "" : "; ") + std::string("or write ") + key +
                  ": under data, their number, or in the source, " +
                  (classes ? "their names" : "the tokens");
    throw UserError(error.code(), {found});
  }
  return {spec.classes, spec.vocabulary};
}

/// Adds to the notes what the source guessed: it does so once, as what it finds stays in its entry.
void complete_source(TypedNode& node, const std::vector<LossDecl>& losses, const DataPaths& paths,
                     std::vector<std::string>& notes) {
  try {
    const auto source = make_data_source(node);
    prepare_targets(*source, node, losses);
    look_up_if_there(*source, paths);
    for (std::string& note : source->notes()) notes.push_back(std::move(note));
    source->complete(node.params);
  } catch (const UserError& error) {
    if (error.code() != ExitCode::config) throw;  // read_data() tells
  }
}

/// The config may count more than the source has, for those that other data have.
void expect_no_fewer(const std::string& key, std::optional<std::int64_t> said,
                     std::optional<std::int64_t> known, const Mark& mark) {
  if (!said || !known || *said >= *known) return;
  throw UserError(mark, key + " is " + std::to_string(*said) + ", but the source has " +
                            std::to_string(*known));
}

/// What makes no sense where samples are not each for themselves.
void check_order(const DataConfig& data, SampleOrder order) {
  if (order != SampleOrder::any && data.split.valid.amount > 0) {
    throw UserError(data.mark,
                    "split: the samples of this source follow on one another, so that none can be "
                    "held out by chance",
                    "the source's own valid and test say what is kept apart");
  }
  if (order != SampleOrder::stream) return;
  if (data.shuffle == true)
    throw UserError(data.mark, "shuffle: true, but the samples are pieces of one stream, in order");
  if (!data.drop_last) {
    throw UserError(data.mark,
                    "drop_last: false, but the samples are pieces of one stream, which the places "
                    "of a batch share evenly");
  }
}

/// How many labels the first target can have. That of a stream of tokens is the token that follows.
std::optional<std::int64_t> classes_of(const DataConfig& data, const DataSpec& spec) {
  if (spec.order == SampleOrder::stream && spec.token_rule)
    return data.vocabulary ? data.vocabulary : spec.vocabulary;
  return data.classes ? data.classes : spec.classes;
}

SubsetOptions subset_of(const DataConfig& data) {
  SubsetOptions options{.classes = {},
                        .per_class = data.subset->per_class,
                        .seed = data.subset->seed,
                        .mark = data.mark};
  for (const MarkedText& name : data.subset->classes)
    options.classes.push_back({name.text, name.mark});
  return options;
}

/// What transforms start from: where the config counts more classes than the source has, class
/// probabilities have a place for each.
DataSpec transformed_spec(const Setup& setup) {
  DataSpec spec = setup.source->spec();
  const auto& said = setup.config.data.classes;
  if (said && spec.classes) spec.classes = std::max(*said, *spec.classes);
  return spec;
}

/// Labels stay what they are where only training makes class probabilities of them.
DataInterface interface_of(const Setup& setup) {
  const DataConfig& data = setup.config.data;
  const DataSpec &train = setup.train_pipeline->spec(), &eval = setup.eval_pipeline->spec();
  const bool soft = setup.train_pipeline->soft_labels() && eval.targets[0].type == DataType::s32;
  DataInterface interface {
    tensors_of(train.inputs), tensors_of((soft ? eval : train).targets),
        classes_of(data, setup.source->spec()), data.vocabulary ? data.vocabulary : train.vocabulary
  };
  if (soft) interface.targets[0].tensor.soft_classes = train.targets[0].shape[0];
  return interface;
}

void read_data(Setup& setup, Problems& problems) {
  const DataConfig& data = setup.config.data;
  collect(problems, "data: ", [&] {
    if (!data.source) return;
    setup.source = make_data_source(*data.source);
    prepare_targets(*setup.source, *data.source, setup.config.losses);
    if (data.subset) setup.source = take_subset(std::move(setup.source), subset_of(data));
    look_up_if_there(*setup.source, setup.paths);
    const DataSpec& spec = setup.source->spec();
    expect_no_fewer("classes", data.classes, spec.classes, data.mark);
    expect_no_fewer("vocabulary", data.vocabulary, spec.vocabulary, data.mark);
    check_order(data, spec.order);
  });
  if (setup.source) {
    const Mark& place = data.source->type_mark;
    const DataSpec source = transformed_spec(setup);
    collect(problems, "data.transforms: ", [&] {
      setup.train_pipeline.emplace(source, data.train_transforms, place);
    });
    collect(problems, "data.transforms: ", [&] {
      setup.eval_pipeline.emplace(source, data.eval_transforms, place, Randomness::refused);
    });
  }
  if (setup.train_pipeline && setup.eval_pipeline) {
    setup.data = interface_of(setup);
  } else if (setup.config.model.input) {
    setup.data = {
        {{"image", {*setup.config.model.input, false}}}, {{"label", {{}, true}}}, data.classes, {}};
  } else if (!data.source) {
    problems.add(setup.config.model.mark,
                 "neither model.input nor data.source says what the network's input looks like");
  }
}

void check_input_shape(const Setup& setup, Problems& problems) {
  if (!setup.source || !setup.config.model.input || setup.data.inputs.size() != 1) return;
  const auto text = [](std::vector<std::int64_t> shape) {
    shape.insert(shape.begin(), 1);
    return Shape(std::move(shape)).text();
  };
  const auto& said = *setup.config.model.input;
  const auto& found = setup.data.inputs[0].tensor.sample_shape;
  if (said != found)
    problems.add(setup.config.model.mark,
                 "model.input is " + text(said) + ", but the data brings " + text(found));
}

void check_transforms_agree(const Setup& setup, Problems& problems) {
  if (!setup.train_pipeline || !setup.eval_pipeline) return;
  const auto& train = setup.train_pipeline->spec().inputs[0].shape;
  const auto& eval = setup.eval_pipeline->spec().inputs[0].shape;
  if (train != eval)
    problems.add(setup.config.data.mark,
                 "data.transforms: train and eval give samples of different shapes");
}

/// Epochs of the shortest schedule that phases make of the run.
std::int64_t shortest_schedule(const RunConfig& config) {
  std::int64_t shortest = config.train.epochs, epochs = 0;
  for (const PhaseConfig& phase : config.phases) {
    if (phase.schedule == PhaseSchedule::restart && epochs > 0) {
      shortest = std::min(shortest, epochs);
      epochs = 0;
    }
    epochs += phase.epochs;
  }
  return epochs > 0 ? std::min(shortest, epochs) : shortest;
}

void read_optimizer(Setup& setup, Problems& problems) {
  const RunConfig& config = setup.config;
  collect(problems, "optimizer: ", [&] {
    const auto& kind = find_kind<Kind<OptimizerChoice>>(all_optimizers(), config.optimizer.type,
                                                        config.optimizer.type_mark, "optimizer");
    setup.optimizer = kind.make(config.optimizer.params);
  });
  collect(problems, "schedule: ", [&] {
    using ScheduleKind = Kind<std::unique_ptr<Schedule>>;
    const auto& kind = find_kind<ScheduleKind>(all_schedules(), config.schedule.type,
                                               config.schedule.type_mark, "schedule");
    setup.schedule = kind.make(config.schedule.params);
  });
  collect(problems, "schedule.warmup: ", [&] {
    if (config.warmup) setup.warmup = read_warmup(*config.warmup, shortest_schedule(config));
  });
  const ConfigNode* cycles = config.schedule.params.find("cycle_momentum");
  if (setup.schedule && setup.optimizer.optimizer && cycles && cycles->text() == "true" &&
      !setup.optimizer.optimizer->has_momentum()) {
    problems.add(cycles->mark(),
                 "schedule: cycle_momentum: the optimiser has no momentum that could be cycled",
                 "give it one: " + config.optimizer.type + ": {momentum: 0.9, ...}");
  }
}

std::vector<TrainedWeight> trained_weights(const Graph& graph) {
  std::vector<TrainedWeight> trained;
  const WeightLayout layout = lay_out_weights(graph);
  for (const StoredWeight& weight : layout.weights) {
    if (weight.trainable()) trained.push_back({weight.name, weight.offset, weight.size});
  }
  return trained;
}

/// Now, and not when the run has its folder.
void check_monitor(const Setup& setup) {
  if (!setup.source) return;
  const bool has_valid =
      setup.source->has(Split::valid) || setup.config.data.split.valid.amount > 0;
  choose_monitor(setup, Meter(setup.graph, setup.train_pipeline->spec()), has_valid);
}

/// A run's folder, given where a config is wanted, or a folder of runs or configs.
void refuse_folder(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return;
  throw UserError(ExitCode::config, "'" + path + "' is a folder, not a config",
                  is_run_folder(path) ? "it is a run: dltool resume " + shell_word(path) +
                                            " goes on with it, and dltool train " +
                                            shell_word((fs::path(path) / "config.yaml").string()) +
                                            " begins another one like it"
                                      : run_hint(path));
}

}  // namespace

std::int64_t Setup::batches_per_step() const {
  return config.train.effective_batch ? *config.train.effective_batch / config.data.batch : 1;
}

std::int64_t Setup::steps_per_epoch(const Batches& train) const {
  const std::int64_t per_step = batches_per_step();
  return (static_cast<std::int64_t>(train.per_epoch()) + per_step - 1) / per_step;
}

void Setup::freeze(std::vector<std::string> names) {
  frozen = std::move(names);
  phases = phases_of(*this);
}

WeightStore Setup::make_store(WeightMemory memory) const {
  WeightStore store(graph, memory);
  store.freeze(phases[0].frozen);
  return store;
}

Setup load_setup(const SetupOptions& options) {
  Setup setup;
  const std::string path = find_config(options.config);
  refuse_folder(path);
  setup.paths = data_paths(options.data_dir, path);
  ConfigOptions config{.path = path,
                       .sets = options.sets,
                       .data_facts = {},
                       .complete_source = {},
                       .layer_types = layer_types(),
                       .layer_results = layer_results(),
                       .other_sections = {},
                       .reserved_names = reserved_metric_names()};
  const DataPaths& paths = setup.paths;
  config.data_facts = [&](const TypedNode& source, const std::string& key) {
    return facts_of(source, key, paths);
  };
  config.complete_source = [&](TypedNode& source, const std::vector<LossDecl>& losses) {
    complete_source(source, losses, paths, setup.notes);
  };
  add_sections("optimizer", all_optimizers(), config.other_sections);
  add_sections("schedule", all_schedules(), config.other_sections);
  add_sections("data.source", all_data_kinds(), config.other_sections);
  setup.config = load_config(config);

  Problems problems;
  read_data(setup, problems);
  check_input_shape(setup, problems);
  check_transforms_agree(setup, problems);
  read_optimizer(setup, problems);
  fit_target(setup);
  const bool readable = check_targets(setup, problems);
  if (readable && !setup.data.inputs.empty())
    setup.graph = build_graph(setup.config, setup.data, problems);
  check_data_rules(setup, problems);
  check_sequence_rules(setup, problems);
  problems.throw_if_any();
  check_accumulation(setup.graph, setup.batches_per_step(), setup.config.train.mark, problems);
  collect(problems, "optimizer: ", [&] {
    setup.slices = make_slices(setup.optimizer, trained_weights(setup.graph));
  });
  problems.throw_if_any();
  collect(problems, "", [&] {
    if (setup.config.finetune) setup.frozen = check_finetune(setup);
  });
  collect(problems, "", [&] { setup.phases = phases_of(setup); });
  collect(problems, "", [&] { check_monitor(setup); });
  problems.throw_if_any();
  for (std::string& note : sequence_notes(setup)) setup.notes.push_back(std::move(note));
  for (std::string& note : target_notes(setup)) setup.notes.push_back(std::move(note));
  return setup;
}

}  // namespace dl
