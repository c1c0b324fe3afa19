#include <doctest/doctest.h>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"
#include "tests/support/shipped_configs.h"

// Every config that dltool comes with is read and trained for two steps; those for large images
// on smaller ones and in a reduced width.

namespace dl::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("every config passes check without its data") {
  const TempFolder nothing;
  const std::vector<fs::path> configs = shipped_configs();
  CHECK(configs.size() >= 34);
  for (const fs::path& config : configs) {
    CAPTURE(config.string());
    const ProgramResult result = run_program(dl::test::dltool_binary(),
                                             {"check", config.string(), "--data", nothing.path()});
    CHECK_MESSAGE(result.exit_code == 0, result.err);
  }
}

TEST_CASE("every config trains for two steps") {
  const TempFolder folder;
  const std::string data = folder / "data";
  write_shipped_data(data);
  int trained = 0;
  for (const fs::path& config : shipped_configs()) {
    CAPTURE(config.string());
    const std::string run = folder / ("run" + std::to_string(++trained));
    std::vector<std::string> arguments = {"train", config.string(), "--data", data, "--run", run};
    for (const std::string& set : sets_for(config, 2)) arguments.push_back(set);
    const ProgramResult result = run_program(dl::test::dltool_binary(), arguments);
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    CHECK(fs::exists(run + "/checkpoints/last/model.safetensors"));
    fs::remove_all(run);
  }
  CHECK(trained >= 34);
}

}  // namespace dl::test
