#include <doctest/doctest.h>

#include <filesystem>

#include "core/error.h"
#include "engine/train/checkpoint_search.h"
#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"
#include "tests/support/formula.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::FailingFileSystem;
using test::Failure;
using test::TempFolder;

constexpr Failure kFailures[] = {Failure::no_space, Failure::io_error, Failure::short_write,
                                 Failure::crash};

/// Saves a checkpoint whose only weight is `value`; returns whether "saved" was said.
bool save(FileSystem& files, const std::string& run, std::int64_t step, float value, bool best) {
  const CheckpointContent content{{float_tensor("w", {1}, {&value, 1})}, {}, {}, {}, "{}"};
  bool said = false;
  save_checkpoint(files, run, step, content, best, 1, [&](const std::string&) { said = true; });
  return said;
}

float found(const std::string& run, Which which) {
  std::vector<std::string> skipped;
  const float value = find_checkpoint(run, which, skipped).model.find("w")->floats()[0];
  CHECK_MESSAGE(skipped.empty(), skipped[0]);  // nothing half-written has a final name
  return value;
}

/// A run with two checkpoints, 1 (the best) and 2, to which `step` is saved while operation `at`
/// fails. Returns whether the save reported success.
struct Attempt {
  Attempt(Failure failure, int at, std::int64_t step) : files(*disk, failure, at) {
    save(real, run.path(), 1, 1.0F, true);
    save(real, run.path(), 2, 2.0F, false);
    try {
      save_checkpoint(files, run.path(), step, content, true, 1,
                      [&](const std::string&) { said = true; });
      succeeded = true;
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::output);
      message = error.what();
    }
  }
  TempFolder run;
  std::unique_ptr<FileSystem> disk = real_file_system();
  FailingFileSystem real{*disk};
  FailingFileSystem files;
  float value = 3.0F;
  CheckpointContent content{{float_tensor("w", {1}, {&value, 1})}, {}, {}, {}, "{}"};
  bool said = false, succeeded = false;
  std::string message;
};

/// Lets each file operation of saving `step` fail in turn.
void fail_each(std::int64_t step) {
  const Attempt whole(Failure::none, 0, step);
  REQUIRE(whole.succeeded);
  const int operations = whole.files.operations();
  REQUIRE(operations > 25);
  for (const Failure failure : kFailures) {
    for (int at = 1; at <= operations; ++at) {
      CAPTURE(static_cast<int>(failure));
      CAPTURE(at);
      Attempt attempt(failure, at, step);
      CHECK_FALSE(attempt.succeeded);
      CHECK(attempt.message.find(attempt.said ? "saved, but older ones stay" : "not saved") !=
            std::string::npos);
      const float last = found(attempt.run.path(), Which::last);
      const float best = found(attempt.run.path(), Which::best);
      CHECK((last == 3.0F || (!attempt.said && last == 2.0F)));
      CHECK((best == 3.0F || (!attempt.said && best == 1.0F)));
      // The next save works, and leaves nothing of the failed one.
      CHECK(save(attempt.real, attempt.run.path(), step + 1, 4.0F, false));
      CHECK(found(attempt.run.path(), Which::last) == 4.0F);
      CHECK(found(attempt.run.path(), Which::best) == best);
      for (const auto& entry : fs::directory_iterator(attempt.run / "checkpoints"))
        CHECK_FALSE(entry.path().filename().string().starts_with("."));
    }
  }
}

}  // namespace

TEST_CASE("what a save reports is there for good: every folder that it changed was synced") {
  const auto disk = real_file_system();
  FailingFileSystem files(*disk);
  const TempFolder run;
  for (const std::int64_t step : {1, 2, 2}) {  // the first, another, one in place of another
    FailingFileSystem saving(files);
    float value = 1;
    const CheckpointContent content{{float_tensor("w", {1}, {&value, 1})}, {}, {}, {}, "{}"};
    std::set<std::string> unsynced = {"never said"};
    save_checkpoint(saving, run.path(), step, content, true, 5,
                    [&](const std::string&) { unsynced = saving.unsynced_folders(); });
    CHECK(unsynced.empty());
    CHECK(saving.unsynced_at_first_link().empty());
  }
}

TEST_CASE("each file operation of a save may fail: an older checkpoint still loads") {
  fail_each(3);
}

TEST_CASE("each file operation of replacing a checkpoint may fail: the old or the new one loads") {
  fail_each(2);
}

TEST_CASE("the only checkpoint of a run survives each failure while it is replaced") {
  const auto disk = real_file_system();
  FailingFileSystem real(*disk);
  for (const Failure failure : kFailures) {
    for (int at = 1;; ++at) {
      CAPTURE(at);
      const TempFolder run;
      save(real, run.path(), 1, 1.0F, true);
      FailingFileSystem files(*disk, failure, at);
      bool failed = false;
      try {
        save(files, run.path(), 1, 2.0F, true);
      } catch (const UserError&) {
        failed = true;
      }
      const float value = found(run.path(), Which::best);
      CHECK((value == 2.0F || value == 1.0F));
      if (!failed) break;
    }
  }
}

TEST_CASE("the first save of a run may fail too, and the second works") {
  const auto disk = real_file_system();
  FailingFileSystem real(*disk);
  for (int at = 1; at < 20; ++at) {
    const TempFolder run;
    FailingFileSystem files(*disk, Failure::no_space, at);
    CHECK_THROWS_AS(save(files, run.path(), 1, 1.0F, true), UserError);
    CHECK(save(real, run.path(), 1, 2.0F, true));
    CHECK(found(run.path(), Which::last) == 2.0F);
  }
}

}  // namespace dl
