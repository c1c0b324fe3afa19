#include "engine/train/saver.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "engine/train/checkpoint_search.h"
#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::TempFolder;

/// A training whose weights are its step, with a clock that the test moves.
class Training {
 public:
  explicit Training(CheckpointEvery every) : config_{.every = every, .keep = 100} {
    saver_.begin({});
  }
  /// An epoch of one step and so many seconds.
  void epoch(double seconds, bool best = false, bool ends = false) {
    ++state_.epoch;
    ++state_.step;
    trained_ = static_cast<float>(state_.step);
    seconds_ += seconds;
    if (best) state_.best_step = state_.step;
    saver_.end_epoch(state_, best, ends);
  }
  Saver& saver() { return saver_; }
  const TrainState& state() const { return state_; }
  int metrics_synced() const { return synced_; }

  /// The steps that were saved; each must hold the weights of its step, but the frozen one.
  std::vector<std::int64_t> saved() const {
    std::vector<std::int64_t> steps;
    for (std::int64_t step = 0; step <= state_.step; ++step) {
      const std::string path = folder_ / ("run/checkpoints/step-0000000" + std::to_string(step));
      if (!fs::exists(path)) continue;
      const LoadedCheckpoint loaded = load_checkpoint(path);
      CHECK(loaded.model.find("fc.weight")->floats()[0] == static_cast<float>(step));
      CHECK(loaded.model.find("frozen.weight")->floats()[0] == 7.0F);
      CHECK(loaded.optim.find("momentum/fc.weight")->floats()[0] == static_cast<float>(step));
      CHECK(loaded.state == std::to_string(step));
      steps.push_back(step);
    }
    return steps;
  }
  std::string link(const std::string& name) const {
    std::error_code error;
    return fs::read_symlink(folder_ / ("run/checkpoints/" + name), error);
  }

 private:
  CheckpointContent content(const TrainState& state) const {
    return {.model = {float_tensor("frozen.weight", {1}, {&frozen_, 1}),
                      float_tensor("fc.weight", {1}, {&trained_, 1})},
            .optim = {float_tensor("momentum/frozen.weight", {1}, {&frozen_, 1}),
                      float_tensor("momentum/fc.weight", {1}, {&trained_, 1})},
            .ema = {},
            .carried = {},
            .state = std::to_string(state.step)};
  }

  TempFolder folder_;
  CheckpointConfig config_;
  std::unique_ptr<FileSystem> disk_ = real_file_system();
  test::FailingFileSystem files_{*disk_};
  RunFolder run_ = RunFolder::create(files_, folder_ / "run", "");
  float frozen_ = 7, trained_ = 0;
  double seconds_ = 0;
  int synced_ = 0;
  TrainState state_;
  StopFlag stop_;
  Saver saver_{{.files = files_,
                .folder = run_,
                .config = config_,
                .content = [this](const TrainState& state) { return content(state); },
                .is_fixed = [](std::string_view name) { return name == "frozen.weight"; },
                .sync_metrics = [this] { ++synced_; },
                .clock = [this] { return seconds_; },
                .stop = stop_}};
};

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("short epochs are saved when their time has come, and metrics are synced only then") {
  Training training({});
  for (int i = 0; i < 6; ++i) training.epoch(4);
  CHECK(training.saved() == Steps{3, 6});
  CHECK(training.metrics_synced() == 2);
  training.epoch(1, false, true);
  CHECK(training.saved() == Steps{3, 6, 7});
  CHECK(training.link("last") == "step-00000007");
}

TEST_CASE("the best since the last save is written as it was, before what follows it") {
  Training training({});
  training.epoch(1, true);
  training.epoch(1, true);
  training.epoch(1);
  CHECK(training.saved().empty());
  SUBCASE("at the end") {
    training.epoch(1, false, true);
    CHECK(training.saved() == Steps{2, 4});
    CHECK(training.link("last") == "step-00000004");
  }
  SUBCASE("at a stop in the middle of an epoch, or when a signal asks for it") {
    training.saver().save(training.state());
    CHECK(training.saved() == Steps{2, 3});
    CHECK(training.link("last") == "step-00000003");
  }
  SUBCASE("when its time has come") {
    training.epoch(7);
    CHECK(training.saved() == Steps{2, 4});
  }
  SUBCASE("when training fails") {
    training.saver().write_held();
    CHECK(training.saved() == Steps{2});
    training.saver().write_held();
  }
  CHECK(training.link("best") == "step-00000002");
}

TEST_CASE("a best that is overtaken before its time costs nothing") {
  Training training({});
  training.epoch(1, true);
  training.epoch(9, true);
  CHECK(training.saved() == Steps{2});
  CHECK(training.link("best") == "step-00000002");
  training.epoch(1, true);
  training.epoch(1, true, true);
  CHECK(training.saved() == Steps{2, 4});
}

TEST_CASE("epochs that are said are saved as said, and each best at once") {
  Training training({.epochs = 3});
  for (const bool best : {false, true, false, false, false, false}) training.epoch(0, best);
  CHECK(training.saved() == Steps{2, 3, 6});
  CHECK(training.link("best") == "step-00000002");
}

TEST_CASE("a run folder that was removed, or replaced, is not saved to") {
  const TempFolder folder;
  const auto files = real_file_system();
  RunFolder run = RunFolder::create(*files, folder / "run", "");
  CheckpointConfig config;
  StopFlag stop;
  Saver saver({.files = *files,
               .folder = run,
               .config = config,
               .content = [](const TrainState&) { return CheckpointContent{}; },
               .is_fixed = [](std::string_view) { return false; },
               .sync_metrics = [] {},
               .clock = [] { return 0.0; },
               .stop = stop});
  saver.save({});
  fs::remove_all(folder / "run");
  CHECK_THROWS_WITH_AS(saver.save({}), doctest::Contains("was removed"), UserError);
  CHECK(!fs::exists(folder / "run"));
  const RunFolder other = RunFolder::create(*files, folder / "run", "");
  CHECK_THROWS_AS(saver.save({}), UserError);
  CHECK(!fs::exists(folder / "run/checkpoints"));
}

}  // namespace dl
