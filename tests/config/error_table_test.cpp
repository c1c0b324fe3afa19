#include "tests/support/paths.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/config/run_config.h"
#include "engine/train/metric_spec.h"

// tests/errors/bad_*.yaml, each with the whole message that it must lead to in bad_*.expected.
// Comments at the top of a file say how it is run (also by the test of the real program):
//   # set: KEY=VALUE     an argument of --set; may be repeated
//   # exit: 4            the exit code, 3 unless said
//   # check: program     not an error of the config language, so only the real program finds it
// With DLTOOL_UPDATE_EXPECTED set the messages are written instead of compared; read the difference
// then.

namespace dl {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The values of `# key: value` lines at the top.
std::vector<std::string> directives(const std::string& text, const std::string& key) {
  std::vector<std::string> values;
  for (std::size_t at = 0; at < text.size() && text[at] == '#';) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    if (line.starts_with("# " + key + ": ")) values.push_back(line.substr(key.size() + 4));
    at = end + 1;
  }
  return values;
}

std::vector<fs::path> bad_configs(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const bool bad =
        entry.path().filename().string().starts_with("bad_") && entry.path().extension() == ".yaml";
    if (bad && directives(read_text(entry.path()), "check").empty())
      files.push_back(entry.path().filename());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What the program's registries would tell, as far as these messages need it.
ConfigOptions options_for(const std::string& file, const std::string& text) {
  ConfigOptions options;
  options.path = file;
  options.sets = directives(text, "set");
  options.layer_types = {"conv",     "linear",          "batch_norm", "activation", "relu",
                         "tanh",     "dropout",         "add",        "concat",     "flatten",
                         "max_pool", "global_avg_pool", "softmax"};
  options.reserved_names = reserved_metric_names();
  options.other_sections = {
      {"optimizer.adam", {"lr", "beta1", "beta2", "eps"}},
      {"optimizer.sgd", {"lr", "momentum", "nesterov", "weight_decay", "no_decay"}}};
  return options;
}

}  // namespace

TEST_CASE(
    "every bad config leads to its message, with position, line and caret, and to its exit code") {
  const fs::path before = fs::current_path();
  fs::current_path(fs::path(dl::test::source_path("tests/errors")));
  const std::vector<fs::path> files = bad_configs(".");
  CHECK(files.size() >= 60);
  for (const fs::path& file : files) {
    CAPTURE(file.string());
    const std::string text = read_text(file);
    const std::vector<std::string> codes = directives(text, "exit");
    std::string message = "(the config loads)";
    int code = 0;
    try {
      load_config(options_for(file.string(), text));
    } catch (const UserError& error) {
      message = error.what();
      code = static_cast<int>(error.code());
    }
    fs::path expected = file;
    expected.replace_extension(".expected");
    if (std::getenv("DLTOOL_UPDATE_EXPECTED")) std::ofstream(expected) << message << '\n';
    CHECK(message + "\n" == read_text(expected));
    CHECK(code == (codes.empty() ? 3 : std::stoi(codes[0])));
  }
  fs::current_path(before);
}

}  // namespace dl
