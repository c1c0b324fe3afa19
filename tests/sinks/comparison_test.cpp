#include "engine/sinks/comparison.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace dl {
namespace {

RunReport done(const std::string& path, double top1) {
  return {.path = path,
          .name = "net",
          .outcome = "completed",
          .exit_code = 0,
          .epoch = 20,
          .step = 8000,
          .seconds = 3723,
          .epochs = 20,
          .parameters = 272474,
          .final_split = "test",
          .split = "valid",
          .result = {{"loss", 0.25}, {"top1", top1}},
          .last = {{"loss", 0.3}, {"top1", top1 - 0.01}},
          .best = {{"loss", 0.28, 12}, {"top1", top1 + 0.01, 18}},
          .config = FlatConfig{},
          .damage = {}};
}

RunReport running(const std::string& path) {
  RunReport run = done(path, 0.5);
  run.outcome = "running";
  run.exit_code = {};
  run.epoch = 3;
  run.seconds = 12;
  run.final_split = "";
  run.result = {};
  return run;
}

RunReport damaged(const std::string& path) {
  return {.path = path,
          .name = {},
          .outcome = "crashed",
          .exit_code = {},
          .epochs = {},
          .parameters = {},
          .final_split = {},
          .split = "train",
          .result = {},
          .last = {{"loss", 2.5}},
          .best = {{"loss", 2.25, 1}},
          .config = {},
          .damage = {"config.resolved.yaml: damaged"}};
}

}  // namespace

TEST_CASE("two runs stand side by side, and below them the keys in which they differ") {
  const std::vector<RunReport> runs = {done("runs/resnet20-001", 0.915),
                                       done("runs/resnet56-001/", 0.93)};
  const std::vector<ConfigDifference> differences = {{"vars.n", {"3", "9"}},
                                                     {"train.clip.norm", {std::nullopt, "5"}},
                                                     {"model.conv1.bias", {"true", "false"}, 7}};
  CHECK(comparison_table(runs, differences) ==
        "run                                 resnet20-001  resnet56-001\n"
        "outcome                             completed     completed\n"
        "epochs                              20/20         20/20\n"
        "time                                1:02:03       1:02:03\n"
        "parameters                          272,474       272,474\n"
        "final test loss                     0.2500        0.2500\n"
        "final test top1                     91.50 %       93.00 %\n"
        "best valid loss                     0.2800 (12)   0.2800 (12)\n"
        "best valid top1                     92.50 % (18)  94.00 % (18)\n"
        "\n"
        "vars.n                              3             9\n"
        "train.clip.norm                     -             5\n"
        "model.conv1.bias and 6 more layers  true          false\n");
}

TEST_CASE("runs that go on or are damaged are shown as such, in the order given") {
  const std::vector<RunReport> runs = {damaged("x"), running("y"), done("z", 0.9)};
  CHECK(comparison_table(runs, {}) ==
        "run              x           y             z\n"
        "outcome          crashed     running       completed\n"
        "epochs           0           3/20          20/20\n"
        "time             0.0 s       12.0 s        1:02:03\n"
        "parameters       -           272,474       272,474\n"
        "final test loss  -           -             0.2500\n"
        "final test top1  -           -             90.00 %\n"
        "best valid loss  -           0.2800 (12)   0.2800 (12)\n"
        "best valid top1  -           51.00 % (18)  91.00 % (18)\n"
        "best train loss  2.2500 (1)  -             -\n"
        "last valid loss  -           0.3000        0.3000\n"
        "last valid top1  -           49.00 %       89.00 %\n"
        "last train loss  2.5000      -             -\n"
        "\n"
        "the configs are the same\n");
}

TEST_CASE("eight runs fit, whatever their names") {
  std::vector<RunReport> runs;
  for (const std::string name : {"a", "b"}) {
    for (int i = 1; i <= 4; ++i)
      runs.push_back(done("study-" + name + "/densenet_bc_100_12-00" + std::to_string(i), 0.9));
  }
  const ConfigDifference path{"data.source.mnist.path",
                              std::vector<std::optional<std::string>>(8, "@data/some/where")};
  const std::string table = comparison_table(runs, std::vector<ConfigDifference>{path});
  CHECK(table.starts_with("run                     study-a/"));  // the last parts are not enough
  std::size_t longest = 0, begin = 0;
  for (std::size_t end; (end = table.find('\n', begin)) != std::string::npos; begin = end + 1)
    longest = std::max(longest, end - begin);
  CHECK(longest <= 200);
}

TEST_CASE("of very many keys the first are shown, and how many more there are") {
  const std::vector<RunReport> runs = {done("a", 0.9), done("b", 0.9)};
  std::vector<ConfigDifference> differences;
  for (int i = 0; i < 40; ++i) differences.push_back({"key" + std::to_string(i), {"1", "2"}});
  const std::string table = comparison_table(runs, differences);
  CHECK(table.find("\nkey29 ") != std::string::npos);
  CHECK(table.find("\nkey30 ") == std::string::npos);
  CHECK(table.ends_with("\nand 10 more keys differ (--json names them)\n"));
}

TEST_CASE("a value that is endless, as a vocabulary, is cut between letters") {
  const std::vector<RunReport> runs = {done("a", 0.9), done("b", 0.9)};
  std::string words;
  for (int i = 0; i < 5000; ++i) words += "\xC3\xA9";
  const ConfigDifference vocabulary{"vocabulary", {"x" + words, words}};
  const std::string table = comparison_table(runs, std::vector<ConfigDifference>{vocabulary});
  CHECK(table.find("(10001 bytes)") != std::string::npos);
  CHECK(table.size() < 2000);
  CHECK(table.find("\\x") == std::string::npos);  // no half letters
}

TEST_CASE("one run is shown alone, and its name is escaped") {
  const std::string table =
      comparison_table(std::vector<RunReport>{done("an \x1b[31mevil", 0.9)}, {});
  CHECK(table.find('\x1b') == std::string::npos);
  CHECK(table.find("the same") == std::string::npos);
}

}  // namespace dl
