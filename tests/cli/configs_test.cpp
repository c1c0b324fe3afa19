#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/data_files.h"
#include "tests/support/run_program.h"

// Every config that dltool comes with is read and trained for two steps.

namespace dl::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> all_configs() {
  const fs::path root = fs::path(DLTOOL_SOURCE_DIR) / "configs";
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const bool block = entry.path().parent_path().filename() == "blocks";
    if (entry.path().extension() == ".yaml" && !block) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("every config passes check without its data") {
  const TempFolder nothing;
  const std::vector<fs::path> configs = all_configs();
  CHECK(configs.size() >= 4);
  for (const fs::path& config : configs) {
    CAPTURE(config.string());
    const ProgramResult result =
        run_program(DLTOOL_BINARY, {"check", config.string(), "--data", nothing.path()});
    CHECK_MESSAGE(result.exit_code == 0, result.err);
  }
}

TEST_CASE("every config on digits, MNIST or CIFAR-10 trains for two steps") {
  const TempFolder folder;
  const std::string data = folder / "data";
  write_mnist(data + "/mnist", 24, 8);
  write_mnist(data + "/fashion_mnist", 24, 8);
  write_cifar10(data + "/cifar10", 6);
  int trained = 0;
  for (const fs::path& config : all_configs()) {
    const std::string kind = config.parent_path().filename().string();
    if (kind != "digits" && kind != "mnist" && kind != "cifar") continue;
    CAPTURE(config.string());
    const std::string run = folder / ("run" + std::to_string(++trained));
    std::vector<std::string> arguments = {"train", config.string(), "--data", data, "--run", run};
    for (const char* set : {"train.max_steps=2", "data.batch=4", "data.eval_batch=4",
                            "data.split={valid: 8}", "train.threads=2"})
      arguments.insert(arguments.end(), {"--set", set});
    const ProgramResult result = run_program(DLTOOL_BINARY, arguments);
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    CHECK(fs::exists(run + "/checkpoints/last/model.safetensors"));
  }
  CHECK(trained >= 4);
}

}  // namespace dl::test
