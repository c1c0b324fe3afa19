#include "engine/train/checkpoint.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "engine/core/error.h"
#include "engine/core/text.h"
#include "engine/train/sha256.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifestHead = "dltool checkpoint 1\n";
constexpr std::size_t kMaxManifest = 64 * 1024;

std::string checkpoints_of(const std::string& run) { return run + "/checkpoints"; }

/// A file of the checkpoint and its line in the manifest.
std::string save_file(FileSystem& files, const std::string& folder, const std::string& name,
                      std::string_view head, const std::vector<TensorView>& tensors) {
  Sha256 hash;
  std::size_t size = 0;
  const auto file = files.create(folder + "/" + name);
  const auto put = [&](std::span<const std::byte> bytes) {
    hash.add(bytes);
    size += bytes.size();
    file->write(bytes);
  };
  put(std::as_bytes(std::span(head.data(), head.size())));
  for (const TensorView& tensor : tensors) put(tensor.bytes);
  file->sync();
  file->close();
  return fmt::format("{} {} {}\n", name, size, hash.hex());
}

std::string save_tensors(FileSystem& files, const std::string& folder, const std::string& name,
                         const std::vector<TensorView>& tensors) {
  return save_file(files, folder, name, safetensors_header(tensors, {{"format", "pt"}}), tensors);
}

void write_content(FileSystem& files, const std::string& folder, const CheckpointContent& content) {
  std::string manifest(kManifestHead);
  manifest += save_tensors(files, folder, "model.safetensors", content.model);
  manifest += save_tensors(files, folder, "optim.safetensors", content.optim);
  if (!content.ema.empty()) manifest += save_tensors(files, folder, "ema.safetensors", content.ema);
  manifest += save_file(files, folder, "state.json", content.state, {});
  manifest += "MANIFEST " + sha256_hex(manifest) + "\n";
  write_file(files, folder + "/MANIFEST", manifest);
  files.sync_folder(folder);
}

/// Points a link at a folder beside it: a new link, then a rename over the old one.
void move_link(FileSystem& files, const std::string& checkpoints, const std::string& name,
               const std::string& target) {
  const std::string temporary = checkpoints + "/.link-" + name;
  files.remove_all(temporary);
  files.link(target, temporary);
  files.rename(temporary, checkpoints + "/" + name);
}

std::optional<std::string> link_target(const std::string& path) {
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  return error ? std::nullopt : std::optional(target.filename().string());
}

/// Checkpoint folders, the newest (highest step) first.
std::vector<std::string> folders_in(const std::string& checkpoints) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(checkpoints, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && parse_int(name.substr(5)) && entry.is_directory(error))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return *parse_int(a.substr(5)) > *parse_int(b.substr(5));
  });
  return names;
}

/// Removes what writers left behind that are no longer there.
void remove_leftovers(FileSystem& files, const std::string& checkpoints) {
  std::error_code error;
  std::vector<std::string> leftovers;
  for (const auto& entry : fs::directory_iterator(checkpoints, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(".tmp-")) continue;
    const auto writer = parse_int(name.substr(name.rfind('-') + 1));
    const bool alive =
        writer && *writer != ::getpid() && ::kill(static_cast<pid_t>(*writer), 0) == 0;
    if (!alive) leftovers.push_back(entry.path().string());
  }
  for (const std::string& leftover : leftovers) files.remove_all(leftover);
}

void prune(FileSystem& files, const std::string& checkpoints, std::int64_t keep) {
  const auto last = link_target(checkpoints + "/last"), best = link_target(checkpoints + "/best");
  std::int64_t kept = 0;
  for (const std::string& name : folders_in(checkpoints)) {
    if (kept++ < keep || name == last || name == best) continue;
    // Renamed first, so that a crash in the middle leaves nothing that looks like a checkpoint.
    const std::string doomed =
        checkpoints + "/.tmp-old-" + name.substr(5) + "-" + std::to_string(::getpid());
    files.rename(checkpoints + "/" + name, doomed);
    files.remove_all(doomed);
  }
}

void ensure_folder(FileSystem& files, const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) files.make_folder(path);
}

[[noreturn]] void damaged(const std::string& path, const std::string& what) {
  throw UserError(ExitCode::weights, path + ": " + what);
}

struct ManifestLine {
  std::size_t size;
  std::string sha256;
};

