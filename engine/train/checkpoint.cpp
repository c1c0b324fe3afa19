#include "engine/train/checkpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "core/sha256.h"
#include "engine/train/checkpoint_names.h"
#include "engine/train/manifest.h"

namespace dl {
namespace {

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
    if (candidate.replaced || !is_best(candidate.path)) continue;
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
        candidate.replaced && exists(checkpoints + "/" + checkpoint_name(candidate.step));
    if (!superseded && (kept++ < keep || candidate.name == last || candidate.name == best))
      continue;
    // Renamed first, so that a crash in the middle leaves nothing that looks like a checkpoint.
    const std::string doomed =
        fmt::format("{}/{}{}-{}", checkpoints, kTemporary, candidate.name, ::getpid());
    files.rename(candidate.path, doomed);
    files.remove_all(doomed);
  }
}

/// Removes what writers left behind. They are dead: whoever saves holds the run's lock.
void remove_leftovers(FileSystem& files, const std::string& checkpoints) {
  for (const std::string& name : names_in(checkpoints)) {
    if (name.starts_with(kTemporary)) files.remove_all(fmt::format("{}/{}", checkpoints, name));
  }
}

/// One that stood aside and is the only one of its step that is whole gets its name back.
void take_back(FileSystem& files, const std::string& checkpoints, const LoadedCheckpoint& loaded) {
  const std::string plain = checkpoint_name(loaded.step);
  const std::string aside = fmt::format("{}/{}{}", checkpoints, kReplaced, plain);
  if (loaded.folder != aside) return;
  files.remove_all(checkpoints + "/" + plain);
  files.rename(aside, checkpoints + "/" + plain);
  files.sync_folder(checkpoints);
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

/// Verifies a file of which nothing is kept.
void verify(const Manifest& manifest, const std::string& folder, const std::string& name) {
  const FileDigest& digest = expected(manifest, folder, name);
  const InputFile file(folder + "/" + name);
  std::vector<std::byte> piece(std::size_t{1} << 20);
  Sha256 hash;
  for (std::uint64_t at = 0; at < digest.bytes; at += piece.size()) {
    const auto size = std::min<std::uint64_t>(piece.size(), digest.bytes - at);
    const std::span<std::byte> bytes(piece.data(), size);
    file.read_at(at, bytes);
    hash.add(bytes);
  }
  if (FileDigest{digest.bytes, hash.hex()} != digest)
    damaged(folder + "/" + name, "its checksum does not match");
}

std::string read_text(const Manifest& manifest, const std::string& folder,
                      const std::string& name) {
  const FileDigest& digest = expected(manifest, folder, name);
  std::string text = read_file(folder + "/" + name, digest.bytes);
  if (FileDigest{text.size(), sha256_hex(text)} != digest)
    damaged(folder + "/" + name, "its checksum does not match");
  return text;
}

}  // namespace

std::string save_checkpoint(FileSystem& files, const std::string& run, std::int64_t step,
                            const CheckpointContent& content, bool best, std::int64_t keep,
                            const std::function<void(const std::string&)>& saved) {
  const std::string checkpoints = checkpoints_of(run);
  const std::string name = checkpoint_name(step);
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

LoadedCheckpoint load_checkpoint(const std::string& folder, Keep keep) {
  try {
    const Manifest manifest = read_manifest(folder);
    LoadedCheckpoint loaded{.folder = folder,
                            .step = manifest.step,
                            .best = manifest.best,
                            .model = read_tensors(manifest, folder, "model.safetensors"),
                            .optim = {},
                            .ema = std::nullopt,
                            .carried = std::nullopt,
                            .state = read_text(manifest, folder, "state.json")};
    if (manifest.find("ema.safetensors") != nullptr)
      loaded.ema = read_tensors(manifest, folder, "ema.safetensors");
    const bool has_carried = manifest.find("carried.safetensors") != nullptr;
    if (keep == Keep::weights) {
      verify(manifest, folder, "optim.safetensors");
      if (has_carried) verify(manifest, folder, "carried.safetensors");
      return loaded;
    }
    loaded.optim = read_tensors(manifest, folder, "optim.safetensors");
    if (has_carried) loaded.carried = read_tensors(manifest, folder, "carried.safetensors");
    return loaded;
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

std::string read_state(const std::string& folder) {
  try {
    return read_text(read_manifest(folder), folder, "state.json");
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

void tidy_checkpoints(FileSystem& files, const std::string& run, const LoadedCheckpoint* loaded,
                      std::int64_t keep) {
  const std::string checkpoints = checkpoints_of(run);
  if (!exists(checkpoints)) return;
  try {
    remove_leftovers(files, checkpoints);
    if (!loaded) return;
    take_back(files, checkpoints, *loaded);
    move_links(files, checkpoints, checkpoint_name(loaded->step));
    prune(files, checkpoints, keep);
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, std::string("checkpoints not tidied up: ") + error.what(),
                    "they are all there still");
  }
}

}  // namespace dl
