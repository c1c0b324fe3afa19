#include "engine/train/runs.h"

#include <filesystem>

#include "datasets/data_file.h"
#include "engine/config/data_facts.h"
#include "engine/train/data_paths.h"
#include "engine/train/environment.h"
#include "engine/train/provenance.h"
#include "engine/train/run_changes.h"
#include "engine/train/run_identity.h"
#include "engine/train/sealed_text.h"
#include "engine/train/session.h"
#include "engine/train/signals.h"
#include "engine/train/start_check.h"
#include "engine/train/thread_trial.h"

namespace dl {
namespace {

/// The folders above `path` that are not there yet, the innermost first.
std::vector<std::string> missing_parents(const std::string& path) {
  std::vector<std::string> missing;
  for (std::string parent = parent_folder(path); !exists(parent); parent = parent_folder(parent))
    missing.push_back(parent);
  return missing;
}

/// A run that fails before it has begun (no data, too little memory) leaves no folder that would be
/// in the way of the next try, and none above it that it made and that nobody else uses.
struct Unbegun {
  FileSystem& files;
  std::vector<std::string> parents;
  std::string path = {};
  bool begun = false;
  ~Unbegun() {
    if (begun) return;
    if (!path.empty()) remove_quietly(files, path);
    std::error_code ignored;
    for (const std::string& parent : parents) std::filesystem::remove(parent, ignored);
  }
};

void expect_source(const Setup& setup, const TrainOptions& options) {
  if (options.finetunes && !setup.config.finetune) {
    throw UserError(ExitCode::command_line,
                    "finetune: --from SOURCE is missing, and the config has no finetune.from");
  }
  if (!options.init.empty() && setup.config.finetune) {
    throw UserError(ExitCode::command_line,
                    "--init: the config's finetune.from says where the weights come from");
  }
}

/// What a run is, so that other commands can read it; its folder is one from the last of it on.
void write_start(RunFolder& folder, const Setup& setup, const std::string& commit) {
  std::vector<RunFolder::SmallFile> first = {
      {"config.yaml", setup.config.given_text},
      {kDataPathsFile, to_json(setup.paths)},
      {"env.json", sealed_json(to_json(this_environment(), this_process(commit)))}};
  if (!setup.config.vars_text.empty())
    first.push_back({"vars.yaml", sealed_yaml(setup.config.vars_text)});
  if (!setup.config.facts_text.empty()) first.push_back({kDataFactsFile, setup.config.facts_text});
  folder.write(first);
  folder.write("config.resolved.yaml", setup.config.resolved_text);
}

/// A small file that the run wrote when it began.
std::string read_sealed(const std::string& path, std::vector<std::string>& notes) {
  try {
    std::string text = read_file(path);
    expect_sealed(text, path);
    if (std::string note = unsealed_note(text, path); !note.empty())
      notes.push_back(std::move(note));
    return text;
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

/// None when the run ended before it saved one: it then starts again. All of them damaged is an
/// error as ever.
std::optional<LoadedCheckpoint> newest_checkpoint(const std::string& run,
                                                  std::vector<std::string>& notes) {
  try {
    return find_checkpoint(run, Which::last, notes);
  } catch (const UserError& error) {
    if (error.code() != ExitCode::run_folder) throw;
    notes.push_back("no checkpoint was saved yet: the run starts again");
    return std::nullopt;
  }
}

/// Data moves; the run keeps where it was.
MissingData with_way_to_data(const MissingData& error, const std::string& run, const Setup& setup) {
  const Diagnostic& missing = error.diagnostics()[0];
  return MissingData(missing.message,
                     (missing.hint.empty() ? "" : missing.hint + "; where the data has moved, ") +
                         "dltool resume " + shell_word(run) + " --set data.source." +
                         setup.config.data.source->type +
                         ".KEY=PATH names its place, by the source's own key for that file or "
                         "folder");
}

}  // namespace

ExitCode train_run(FileSystem& files, const TrainOptions& options) {
  SignalWatcher signals;
  Setup setup = load_setup(options.setup);
  require_trainable(setup);
  expect_source(setup, options);
  std::optional<FirstWeights> first = plan_finetune(setup);
  choose_threads(setup, setup.notes);
  StopFlag& stop = signals.catch_stops();
  Unbegun unbegun{files, missing_parents(options.run.empty() ? "runs/new" : options.run)};
  RunFolder folder = RunFolder::create(files, options.run, setup.config.name);
  unbegun.path = folder.path();
  Session session(files, setup, std::move(folder), stop);
  session.check(options.requirements);
  session.set_verbosity(options.quiet ? Verbosity::quiet : Verbosity::normal);
  if (options.before_start) options.before_start(setup, first ? &first->transfer : nullptr);
  std::vector<std::string> notes = setup.notes;
  if (first) {
    const auto& found = first->source.notes();
    notes.insert(notes.end(), found.begin(), found.end());
  }
  if (!options.init.empty()) {
    session.init_from(options.init, notes);
    session.save_start();
  }
  if (first) {
    session.init_from(first->transfer, first->source);
    session.folder().write("transfer.json", sealed_json(to_json(first->transfer)));
    session.save_start();
    first.reset();  // its memory is needed no more
  }
  write_start(session.folder(), setup, options.commit);
  unbegun.begun = true;
  return session.run(std::move(notes), options.max_seconds, options.requirements);
}

ExitCode resume_run(FileSystem& files, const ResumeOptions& options) {
  SignalWatcher signals;
  const std::vector<std::string> changes = allowed_changes(options.sets);
  RunFolder folder = RunFolder::open(files, options.run);
  std::vector<std::string> notes;
  expect_unchanged_run(folder.path(), notes);
  const std::optional<LoadedCheckpoint> checkpoint = newest_checkpoint(options.run, notes);
  Setup setup = load_setup({.config = folder.file("config.resolved.yaml"),
                            .sets = changes,
                            .data_dir = options.data_dir});
  if (setup.config.finetune) {
    if (!checkpoint) {  // the one with which it began was saved before its config
      throw UserError(ExitCode::weights,
                      options.run +
                          ": its checkpoints are gone, and with them the weights that it "
                          "began with");
    }
    const std::string path = folder.file("transfer.json");
    setup.freeze(transfer_from_json(read_sealed(path, notes), path).frozen());
  }
  choose_threads(setup, notes);
  const Environment then =
      environment_from_json(read_sealed(folder.file("env.json"), notes), folder.file("env.json"));
  const std::string changed = difference(this_environment(), then);
  if (!changed.empty())
    notes.push_back("not the environment that this run began in (" + changed +
                    "): bits may differ");
  for (const std::string& set : changes) notes.push_back("changed: " + set);
  StopFlag& stop = signals.catch_stops();
  std::optional<Session> opened;
  try {
    opened.emplace(files, setup, std::move(folder), stop);
  } catch (const MissingData& error) {
    throw with_way_to_data(error, options.run, setup);
  }
  Session& session = *opened;
  session.check(options.requirements);
  session.set_verbosity(options.quiet ? Verbosity::quiet : Verbosity::normal);
  if (checkpoint) {
    session.resume_from(*checkpoint, notes);
  } else {
    session.start_again();
  }
  tidy_checkpoints(files, session.folder().path(), checkpoint ? &*checkpoint : nullptr,
                   setup.config.train.checkpoint.keep);
  if (!options.data_dir.empty()) session.folder().write(kDataPathsFile, to_json(setup.paths));
  if (!changes.empty()) {
    const std::string config = session.folder().file("config.resolved.yaml");
    session.folder().write("config.resolved.yaml",
                           with_changes(read_file(config), setup.config.resolved_text, changes));
  }
  session.folder().remove("exit.json");  // it has not ended any more
  return session.run(std::move(notes), options.max_seconds, options.requirements);
}

}  // namespace dl