std::map<std::string, ManifestLine> read_manifest(const std::string& folder) {
  const std::string path = folder + "/MANIFEST";
  const std::string text = read_file(path, kMaxManifest);
  const std::size_t tail = text.rfind("MANIFEST ");
  if (tail == std::string::npos ||
      text.substr(tail) !=
          "MANIFEST " + sha256_hex(std::string_view(text).substr(0, tail)) + "\n") {
    damaged(path, "damaged: its own checksum does not match");
  }
  if (!text.starts_with(kManifestHead)) damaged(path, "written by another version of dltool");
  std::map<std::string, ManifestLine> lines;
  for (const std::string& line :
       split(std::string_view(text).substr(kManifestHead.size(), tail - kManifestHead.size()),
             '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> parts = split(line, ' ');
    const auto size = parts.size() == 3 ? parse_int(parts[1]) : std::nullopt;
    if (!size || *size < 0) damaged(path, "damaged: a line is not 'name size sha256'");
    lines[parts[0]] = {static_cast<std::size_t>(*size), parts[2]};
  }
  return lines;
}

/// A file's bytes, as the manifest says they must be.
std::string read_verified(const std::string& folder, const std::string& name,
                          const std::map<std::string, ManifestLine>& manifest) {
  const std::string path = folder + "/" + name;
  const auto line = manifest.find(name);
  if (line == manifest.end()) damaged(folder + "/MANIFEST", "damaged: it does not list " + name);
  std::string bytes = read_file(path);
  if (bytes.size() != line->second.size) {
    damaged(path,
            fmt::format("damaged: it has {} bytes instead of {}", bytes.size(), line->second.size));
  }
  if (sha256_hex(bytes) != line->second.sha256)
    damaged(path, "damaged: its checksum does not match");
  return bytes;
}

SafetensorsFile read_tensors(const std::string& folder, const std::string& name,
                             const std::map<std::string, ManifestLine>& manifest) {
  return SafetensorsFile::parse(read_verified(folder, name, manifest), folder + "/" + name);
}

}  // namespace

std::string save_checkpoint(FileSystem& files, const std::string& run, std::int64_t step,
                            const CheckpointContent& content, bool best, std::int64_t keep) {
  const std::string checkpoints = checkpoints_of(run);
  const std::string name = fmt::format("step-{:08}", step);
  const std::string temporary = fmt::format("{}/.tmp-{}-{}", checkpoints, step, ::getpid());
  const std::string final_path = checkpoints + "/" + name;
  try {
    ensure_folder(files, checkpoints);
    remove_leftovers(files, checkpoints);
    files.make_folder(temporary);
    write_content(files, temporary, content);
    std::error_code error;
    if (fs::exists(final_path, error)) {
      // The same step again (a best one found after it was saved, or a resumed run): the old one
      // goes aside first.
      const std::string aside = fmt::format("{}/.tmp-old-{}-{}", checkpoints, step, ::getpid());
      files.rename(final_path, aside);
    }
    files.rename(temporary, final_path);
    files.sync_folder(checkpoints);
    move_link(files, checkpoints, "last", name);
    if (best) move_link(files, checkpoints, "best", name);
    files.sync_folder(checkpoints);
    remove_leftovers(files, checkpoints);
    prune(files, checkpoints, keep);
  } catch (const FileError& error) {
    throw UserError(ExitCode::output, std::string("checkpoint not saved: ") + error.what());
  }
  return final_path;
}

LoadedCheckpoint load_checkpoint(const std::string& folder) {
  try {
    const auto manifest = read_manifest(folder);
    LoadedCheckpoint loaded{.folder = folder,
                            .model = read_tensors(folder, "model.safetensors", manifest),
                            .optim = read_tensors(folder, "optim.safetensors", manifest),
                            .ema = std::nullopt,
                            .state = read_verified(folder, "state.json", manifest)};
    if (manifest.contains("ema.safetensors"))
      loaded.ema = read_tensors(folder, "ema.safetensors", manifest);
    return loaded;
  } catch (const FileError& error) {
    throw UserError(ExitCode::weights, error.what());
  }
}

LoadedCheckpoint find_checkpoint(const std::string& run, Which which,
                                 std::vector<std::string>& skipped) {
  const std::string checkpoints = checkpoints_of(run);
  std::vector<std::string> names = folders_in(checkpoints);
  if (names.empty())
    throw UserError(ExitCode::run_folder, run + ": no checkpoint was saved there yet");
  if (which == Which::best) {
    const auto best = link_target(checkpoints + "/best");
    const auto at = best ? std::find(names.begin(), names.end(), *best) : names.end();
    if (at != names.end()) std::rotate(names.begin(), at, at + 1);
    if (best && at == names.end()) skipped.push_back("the best checkpoint, " + *best + ", is gone");
  }
  for (const std::string& name : names) {
    try {
      return load_checkpoint(checkpoints + "/" + name);
    } catch (const UserError& error) {
      skipped.push_back("checkpoint " + name +
                        " is passed over: " + error.diagnostics()[0].message);
    }
  }
  throw UserError(ExitCode::weights, run + ": no checkpoint is left that can be read",
                  join(skipped, "; "));
}

}  // namespace dl
