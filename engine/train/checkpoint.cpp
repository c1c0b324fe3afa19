#include "engine/train/checkpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/text.h"
#include "engine/train/manifest.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTemporary = ".tmp-";  // what begins so is nobody's once its writer died
constexpr std::string_view kReplaced = ".old-";   // before a checkpoint's name: see publish()

std::string checkpoints_of(const std::string& run) { return run + "/checkpoints"; }
std::string name_of(std::int64_t step) { return fmt::format("step-{:08}", step); }

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// A folder that has a checkpoint's name.
struct Candidate {
  std::int64_t step;
  bool replaced;  // it stood aside for one of the same step
  std::string name;
};

/// The newest first; of one step, the one that replaced the other first.
std::vector<Candidate> candidates_in(const std::string& checkpoints) {
  std::vector<Candidate> found;
  for (const std::string& name : names_in(checkpoints)) {
    const bool replaced = name.starts_with(kReplaced);
    const std::string plain = replaced ? name.substr(kReplaced.size()) : name;
    if (!plain.starts_with("step-")) continue;
    const auto step = parse_int(plain.substr(5));
    if (step && *step >= 0 && plain == name_of(*step)) found.push_back({*step, replaced, name});
  }
  std::sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(-a.step, a.replaced) < std::pair(-b.step, b.replaced);
  });
  return found;
}

/// Whether the manifest there is whole and says so.
bool is_best(const std::string& folder) {
  try {
    return read_manifest(folder).best;
  } catch (const UserError&) {
    return false;
  }
}

FileDigest write_text(FileSystem& files, const std::string& path, std::string_view text) {
  HashedFile file(files, path);
  file.write(text);
  return file.finish();
}

void write_content(FileSystem& files, const std::string& folder, Manifest manifest,
                   const CheckpointContent& content) {
  const auto tensors = [&](const std::string& name, const std::vector<TensorView>& views) {
    const std::string path = folder + "/" + name;
    manifest.files.emplace_back(name, write_safetensors(files, path, views, {{"format", "pt"}}));
  };
  tensors("model.safetensors", content.model);
  tensors("optim.safetensors", content.optim);
  if (!content.ema.empty()) tensors("ema.safetensors", content.ema);
  if (!content.carried.empty()) tensors("carried.safetensors", content.carried);
  manifest.files.emplace_back("state.json",
                              write_text(files, folder + "/state.json", content.state));
  write_file(files, folder + "/MANIFEST", manifest_text(manifest));
  files.sync_folder(folder);
}

/// Gives a finished folder its final name. A folder of the same step (saved before its evaluation,
/// or by a run that was resumed from further back) first steps aside under a name that readers know
/// too: at no moment is there neither of the two.
void publish(FileSystem& files, const std::string& checkpoints, const std::string& temporary,
             const std::string& name) {
  const std::string final_path = checkpoints + "/" + name;
  const std::string aside = fmt::format("{}/{}{}", checkpoints, kReplaced, name);
  const bool replaces = exists(final_path);
  if (replaces) {
    files.remove_all(aside);
    files.rename(final_path, aside);
  }
  try {
    files.rename(temporary, final_path);
  } catch (const FileError&) {
    try {
      if (replaces) files.rename(aside, final_path);
    } catch (const FileError&) {  // it stays aside, where readers find it
    }
    throw;
  }
  files.sync_folder(checkpoints);
}

