#include "engine/train/save_rule.h"

#include <doctest/doctest.h>

#include <string>

namespace dl {

TEST_CASE(
    "every epoch but not more often than every ten seconds, unless epochs or steps are said") {
  SaveRule rule = save_rule({});
  CHECK(rule.epochs == 1);
  CHECK(!rule.steps);
  CHECK(rule.seconds == 10);
  rule = save_rule({.epochs = 5});
  CHECK(rule.epochs == 5);
  CHECK(rule.seconds == 0);
  rule = save_rule({.steps = 100});
  CHECK(!rule.epochs);
  CHECK(rule.steps == 100);
  CHECK(rule.seconds == 0);
  rule = save_rule({.seconds = 60});
  CHECK(rule.epochs == 1);
  CHECK(rule.seconds == 60);
  rule = save_rule({.epochs = 2, .steps = 7, .seconds = 3});
  CHECK(rule.epochs == 2);
  CHECK(rule.steps == 7);
  CHECK(rule.seconds == 3);
}

TEST_CASE("in the middle of an epoch a checkpoint is due by steps, and not before its time") {
  struct Row {
    std::string what;
    SaveRule rule;
    SaveMoment last, now;
    bool expected;
  };
  const Row rows[] = {
      {"no steps, never", {.epochs = 1}, {0, 0, 0}, {0, 100, 1000}, false},
      {"a multiple", {.steps = 10}, {0, 0, 0}, {0, 10, 0.1}, true},
      {"before it", {.steps = 10}, {0, 0, 0}, {0, 9, 1000}, false},
      {"once", {.steps = 10}, {0, 10, 0}, {0, 10, 1000}, false},
      {"after one saved in between", {.steps = 10}, {0, 13, 0}, {0, 19, 1000}, false},
      {"the next multiple", {.steps = 10}, {0, 13, 0}, {0, 20, 0.1}, true},
      {"too soon", {.steps = 10, .seconds = 60}, {0, 0, 0}, {0, 10, 59}, false},
      {"what came due sooner", {.steps = 10, .seconds = 60}, {0, 0, 0}, {0, 13, 60}, true},
  };
  for (const Row& row : rows)
    CHECK_MESSAGE(due_in_epoch(row.rule, row.last, row.now) == row.expected, row.what);
}

TEST_CASE("at an epoch's end it is saved, or the best is held, or written once its time has come") {
  using enum EpochSave;
  struct Row {
    std::string what;
    SaveRule rule;
    SaveMoment last, now;
    EpochEnd end;
    EpochSave expected;
  };
  const SaveRule ten = save_rule({});
  const EpochEnd plain{}, best{.best = true}, held{.best_held = true},
      both{.best = true, .best_held = true}, last{.ends_run = true};
  const Row rows[] = {
      {"too soon", ten, {0, 0, 0}, {1, 9, 9}, plain, nothing},
      {"in time", ten, {0, 0, 0}, {1, 9, 10}, plain, save},
      {"the best, too soon", ten, {0, 0, 0}, {1, 9, 1}, best, hold},
      {"a better one, too soon", ten, {0, 0, 0}, {2, 18, 2}, both, hold},
      {"no better, too soon", ten, {0, 0, 0}, {3, 27, 3}, held, nothing},
      {"no better, in time", ten, {0, 0, 0}, {4, 36, 11}, held, save},
      {"a better one, in time", ten, {0, 0, 0}, {4, 36, 11}, both, save},
      {"the end", ten, {0, 0, 0}, {1, 9, 0.1}, last, save},
      {"each second", {.epochs = 2}, {0, 0, 0}, {1, 9, 0.1}, plain, nothing},
      {"each second", {.epochs = 2}, {0, 0, 0}, {2, 18, 0.2}, plain, save},
      {"the best between them", {.epochs = 2}, {0, 0, 0}, {1, 9, 0.1}, best, save},
      {"steps", {.steps = 9}, {0, 0, 0}, {1, 9, 0.1}, plain, save},
      {"the held one alone", {.epochs = 9, .seconds = 5}, {0, 0, 0}, {2, 18, 5}, held, write_held},
      {"what came due sooner", {.epochs = 2, .seconds = 5}, {0, 0, 0}, {3, 27, 5}, plain, save},
  };
  for (const Row& row : rows)
    CHECK_MESSAGE(at_epoch_end(row.rule, row.last, row.now, row.end) == row.expected, row.what);
}

}  // namespace dl
