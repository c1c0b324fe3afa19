#include "engine/train/schedule.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "tests/support/golden.h"
#include "tests/support/layer_run.h"
#include "tests/support/network.h"
#include "tests/train/typed_config.h"

namespace dl {
namespace {

using nlohmann::json;

std::unique_ptr<Schedule> make_schedule(const std::string& text) {
  return test::make_kind(all_schedules(), test::yaml(text));
}

std::string error_of(const std::string& text) {
  return test::message_of([&] { make_schedule(text); });
}

std::string warmup_error(const std::string& text, std::optional<std::int64_t> epochs = {}) {
  return test::message_of([&] { read_warmup(test::yaml(text), epochs); });
}

struct StepRates {
  double lr;
  std::optional<double> momentum;
};

/// The rates of all steps, as the training loop asks for them.
std::vector<StepRates> rates_of(const json& golden) {
  const auto schedule = test::make_kind(
      all_schedules(), test::node_from_json({{golden["schedule"], golden["params"]}}));
  std::optional<Warmup> warmup;
  if (!golden["warmup"].is_null()) warmup = read_warmup(test::node_from_json(golden["warmup"]));
  const ScheduleContext context{golden["lr"], golden["epochs"], golden["steps_per_epoch"]};
  ScheduleState state;
  std::vector<StepRates> rates;
  for (Progress at; at.epoch < context.epochs; ++at.epoch) {
    for (std::int64_t i = 0; i < context.steps_per_epoch; ++i, ++at.step) {
      rates.push_back(
          {schedule->lr(context, at, state) * (warmup ? warmup->factor(context, at.step) : 1.0),
           schedule->momentum(context, at)});
    }
    if (golden["metrics"].is_null()) continue;
    const json& metric = golden["metrics"][static_cast<std::size_t>(at.epoch)];
    schedule->on_epoch_end(
        context, state,
        metric.is_null() ? std::numeric_limits<double>::quiet_NaN() : metric.get<double>(),
        golden["lower_is_better"]);
  }
  return rates;
}

}  // namespace

TEST_CASE("schedules give the rates of torch.optim.lr_scheduler at every step") {
  for (const json& golden : test::read_golden("schedules")) {
    CAPTURE(golden["schedule"].get<std::string>());
    CAPTURE(golden["params"].dump());
    CAPTURE(golden["warmup"].dump());
    const std::vector<StepRates> rates = rates_of(golden);
    REQUIRE(rates.size() == golden["lrs"].size());
    for (std::size_t step = 0; step < rates.size(); ++step) {
      CAPTURE(step);
      const double expected = golden["lrs"][step];
      CHECK(std::abs(rates[step].lr - expected) <= 1e-12 + 1e-9 * expected);
      REQUIRE(rates[step].momentum.has_value() == !golden["momenta"].is_null());
      if (rates[step].momentum)
        CHECK(std::abs(*rates[step].momentum - golden["momenta"][step].get<double>()) <= 1e-12);
    }
  }
}

TEST_CASE("every schedule has goldens, and every key of it is in one of them") {
  std::set<std::string> written;
  for (const json& golden : test::read_golden("schedules")) {
    const std::string name = golden["schedule"];
    written.insert(name);
    for (const auto& [key, value] : golden["params"].items()) written.insert(name + "." + key);
    for (const auto& [key, value] : golden["warmup"].items()) written.insert("warmup." + key);
  }
  const auto check = [&](const std::string& name, const std::vector<ParamSpec>& params) {
    for (const ParamSpec& spec : params) {
      CAPTURE(name);
      CAPTURE(spec.name);
      CHECK(written.contains(name + "." + spec.name));
      CHECK_FALSE(spec.doc.empty());
      CHECK(test::default_in_range(spec));
    }
  };
  for (const auto& kind : all_schedules()) {
    CHECK(written.contains(std::string(kind.name)));
    CHECK_FALSE(kind.summary.empty());
    check(std::string(kind.name), kind.params);
  }
  check("warmup", specs_of(warmup_table()));
}

TEST_CASE("only plateau watches a metric") {
  for (const auto& kind : all_schedules()) {
    const std::string name(kind.name);
    const bool needs_more = name == "step" || name == "multistep" || name == "exponential";
    if (!needs_more) CHECK(make_schedule(name)->watches_metric() == (name == "plateau"));
  }
}

TEST_CASE("one_cycle has a rate even where its rise is no step long") {
  const auto schedule = make_schedule("one_cycle: {pct_start: 0.1}");  // PyTorch divides by zero
  CHECK(schedule->lr({1.0, 10, 1}, {0, 0}, {}) == doctest::Approx(1.0));
  CHECK(schedule->lr({1.0, 10, 1}, {9, 9}, {}) == doctest::Approx(1.0 / 25 / 1e4));
  CHECK(std::isfinite(make_schedule("one_cycle")->lr({1.0, 1, 1}, {0, 0}, {})));
  CHECK(*schedule->momentum({1.0, 10, 1}, {0, 0}) == doctest::Approx(0.85));
  CHECK(*schedule->momentum({1.0, 10, 1}, {9, 9}) == doctest::Approx(0.95));
}

TEST_CASE("plateau goes on from a saved state as if it had not stopped") {
  const auto schedule = make_schedule("plateau: {patience: 1, cooldown: 1, factor: 0.5}");
  const ScheduleContext context{1.0, 9, 1};
  ScheduleState state;
  for (const double loss : {1.0, 1.0, 1.0}) schedule->on_epoch_end(context, state, loss, true);
  CHECK(schedule->lr(context, {3, 3}, state) == 0.5);
  ScheduleState restored{state.scale, state.best, state.bad_epochs, state.cooldown};
  for (const double loss : {1.0, 1.0, 1.0}) {
    schedule->on_epoch_end(context, state, loss, true);
    schedule->on_epoch_end(context, restored, loss, true);
  }
  CHECK(schedule->lr(context, {6, 6}, state) == 0.25);
  CHECK(schedule->lr(context, {6, 6}, restored) == 0.25);
}

TEST_CASE("a momentum that is to be cycled must be there") {
  const auto error = [](const std::string& optimizer, const std::string& one_cycle) {
    return test::setup_error(
        "model: {input: [4], layers: [linear: {out_features: 3}]}\ndata: {classes: 3}\n"
        "loss: cross_entropy\ntrain: {epochs: 1}\noptimizer: {" +
        optimizer + "}\nschedule: {one_cycle: {" + one_cycle + "}}\n");
  };
  CHECK(error("sgd: {lr: 1}", "cycle_momentum: true") ==
        "c.yaml:6:40: error: schedule: cycle_momentum: the optimiser has no momentum that could be "
        "cycled\n"
        "   6 | schedule: {one_cycle: {cycle_momentum: true}}\n"
        "     |                                        ^~~~\n"
        "  hint: give it one: sgd: {momentum: 0.9, ...}");
  CHECK(error("rmsprop: {lr: 1}", "cycle_momentum: true").find("no momentum") != std::string::npos);
  CHECK(error("sgd: {lr: 1}", "").empty());
  CHECK(error("sgd: {lr: 1, momentum: 0.9}", "cycle_momentum: true").empty());
  CHECK(error("adam: {lr: 1}", "cycle_momentum: true").empty());
}

TEST_CASE("schedules that contradict themselves are refused where they do") {
  CHECK(error_of("multistep: {epochs: [30, 60, 60]}") ==
        "c.yaml:1:30: error: milestones must increase\n"
        "   1 | multistep: {epochs: [30, 60, 60]}\n"
        "     |                              ^~");
  CHECK(error_of("multistep: {epochs: []}").find("expected at least one milestone") !=
        std::string::npos);
  CHECK(error_of("multistep: {epochs: [1], steps: [2]}").find("not both") != std::string::npos);
  CHECK(error_of("step: {gamma: 0.1}").find("missing key 'epochs' (or 'steps')") !=
        std::string::npos);
  CHECK(error_of("exponential").find("missing key 'gamma'") != std::string::npos);
  CHECK(error_of("cosine: {by: steps}").find("did you mean 'step'?") != std::string::npos);
  CHECK(error_of("plateau: {factor: 1}").find("factor: is 1, must be at least 0 and below 1") !=
        std::string::npos);
  CHECK(error_of("one_cycle: {three_phase: true, pct_start: 0.6}").find("c.yaml:1:43: error") == 0);
  CHECK(error_of("one_cycle: {three_phase: true}") == "");
}

TEST_CASE("a warm-up has one length, and it fits into the training") {
  CHECK(warmup_error("{epochs: 3}", 3) == "");
  CHECK(
      warmup_error("{epochs: 4}", 3)
          .find("c.yaml:1:10: error: epochs: a warm-up of 4 epochs is longer than the training") ==
      0);
  CHECK(warmup_error("{epochs: 1, steps: 5}").find("not both") != std::string::npos);
  CHECK(warmup_error("{start_factor: 0.1}").find("missing key 'epochs'") != std::string::npos);
  CHECK(warmup_error("{steps: 0}").find("must be at least 1") != std::string::npos);
}

}  // namespace dl
