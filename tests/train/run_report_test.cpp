#include "engine/train/run_report.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "engine/train/run_folder.h"
#include "engine/train/sealed_text.h"
#include "tests/support/data_files.h"

namespace dl {
namespace {

constexpr const char* kConfig = R"(version: 1
name: net
model:
  input: [2, 3]
  layers:
    - flatten: {name: flatten1, from: input}
    - linear: {name: fc, from: flatten1, out_features: 4}
data: {classes: 4, batch: 2}
loss: [{cross_entropy: {name: cross_entropy}}]
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 9}
)";

constexpr const char* kMetrics =
    R"({"epoch":1,"step":5,"split":"train","loss":2.0,"top1":0.25,"lr":0.1,"samples_per_second":9.0,"seconds":3.0,"wait_share":0.0}
{"epoch":1,"step":5,"split":"valid","loss":1.5,"top1":0.5,"lr":0.1,"samples_per_second":9.0,"seconds":1.0,"wait_share":0.0}
{"epoch":2,"step":10,"split":"train","loss":1.0,"top1":0.5,"lr":0.1,"samples_per_second":9.0,"seconds":3.0,"wait_share":0.0}
{"epoch":2,"step":10,"split":"valid","loss":1.75,"top1":0.75,"lr":0.1,"samples_per_second":9.0,"seconds":1.0,"wait_share":0.0}
)";

constexpr const char* kExit = R"({
  "outcome": "stopped early",
  "exit_code": 0,
  "epoch": 2,
  "step": 11,
  "seconds": 12.5,
  "test": {
    "loss": 1.25,
    "top1": 0.625
  },
  "weights": "best, epoch 2"
}
)";

/// A run's folder as a test wants it.
struct Run {
  test::TempFolder folder;

  Run() {
    write("config.resolved.yaml", kConfig);
    write("metrics.jsonl", kMetrics);
    write("exit.json", kExit);
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_bytes(folder / name, test::Bytes(text.begin(), text.end()));
  }
  void remove(const std::string& name) const { std::filesystem::remove(folder / name); }
  RunReport read() const { return read_run(folder.path()); }
};

}  // namespace

TEST_CASE("a run that has ended tells its metrics, epochs, time and parameters") {
  const Run run;
  run.write("vars.yaml", sealed_yaml("n: 3\n"));
  const RunReport report = run.read();
  CHECK(report.path == run.folder.path());
  CHECK(report.name == "net");
  CHECK(report.outcome == "stopped early");
  CHECK(report.exit_code == 0);
  CHECK(report.epoch == 2);
  CHECK(report.epochs == 9);
  CHECK(report.step == 11);
  CHECK(report.seconds == 12.5);
  CHECK(report.parameters == 6 * 4 + 4);
  CHECK(report.final_split == "test");
  CHECK(report.result == Metrics{{"loss", 1.25}, {"top1", 0.625}});
  CHECK(report.split == "valid");
  CHECK(report.last == Metrics{{"loss", 1.75}, {"top1", 0.75}});
  REQUIRE(report.best.size() == 2);
  CHECK(report.best[0].metric == "loss");  // the lowest
  CHECK(report.best[0].value == 1.5);
  CHECK(report.best[0].epoch == 1);
  CHECK(report.best[1].metric == "top1");  // the highest
  CHECK(report.best[1].value == 0.75);
  CHECK(report.best[1].epoch == 2);
  CHECK(report.config->rows[0].key == "vars.n");
  CHECK(report.damage.empty());
}

TEST_CASE("a run without an end is crashed, or running while a process holds it") {
  const Run run;
  run.remove("exit.json");
  const RunReport crashed = run.read();
  CHECK(crashed.outcome == "crashed");
  CHECK_FALSE(crashed.exit_code.has_value());
  CHECK(crashed.epoch == 2);
  CHECK(crashed.step == 10);
  CHECK(crashed.seconds == 8);  // of the epochs that were logged
  CHECK(crashed.result.empty());
  CHECK(crashed.damage.empty());

  const auto files = real_file_system();
  const RunFolder held = RunFolder::open(*files, run.folder.path());
  CHECK(run.read().outcome == "running");
  run.write("exit.json", kExit);  // of before it was resumed
  CHECK(run.read().outcome == "running");
  CHECK(run.read().result.empty());
}