std::string link_target(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

/// Points a link at a folder beside it: a new link, then a rename over the old one.
void move_link(FileSystem& files, const std::string& checkpoints, const std::string& name,
               const std::string& target) {
  const std::string path = checkpoints + "/" + name;
  if (link_target(path) == target) return;
  const std::string temporary =
      fmt::format("{}/{}{}-{}", checkpoints, kTemporary, name, ::getpid());
  files.remove_all(temporary);
  files.link(target, temporary);
  files.rename(temporary, path);
}

void move_links(FileSystem& files, const std::string& checkpoints, const std::string& saved) {
  move_link(files, checkpoints, "last", saved);
  // Not only when this one is the best: a writer may have died between its rename and its link.
  for (const Candidate& candidate : candidates_in(checkpoints)) {
    if (candidate.replaced || !is_best(checkpoints + "/" + candidate.name)) continue;
    move_link(files, checkpoints, "best", candidate.name);
    break;
  }
  files.sync_folder(checkpoints);
}

void prune(FileSystem& files, const std::string& checkpoints, std::int64_t keep) {
  const std::string last = link_target(checkpoints + "/last");
  const std::string best = link_target(checkpoints + "/best");
  std::int64_t kept = 0;
  for (const Candidate& candidate : candidates_in(checkpoints)) {
    const bool superseded =
        candidate.replaced && exists(checkpoints + "/" + name_of(candidate.step));
    if (!superseded && (kept++ < keep || candidate.name == last || candidate.name == best))
      continue;
    // Renamed first, so that a crash in the middle leaves nothing that looks like a checkpoint.
    const std::string doomed =
        fmt::format("{}/{}{}-{}", checkpoints, kTemporary, candidate.name, ::getpid());
    files.rename(checkpoints + "/" + candidate.name, doomed);
    files.remove_all(doomed);
  }
}

/// Removes what writers left behind. They are dead: whoever saves holds the run's lock.
void remove_leftovers(FileSystem& files, const std::string& checkpoints) {
  for (const std::string& name : names_in(checkpoints)) {
    if (name.starts_with(kTemporary)) files.remove_all(fmt::format("{}/{}", checkpoints, name));
  }
}

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw UserError(ExitCode::weights, path + ": damaged: " + what);
}

/// What the manifest lists for `name`; the file must have that size before anything of it is read.
const FileDigest& expected(const Manifest& manifest, const std::string& folder,
                           const std::string& name) {
  const FileDigest* digest = manifest.find(name);
  if (digest == nullptr) damaged(folder + "/MANIFEST", "it does not list " + name);
  const InputFile file(folder + "/" + name);
  if (file.size() != digest->bytes) {
    damaged(folder + "/" + name,
            fmt::format("it has {} bytes instead of {}", file.size(), digest->bytes));
  }
  return *digest;
}

SafetensorsFile read_tensors(const Manifest& manifest, const std::string& folder,
                             const std::string& name) {
  const FileDigest& digest = expected(manifest, folder, name);
  FileDigest found;
  SafetensorsFile file = SafetensorsFile::read(folder + "/" + name, &found);
  if (found != digest) damaged(folder + "/" + name, "its checksum does not match");
  return file;
}

std::string read_text(const Manifest& manifest, const std::string& folder,
                      const std::string& name) {
  const FileDigest& digest = expected(manifest, folder, name);
  std::string text = read_file(folder + "/" + name, digest.bytes);
  if (FileDigest{text.size(), sha256_hex(text)} != digest)
    damaged(folder + "/" + name, "its checksum does not match");
  return text;
}

/// In the order in which they should be tried.
std::vector<Candidate> ranked(const std::string& checkpoints, Which which) {
  std::vector<Candidate> candidates = candidates_in(checkpoints);
  if (which == Which::best) {
    std::stable_partition(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      return is_best(checkpoints + "/" + candidate.name);
    });
  }
  return candidates;
}

}  // namespace

std::string save_checkpoint(FileSystem& files, const std::string& run, std::int64_t step,
                            const CheckpointContent& content, bool best, std::int64_t keep,
                            const std::function<void(const std::string&)>& saved) {
  const std::string checkpoints = checkpoints_of(run);
  const std::string name = name_of(step);
  std::string path = checkpoints + "/" + name;
  const std::string temporary =
      fmt::format("{}/{}{}-{}", checkpoints, kTemporary, step, ::getpid());
  try {
    if (!exists(checkpoints)) {
      files.make_folder(checkpoints);
      files.sync_folder(run);
    }
    remove_leftovers(files, checkpoints);
    files.make_folder(temporary);
    write_content(files, temporary, {.step = step, .best = best || is_best(path), .files = {}},
                  content);
    publish(files, checkpoints, temporary, name);
    move_links(files, checkpoints, name);
  } catch (const FileError& error) {
    remove_quietly(files, temporary);
    throw UserError(ExitCode::output,
                    fmt::format("checkpoint of step {} not saved: {}", step, error.what()),
                    "earlier checkpoints are untouched");
  }
  if (saved) saved(path);
  try {
    prune(files, checkpoints, keep);
  } catch (const FileError& error) {
    throw UserError(
        ExitCode::output,
        fmt::format("checkpoint of step {} saved, but older ones stay: {}", step, error.what()));
  }
  return path;
}

