#include "engine/train/checkpoint_search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "engine/train/train_state.h"
#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::TempFolder;

using Names = std::vector<std::string>;

Names names_in_folder(const std::string& folder) {
  Names names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

/// A run whose checkpoints say which of them is the best, as those of a training do.
class Run {
 public:
  /// `best`: the step of the best so far; 0: there is none.
  void save(std::int64_t step, std::int64_t best, std::int64_t keep = 10) {
    TrainState state;
    state.step = step;
    if (best > 0) state.best_step = best;
    save_state(step, best, to_json(state, {.config_digest = "d", .data_fingerprint = "f"}), keep);
  }
  /// As versions did that did not write which is the best.
  void save_as_before(std::int64_t step, std::int64_t best) {
    save_state(step, best, R"({"config_digest": "d", "elapsed_seconds": 1})", 10);
  }
  std::string path() const { return folder_.path(); }
  std::string file(std::int64_t step, const std::string& name) const {
    return fmt_step(step) + "/" + name;
  }
  std::string link(const std::string& name) const {
    return fs::read_symlink(folder_ / ("checkpoints/" + name));
  }
  void relink(const std::string& name, const std::string& target) {
    fs::remove(folder_ / ("checkpoints/" + name));
    if (!target.empty()) fs::create_symlink(target, folder_ / ("checkpoints/" + name));
  }

  FileSystem& files() { return *files_; }

 private:
  std::string fmt_step(std::int64_t step) const {
    return folder_ / ("checkpoints/step-0000000" + std::to_string(step));
  }
  void save_state(std::int64_t step, std::int64_t best, const std::string& state,
                  std::int64_t keep) {
    const float value = static_cast<float>(step);
    const CheckpointContent content{{float_tensor("w", {1}, {&value, 1})}, {}, {}, {}, state};
    save_checkpoint(*files_, folder_.path(), step, content, best == step, keep);
  }

  TempFolder folder_;
  std::unique_ptr<FileSystem> disk_ = real_file_system();
  std::unique_ptr<FileSystem> files_ = std::make_unique<test::FailingFileSystem>(*disk_);
};

/// The step that is found, what is said of it, and the exit code where it is asked for by name.
struct Found {
  Found(const Run& run, Which which) {
    step = find_checkpoint(run.path(), which, notes).step;
    try {
      std::vector<std::string> ignored;
      find_checkpoint(run.path(), which, ignored, Substitute::refused);
    } catch (const UserError& error) {
      by_name = static_cast<int>(error.code());
    }
  }
  bool says(const std::string& what) const {
    return std::ranges::any_of(
        notes, [&](const std::string& note) { return note.find(what) != std::string::npos; });
  }
  std::int64_t step = 0;
  int by_name = 0;
  std::vector<std::string> notes;
};

void flip_bit(const std::string& path, std::size_t byte) {
  std::string text = read_file(path);
  text.at(byte) = static_cast<char>(text[byte] ^ 4);
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("a run that is whole gives its best and its last without a word") {
  Run run;
  run.save(1, 1);
  run.save(2, 2);
  run.save(3, 2);
  const Found best(run, Which::best), last(run, Which::last);
  CHECK(best.step == 2);
  CHECK(last.step == 3);
  CHECK(best.notes.empty());
  CHECK(last.notes.empty());
  CHECK(best.by_name == 0);
  CHECK(last.by_name == 0);
  run.relink("best", "");  // lost in a copy
  CHECK(Found(run, Which::best).notes.empty());
}

TEST_CASE("whatever is missing of the best, its substitute is named, and refused to who named it") {
  const auto damage = [](const std::string& what, const Run& run) {
    const std::string folder = run.file(2, "");
    if (what == "folder") {
      fs::remove_all(folder);
    } else if (what == "flip MANIFEST") {
      flip_bit(run.file(2, "MANIFEST"), 30);
    } else if (what == "flip state.json") {
      flip_bit(run.file(2, "state.json"), 10);
    } else {
      fs::remove(run.file(2, what));
    }
  };
  for (const char* what : {"MANIFEST", "state.json", "model.safetensors", "optim.safetensors",
                           "folder", "flip MANIFEST", "flip state.json"}) {
    CAPTURE(what);
    Run run;
    run.save(1, 1);
    run.save(2, 2);
    run.save(3, 2);
    damage(what, run);
    const Found best(run, Which::best);
    CHECK(best.step == 1);
    CHECK(best.says("step-00000002"));
    CHECK(best.says("the best checkpoint cannot be told; step-00000001, which was it before"));
    CHECK(best.by_name == 5);
    CHECK(Found(run, Which::last).notes.empty());
  }
}

TEST_CASE("a newest checkpoint without MANIFEST may have been the best, unless the link says not") {
  Run run;
  run.save(1, 1);
  run.save(2, 2);
  fs::remove(run.file(2, "MANIFEST"));
  const Found best(run, Which::best);
  CHECK(best.step == 1);
  CHECK(best.says("step-00000002 is passed over"));
  CHECK(best.by_name == 5);
  const Found last(run, Which::last);
  CHECK(last.step == 1);
  CHECK(last.says("step-00000002 is passed over"));
  CHECK(last.by_name == 5);

  Run other;
  other.save(1, 1);
  other.save(2, 1);
  fs::remove(other.file(2, "MANIFEST"));
  const Found linked(other, Which::best);
  CHECK(linked.step == 1);
  CHECK(linked.says("step-00000002 is passed over"));
  CHECK(linked.by_name == 0);
  other.relink("best", "");
  CHECK(Found(other, Which::best).by_name == 5);
}

TEST_CASE("one that is neither the newest nor the best may be damaged without a word") {
  Run run;
  for (const std::int64_t step : {1, 2, 3}) run.save(step, 1);
  fs::remove(run.file(2, "MANIFEST"));
  const Found best(run, Which::best);
  CHECK(best.step == 1);
  CHECK(best.notes.empty());
  CHECK(best.by_name == 0);
}

TEST_CASE("in runs of older versions the link tells which was the best") {
  Run run;
  run.save_as_before(1, 1);
  run.save_as_before(2, 2);
  run.save_as_before(3, 2);
  CHECK(Found(run, Which::best).step == 2);
  CHECK(Found(run, Which::best).notes.empty());
  fs::remove_all(run.file(2, ""));
  const Found best(run, Which::best);
  CHECK(best.step == 1);
  CHECK(best.says("step-00000002, the best of this run, is missing"));
  CHECK(best.by_name == 5);
}

TEST_CASE("a run that judges nothing has its last for its best") {
  Run run;
  run.save(1, 0);
  run.save(2, 0);
  const Found best(run, Which::best);
  CHECK(best.step == 2);
  CHECK(best.notes.empty());
  CHECK(best.by_name == 0);
}

TEST_CASE("a reader that a writer overtakes looks again") {
  Run run;
  run.save(1, 1, 1);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::int64_t step = 2; step < 400; ++step) {
      float value = static_cast<float>(step);
      TrainState state;
      state.step = state.best_step.emplace(step);
      const CheckpointContent content{
          {float_tensor("w", {1}, {&value, 1})},
          {},
          {},
          {},
          to_json(state, {.config_digest = "d", .data_fingerprint = ""})};
      save_checkpoint(run.files(), run.path(), step, content, true, 1);
    }
    done = true;
  });
  std::int64_t newest = 0;
  std::string failed;
  while (!done && failed.empty()) {
    try {
      std::vector<std::string> skipped;
      for (const Which which : {Which::last, Which::best}) {
        const std::int64_t step = find_checkpoint(run.path(), which, skipped).step;
        if (step < newest) failed = "an older one was found";
        newest = step;
      }
      if (!skipped.empty()) failed = skipped[0];
      if (newest_state(run.path()).empty()) failed = "no state";
      choose_weights(run.path(), {.checkpoint = run.path() + "/checkpoints/last", .averaged = {}},
                     skipped);
    } catch (const UserError& error) {
      failed = error.what();
    }
  }
  writer.join();
  CHECK(failed == "");
}

