#include "engine/train/data_names.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

#include "engine/train/run_identity.h"
#include "engine/train/setup.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.resolved.yaml";

/// "": none.
std::string run_of(const std::string& path) {
  std::error_code error;
  fs::path folder = fs::canonical(path, error);
  if (error) return "";
  // RUN, RUN/checkpoints/step-00000100, RUN/checkpoints/step-00000100/model.safetensors
  for (int up = 0; up < 4; ++up, folder = folder.parent_path()) {
    if (fs::exists(folder / kConfig, error) && fs::is_directory(folder / "checkpoints", error))
      return folder.string();
  }
  return "";
}

/// The column of "sex=male".
std::string_view column_of(std::string_view feature) {
  return feature.substr(0, feature.find('='));
}

std::string at(const std::vector<std::string>& list, std::size_t i) {
  return i < list.size() ? "'" + list[i] + "'" : "none";
}

std::size_t first_different(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

DataNames data_names(const DataSpec& spec) {
  const bool stream = spec.order == SampleOrder::stream && spec.token_rule.has_value();
  return {.tokens = spec.tokens,
          .classes = stream ? spec.tokens : spec.class_names,
          .features = spec.feature_names,
          .targets = spec.target_names,
          .tells_next_token = stream};
}

DataNames names_of_run(const std::string& path, std::vector<std::string>& notes) {
  const std::string run = run_of(path);
  if (run.empty()) return {};
  const std::string config = run + "/" + kConfig;
  expect_unchanged_run(run, notes);
  try {
    const Setup setup = load_setup({.config = config, .sets = {}, .data_dir = {}});
    return setup.source ? data_names(setup.source->spec()) : DataNames{};
  } catch (const UserError& error) {
    notes.push_back(config +
                    " cannot be read, so that nothing is known of its tokens, classes and "
                    "columns: " +
                    error.diagnostics()[0].message);
    return {};
  }
}

std::vector<int> places_in(const std::vector<std::string>& here,
                           const std::vector<std::string>& there) {
  std::unordered_map<std::string_view, int> places;
  for (std::size_t i = 0; i < there.size(); ++i) places.emplace(there[i], static_cast<int>(i));
  std::vector<int> found;
  for (const std::string& name : here) {
    const auto place = places.find(name);
    found.push_back(place == places.end() ? -1 : place->second);
  }
  return found;
}

std::optional<std::string> first_difference(const std::string& what,
                                            const std::vector<std::string>& here,
                                            const std::vector<std::string>& there) {
  if (here.empty() || there.empty() || here == there) return std::nullopt;
  const std::size_t i = first_different(here, there);
  return what + " " + std::to_string(i) + " is " + at(here, i) + " here, " + at(there, i) +
         " in the source";
}

bool mixed_up(const std::vector<std::string>& here, const std::vector<std::string>& there) {
  if (here.empty() || there.empty() || here == there) return false;
  std::unordered_set<std::string_view> columns;
  for (const std::string& name : there) columns.insert(column_of(name));
  const auto is_there = [&](const std::string& name) { return columns.contains(column_of(name)); };
  return std::ranges::any_of(here, is_there);
}

}  // namespace dl