LoadedCheckpoint load_checkpoint(const std::string& folder) {
  try {
    const Manifest manifest = read_manifest(folder);
    LoadedCheckpoint loaded{.folder = folder,
                            .step = manifest.step,
                            .best = manifest.best,
                            .model = read_tensors(manifest, folder, "model.safetensors"),
                            .optim = read_tensors(manifest, folder, "optim.safetensors"),
                            .ema = std::nullopt,
                            .carried = std::nullopt,
                            .state = read_text(manifest, folder, "state.json")};
    if (manifest.find("ema.safetensors") != nullptr)
      loaded.ema = read_tensors(manifest, folder, "ema.safetensors");
    if (manifest.find("carried.safetensors") != nullptr)
      loaded.carried = read_tensors(manifest, folder, "carried.safetensors");
    return loaded;
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped) {
  const std::string checkpoints = checkpoints_of(run);
  const std::vector<Candidate> candidates = ranked(checkpoints, which);
  if (candidates.empty())
    throw UserError(ExitCode::run_folder, run + ": no checkpoint was saved there yet");
  std::vector<std::string> problems;
  for (const Candidate& candidate : candidates) {
    try {
      LoadedCheckpoint loaded = load_checkpoint(checkpoints + "/" + candidate.name);
      if (loaded.step != candidate.step)
        damaged(loaded.folder, fmt::format("its MANIFEST is that of step {}", loaded.step));
      if (which == Which::best && !loaded.best && !problems.empty())
        problems.push_back("the best checkpoint cannot be told; the newest that is whole is taken");
      skipped.insert(skipped.end(), problems.begin(), problems.end());
      return loaded;
    } catch (const UserError& error) {
      problems.push_back("checkpoint " + candidate.name +
                         " is passed over: " + error.diagnostics()[0].message);
    }
  }
  throw UserError(ExitCode::weights, run + ": no checkpoint is left that can be read",
                  join(problems, "; "));
}

std::string wrong_checkpoint(const std::string& checkpoint) {
  const std::vector<std::string> words = {"best", "last"};
  if (std::ranges::count(words, checkpoint) > 0 || exists(checkpoint)) return "";
  return "expected best, last or a checkpoint's folder, found '" + checkpoint + "'" +
         did_you_mean(checkpoint, words);
}

ChosenWeights choose_weights(const std::string& run, const CheckpointChoice& choice,
                             std::vector<std::string>& skipped) {
  const bool named = choice.checkpoint != "best" && choice.checkpoint != "last";
  if (const std::string wrong = wrong_checkpoint(choice.checkpoint); !wrong.empty())
    throw UserError(ExitCode::weights, "--checkpoint: " + wrong);
  LoadedCheckpoint checkpoint =
      named ? load_checkpoint(choice.checkpoint)
      : fs::exists(run + "/MANIFEST")
          ? load_checkpoint(run)
          : find_checkpoint(run, choice.checkpoint == "best" ? Which::best : Which::last, skipped);
  if (choice.averaged == true && !checkpoint.ema) {
    throw UserError(ExitCode::weights,
                    checkpoint.folder + ": has no averaged weights (train.ema was off)");
  }
  const bool average = checkpoint.ema && choice.averaged.value_or(true);
  return {average ? std::move(*checkpoint.ema) : std::move(checkpoint.model),
          checkpoint.folder + (average ? " (averaged)" : "")};
}

}  // namespace dl