TEST_CASE("what a writer that died left undone is done when the run goes on") {
  Run run;
  for (const std::int64_t step : {1, 2, 3, 4}) run.save(step, step);
  // It had renamed the last one, and neither moved the links nor removed any.
  run.relink("last", "step-00000003");
  run.relink("best", "step-00000003");
  fs::create_directories(run.path() + "/checkpoints/.tmp-5-1");
  fs::create_symlink("step-00000004", run.path() + "/checkpoints/.tmp-last-77");
  std::vector<std::string> skipped;
  const LoadedCheckpoint loaded = find_checkpoint(run.path(), Which::last, skipped);
  tidy_checkpoints(run.files(), run.path(), &loaded, 1);
  CHECK(run.link("last") == "step-00000004");
  CHECK(run.link("best") == "step-00000004");
  CHECK(names_in_folder(run.path() + "/checkpoints") == Names{"best", "last", "step-00000004"});
}

TEST_CASE("one that stood aside for another of its step gets its name back") {
  Run run;
  run.save(1, 1);
  fs::rename(run.file(1, ""), run.path() + "/checkpoints/.old-step-00000001");
  std::vector<std::string> skipped;
  const LoadedCheckpoint loaded = find_checkpoint(run.path(), Which::last, skipped);
  tidy_checkpoints(run.files(), run.path(), &loaded, 1);
  CHECK(names_in_folder(run.path() + "/checkpoints") == Names{"best", "last", "step-00000001"});
  CHECK(Found(run, Which::last).step == 1);
}

}  // namespace dl
