#include "engine/train/trained_network.h"

#include <filesystem>

#include "engine/train/checkpoint_search.h"
#include "engine/train/finite_weights.h"
#include "engine/train/run_identity.h"
#include "engine/train/run_places.h"
#include "engine/train/updater.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

Setup load_trained(const SetupOptions& options, const WeightChoice& choice,
                   std::vector<std::string>& notes) {
  std::error_code error;
  if (!fs::exists(options.config, error) && !options.config.starts_with('@')) {
    throw UserError(ExitCode::run_folder, "no run and no config at '" + options.config + "'",
                    run_hint(fs::path(options.config).parent_path().string()));
  }
  if (!is_folder(options.config)) {
    if (choice.file.empty()) {
      throw UserError(ExitCode::command_line,
                      "a config alone has no weights: give --weights FILE, or a run's folder");
    }
    return load_setup(options);
  }
  if (!is_run_folder(options.config)) {
    throw UserError(ExitCode::run_folder,
                    options.config + ": is no run folder: it has no config.resolved.yaml",
                    run_hint(options.config));
  }
  expect_unchanged_run(options.config, notes);
  return load_setup({options.config + "/config.resolved.yaml", options.sets, options.data_dir});
}

std::string load_chosen_weights(const std::string& target, const WeightChoice& choice,
                                WeightStore& store, std::vector<std::string>& notes) {
  std::vector<std::string> unused;
  std::string said;
  if (!choice.file.empty()) {
    load_weights(store, SafetensorsFile::read(choice.file), choice.file, unused);
    expect_finite(store, choice.file);
    said = choice.file;
  } else {
    const ChosenWeights chosen = choose_weights(target, choice, notes);
    load_weights(store, chosen.file, chosen.label, unused);
    said = chosen.label;
  }
  if (!unused.empty())
    notes.push_back("tensors without a place in the network: " + join(unused, ", "));
  return said;
}

}  // namespace dl