TEST_CASE("without validation the metrics are those of training") {
  const Run run;
  run.write("metrics.jsonl",
            R"({"epoch":1,"step":5,"split":"train","loss":2.0,"lr":0.1,"seconds":3.0})"
            "\n");
  run.write("exit.json", R"({"outcome":"completed","exit_code":0,"epoch":1,"step":5,"seconds":1})");
  const RunReport report = run.read();
  CHECK(report.split == "train");
  CHECK(report.last == Metrics{{"loss", 2.0}});
  CHECK(report.final_split.empty());
  run.write("exit.json", R"({"outcome":"completed","exit_code":0,"epoch":1,"step":5,"seconds":1,)"
                         R"("valid":{"loss":3.0}})");
  CHECK(run.read().final_split == "valid");
}

TEST_CASE("a metric that is not finite is never the best") {
  const Run run;
  run.write("metrics.jsonl", R"({"epoch":1,"step":5,"split":"train","loss":null,"seconds":3.0})"
                             "\n"
                             R"({"epoch":2,"step":9,"split":"train","loss":2.0,"seconds":3.0})"
                             "\n"
                             R"({"epoch":3,"step":9,"split":"train","loss":null,"seconds":3.0})"
                             "\n");
  const RunReport report = run.read();
  REQUIRE(report.best.size() == 1);
  CHECK(report.best[0].epoch == 2);
  CHECK(std::isnan(report.last[0].second));
}

TEST_CASE("of epochs that are equal the best is the one that training takes") {
  const Run run;
  std::string lines;
  const auto add = [&](int epoch, double loss, double top1) {
    lines += R"({"epoch":)" + std::to_string(epoch) + R"(,"step":9,"split":"valid","loss":)" +
             std::to_string(loss) + R"(,"top1":)" + std::to_string(top1) +
             R"(,"seconds":1})"
             "\n";
  };
  add(1, 2.0, 0.5);
  add(2, 1.5, 0.5);   // with a lower loss
  add(3, 1.75, 0.5);  // with a higher one
  add(4, 1.5, 0.5);   // equal in both, and newer
  run.write("metrics.jsonl", lines);
  const RunReport report = run.read();
  REQUIRE(report.best.size() == 2);
  CHECK(report.best[0].metric == "loss");
  CHECK(report.best[0].epoch == 4);
  CHECK(report.best[1].metric == "top1");
  CHECK(report.best[1].epoch == 4);
}

TEST_CASE("what is damaged is told, and the rest is read all the same") {
  const Run run;
  const std::string metrics = kMetrics;
  run.write("metrics.jsonl", metrics.substr(0, metrics.size() - 20));  // torn, as by a kill
  CHECK(run.read().damage.empty());
  CHECK(run.read().last[0].second == 1.5);

  run.write("metrics.jsonl", "garbage\n" + metrics);
  run.write("exit.json", "{");
  RunReport report = run.read();
  CHECK(report.damage ==
        std::vector<std::string>{"metrics.jsonl: line 1 is damaged", "exit.json: damaged"});
  CHECK(report.outcome == "damaged");
  CHECK(report.last[0].second == 1.75);
  CHECK(report.parameters == 28);

  run.write("config.resolved.yaml", "model: [");
  run.remove("metrics.jsonl");
  run.write("exit.json", kExit);
  report = run.read();
  REQUIRE(report.damage.size() == 2);
  CHECK(report.damage[0].starts_with("config.resolved.yaml: not valid YAML"));
  CHECK(report.damage[1].starts_with("metrics.jsonl: "));
  CHECK_FALSE(report.config.has_value());
  CHECK_FALSE(report.parameters.has_value());
  CHECK(report.outcome == "stopped early");

  for (const char* text : {"{}", "[]", "7", R"({"outcome":3,"exit_code":0})"}) {
    run.write("exit.json", text);
    CHECK(run.read().outcome == "damaged");
  }
  for (const char* text : {"", "[]", "7", "model: {layers: [7]}", "train: 3", "name: [a]"}) {
    CAPTURE(text);
    run.write("config.resolved.yaml", text);
    CHECK(run.read().damage.size() >= 1);
  }
}

TEST_CASE("a folder that holds no run is an error with the code for it") {
  const test::TempFolder folder;
  for (const std::string& path : {folder.path(), folder / "none"}) {
    try {
      read_run(path);
      FAIL("read");
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::run_folder);
      CHECK(std::string(error.what()).find("no run") != std::string::npos);
    }
  }
}

}  // namespace dl
