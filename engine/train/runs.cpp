#include "engine/train/runs.h"

#include "engine/config/data_facts.h"
#include "engine/train/data_paths.h"
#include "engine/train/environment.h"
#include "engine/train/resume_rules.h"
#include "engine/train/session.h"
#include "engine/train/signals.h"

namespace dl {
namespace {

void require_trainable(const Setup& setup) {
  if (!setup.source)
    throw UserError(setup.config.data.mark, "data.source is missing: training needs data");
  if (setup.config.losses.empty())
    throw UserError(setup.config.model.mark, "loss is missing: training needs one");
}

/// A run that fails before it has begun (no data, too little memory) leaves no folder that would be
/// in the way of the next try.
struct Unbegun {
  FileSystem& files;
  std::string path;  // "": begun
  ~Unbegun() {
    if (!path.empty()) remove_quietly(files, path);
  }
};

void check_start(const Setup& setup, const TrainOptions& options) {
  if (options.finetunes && !setup.config.finetune) {
    throw UserError(ExitCode::command_line,
                    "finetune: --from SOURCE is missing, and the config has no finetune.from");
  }
  if (!options.init.empty() && setup.config.finetune) {
    throw UserError(ExitCode::command_line,
                    "--init: the config's finetune.from says where the weights come from");
  }
}

}  // namespace

ExitCode train_run(FileSystem& files, const TrainOptions& options) {
  Setup setup = load_setup(options.setup);
  require_trainable(setup);
  use_threads_of(setup.config);
  std::optional<WeightSource> source;
  std::optional<Transfer> transfer;
  check_start(setup, options);
  if (setup.config.finetune) {
    source = open_source(setup);
    transfer = plan_transfer(setup, *source);
    setup.freeze(transfer->frozen());
  }
  StopFlag& stop = catch_signals();
  if (options.before_start) options.before_start(setup, transfer ? &*transfer : nullptr);
  RunFolder folder = RunFolder::create(files, options.run, setup.config.name);
  Unbegun unbegun{files, folder.path()};
  Session session(files, setup, std::move(folder), stop);
  std::vector<std::string> notes = setup.notes;
  if (source) notes.insert(notes.end(), source->notes().begin(), source->notes().end());
  if (!options.init.empty()) {
    session.init_from(options.init, notes);
    session.save_start();
  }
  if (transfer) {
    session.init_from(*transfer, *source);
    source.reset();
    session.folder().write("transfer.json", to_json(*transfer));
    session.save_start();
  }
  session.folder().write("config.yaml", setup.config.given_text);
  session.folder().write(kDataPathsFile, to_json(setup.paths));
  session.folder().write("env.json", to_json(this_environment()));
  if (!setup.config.vars_text.empty()) session.folder().write("vars.yaml", setup.config.vars_text);
  if (!setup.config.facts_text.empty())
    session.folder().write(kDataFactsFile, setup.config.facts_text);
  session.folder().write("config.resolved.yaml", setup.config.resolved_text);
  unbegun.path.clear();
  return session.run(std::move(notes), options.max_seconds, options.requirements);
}

ExitCode resume_run(FileSystem& files, const ResumeOptions& options) {
  for (const std::string& set : options.sets) {
    if (!may_change(set.substr(0, set.find('=')))) {
      throw UserError(ExitCode::command_line,
                      "--set " + set +
                          ": a resumed run may change only train.epochs, stop, checkpoint, "
                          "threads, max_steps and log_every");
    }
  }
  RunFolder folder = RunFolder::open(files, options.run);
  std::vector<std::string> notes;
  const std::optional<LoadedCheckpoint> checkpoint = newest_checkpoint(options.run, notes);
  Setup setup = load_setup({.config = folder.file("config.resolved.yaml"),
                            .sets = options.sets,
                            .data_dir = options.data_dir});
  if (setup.config.finetune) {
    if (!checkpoint) {  // the one with which it began was saved before its config
      throw UserError(ExitCode::weights,
                      options.run +
                          ": its checkpoints are gone, and with them the weights that it "
                          "began with");
    }
    const std::string path = folder.file("transfer.json");
    setup.freeze(transfer_from_json(read_file(path), path).frozen());
  }
  use_threads_of(setup.config);
  const Environment then =
      environment_from_json(read_file(folder.file("env.json")), folder.file("env.json"));
  const std::string changed = difference(this_environment(), then);
  if (!changed.empty())
    notes.push_back("not the environment that this run began in (" + changed +
                    "): bits may differ");
  for (const std::string& set : options.sets) notes.push_back("changed: " + set);
  StopFlag& stop = catch_signals();
  Session session(files, setup, std::move(folder), stop);
  if (checkpoint) {
    session.resume_from(*checkpoint, notes);
  } else {
    session.start_again();
  }
  if (!options.sets.empty())
    session.folder().write("config.resolved.yaml", setup.config.resolved_text);
  session.folder().remove("exit.json");  // it has not ended any more
  return session.run(std::move(notes), options.max_seconds, options.requirements);
}

}  // namespace dl
