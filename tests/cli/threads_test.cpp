#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/file_system.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

constexpr const char* kConfig = R"(
version: 1
name: small
data: {source: digits, batch: 32, split: {valid: 200}}
model: {layers: [conv: {out_channels: 16, kernel_size: 3}, batch_norm, relu, flatten, linear: {out_features: 10}]}
loss: cross_entropy
optimizer: {adamw: {lr: 0.02}}
train: {epochs: 2, max_steps: 20, threads: 2}
)";

struct Place {
  TempFolder folder;
  std::string config = folder / "small.yaml";
  Place() { std::ofstream(config) << kConfig; }

  /// With variables for the program, as "OMP_DYNAMIC=true".
  ProgramResult dltool(const std::string& variables, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(),
                     {"-c", "exec env " + variables + " \"$0\" \"$@\"", dl::test::dltool_binary()});
    return run_program("/bin/sh", arguments, folder.path());
  }
  ProgramResult train(const std::string& variables, const std::string& run,
                      std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train", config, "--run", run});
    return dltool(variables, more);
  }
  std::string weights(const std::string& run) const {
    return read_file(folder / (run + "/checkpoints/last/model.safetensors"));
  }
};

bool says(const ProgramResult& result, const std::string& text) {
  return result.err.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("where OpenMP gives fewer threads than were asked for, training goes on with those") {
  const Place place;
  for (const char* limit : {"OMP_THREAD_LIMIT=1", "OMP_MAX_ACTIVE_LEVELS=0"}) {
    const std::string run = std::string("run-") + limit;
    const ProgramResult limited = place.train(limit, run);
    CHECK_MESSAGE(limited.exit_code == 0, limited.err);
    CHECK_MESSAGE(says(limited, "OpenMP gives 1 thread, not 2"), limited.err);
    const auto env = nlohmann::json::parse(read_file(place.folder / (run + "/env.json")));
    CHECK(env["threads"] == 1);
  }
}

TEST_CASE("OMP_DYNAMIC does not change how many threads there are, and a note says so") {
  const Place place;
  const ProgramResult usual = place.train("", "usual"),
                      dynamic = place.train("OMP_DYNAMIC=true", "dynamic");
  CHECK_MESSAGE(usual.exit_code == 0, usual.err);
  CHECK_MESSAGE(dynamic.exit_code == 0, dynamic.err);
  CHECK_MESSAGE(says(dynamic, "OMP_DYNAMIC is not followed"), dynamic.err);
  CHECK(!says(usual, "OMP_DYNAMIC"));
  CHECK(place.weights("dynamic") == place.weights("usual"));
}

TEST_CASE("OMP_NUM_THREADS is no number of threads that a config leaves to dltool") {
  const Place place;
  const std::vector<std::string> set = {"--set", "train.threads=auto"};
  const ProgramResult said = place.train("OMP_NUM_THREADS=4095", "said", set);
  CHECK_MESSAGE(said.exit_code == 0, said.err);
  CHECK_MESSAGE(says(said, "OMP_NUM_THREADS=4095 is not followed: train.threads is auto"),
                said.err);
  CHECK(!says(place.train("OMP_NUM_THREADS=4095", "config"), "OMP_NUM_THREADS"));
}

TEST_CASE("measured threads are found out once, and resume keeps them") {
  const Place place;
  const std::vector<std::string> set = {"--set", "train.threads=measured"};
  const ProgramResult trained = place.train("", "run", set);
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const std::string resolved = read_file(place.folder / "run/config.resolved.yaml");
  CHECK(resolved.find("measured") == std::string::npos);
  const auto env = nlohmann::json::parse(read_file(place.folder / "run/env.json"));
  CHECK(resolved.find("threads: " + std::to_string(env["threads"].get<int>())) !=
        std::string::npos);
  const ProgramResult resumed = place.dltool("", {"resume", "run", "--set", "train.max_steps=30"});
  CHECK_MESSAGE(resumed.exit_code == 0, resumed.err);
  CHECK_MESSAGE(!says(resumed, "train.threads: measured"), resumed.err);
  CHECK_MESSAGE(!says(resumed, "not the environment"), resumed.err);
  const ProgramResult evaluated = place.dltool("", {"eval", "run"});
  CHECK_MESSAGE(evaluated.exit_code == 0, evaluated.err);
}

TEST_CASE("threads that wait spin for a short time, unless the user says otherwise") {
  const Place place;
  const auto shown = [&](const std::string& variables) {
    return place.dltool("-u OMP_WAIT_POLICY OMP_DISPLAY_ENV=verbose " + variables,
                        {"bench", place.config, "--steps", "1"});
  };
  const ProgramResult usual = shown("");
  CHECK_MESSAGE(usual.exit_code == 0, usual.err);
  CHECK_MESSAGE(says(usual, "GOMP_SPINCOUNT = '10000'"), usual.err);
  CHECK_MESSAGE(says(shown("GOMP_SPINCOUNT=77"), "GOMP_SPINCOUNT = '77'"), usual.err);
  CHECK(!says(shown("GOMP_SPINCOUNT=77"), "GOMP_SPINCOUNT = '10000'"));
  CHECK(!says(shown("OMP_WAIT_POLICY=active"), "GOMP_SPINCOUNT = '10000'"));
}

TEST_CASE("the program that starts again has its name, its arguments and its exit code") {
  const Place place;
  const ProgramResult result = run_program(
      "/bin/bash",
      {"-c", "unset OMP_WAIT_POLICY; exec -a another-name \"$0\" train c.yaml --no-such-option",
       dl::test::dltool_binary()});
  CHECK(result.exit_code == 2);
  CHECK_MESSAGE(says(result, "--no-such-option"), result.err);
}

}  // namespace dl::test
