#include "engine/train/run_places.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace dl {
namespace {

namespace fs = std::filesystem;

/// When a run was last written to.
fs::file_time_type last_written(const std::string& run) {
  fs::file_time_type newest = fs::file_time_type::min();
  for (const char* name : {"log.txt", "metrics.jsonl", "exit.json", "config.resolved.yaml"}) {
    std::error_code error;
    const fs::file_time_type time = fs::last_write_time(run + "/" + name, error);
    if (!error) newest = std::max(newest, time);
  }
  return newest;
}

}  // namespace

bool is_run_folder(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path + "/config.resolved.yaml", error);
}

std::vector<std::string> runs_in(const std::string& folder) {
  std::vector<std::string> runs;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::end(at); at.increment(error)) {
    const std::string path = at->path().string();
    if (!at->path().filename().string().starts_with('.') && is_run_folder(path))
      runs.push_back(path);
  }
  std::ranges::sort(runs);
  return runs;
}

std::string run_hint(const std::string& path) {
  const std::vector<std::string> runs = runs_in(path);
  if (runs.empty()) return {};
  // Of those of one moment the last by name: the numbers of runs grow.
  std::string newest = runs[0];
  for (const std::string& run : runs) {
    if (last_written(run) >= last_written(newest)) newest = run;
  }
  if (runs.size() == 1) return "the run in it is " + newest;
  return "it holds " + std::to_string(runs.size()) + " runs, the newest of which is " + newest;
}

}  // namespace dl
