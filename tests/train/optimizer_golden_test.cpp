#include <doctest/doctest.h>

#include <set>

#include "engine/train/optimizer.h"
#include "engine/train/schedule.h"
#include "tests/support/formula.h"
#include "tests/support/golden.h"
#include "tests/support/layer_run.h"
#include "tests/train/typed_config.h"

namespace dl {
namespace {

using nlohmann::json;

// Of the largest value: twenty updates in float against PyTorch's in double.
constexpr double kWeightBound = 1e-6;
constexpr double kSlotBound = 2e-6;

OptimizerChoice choice_of(const json& golden) {
  return test::make_kind(all_optimizers(),
                         test::node_from_json({{golden["optimizer"], golden["params"]}}));
}

/// The tensors of the golden file in a flat buffer as the weight store has it, and an optimiser.
struct Training {
  OptimizerChoice choice;
  std::unique_ptr<Schedule> schedule;
  ScheduleContext context;
  std::vector<ParamSlice> slices;
  std::vector<float> weights, gradients;
  std::vector<std::vector<float>> slots;

  Training(const json& tensors, const json& golden) : choice(choice_of(golden)) {
    if (!golden["one_cycle"].is_null()) {
      schedule = test::make_kind(all_schedules(),
                                 test::node_from_json({{"one_cycle", golden["one_cycle"]}}));
      context = {choice.lr, 1, golden["total_steps"]};
    }
    std::vector<TrainedWeight> trained;
    std::size_t end = 0;
    for (const auto& tensor : tensors) {
      std::size_t size = 1;
      for (const std::size_t dim : tensor["shape"]) size *= dim;
      trained.push_back({tensor["name"], end, size});
      end += (size + 15) / 16 * 16;
    }
    slices = make_slices(choice, trained);
    weights.resize(end);
    gradients.resize(end);
    slots.assign(choice.optimizer->slot_names().size(), std::vector<float>(end));
    fill(weights, 1);
  }

  void fill(std::vector<float>& flat, std::uint32_t salt) const {
    for (const ParamSlice& slice : slices)
      std::ranges::copy(test::formula_tensor(salt++, slice.size), flat.begin() + slice.offset);
  }

  void step(std::int64_t number, float scale = 1) {
    fill(gradients, static_cast<std::uint32_t>(100 * number));
    for (float& gradient : gradients) gradient /= scale;
    std::vector<std::span<float>> spans(slots.begin(), slots.end());
    choice.optimizer->step({.weights = weights,
                            .gradients = gradients,
                            .slots = spans,
                            .slices = slices,
                            .rates = rates(number),
                            .grad_scale = scale,
                            .number = number});
  }

  Rates rates(std::int64_t number) const {
    if (!schedule) return choice.lr;
    const Progress at{0, number - 1};
    return {schedule->lr(context, at, {}), schedule->momentum(context, at)};
  }

  std::span<const float> part(const std::vector<float>& flat, const ParamSlice& slice) const {
    return std::span(flat).subspan(slice.offset, slice.size);
  }
};

void compare_all(const Training& training, const json& golden) {
  const std::vector<std::string> names = training.choice.optimizer->slot_names();
  for (std::size_t t = 0; t < training.slices.size(); ++t) {
    const ParamSlice& slice = training.slices[t];
    test::check_samples(slice.name, training.part(training.weights, slice), golden["weights"][t],
                        kWeightBound);
    if (golden["slots"].is_null()) continue;
    CHECK(golden["slots"].size() == names.size());
    for (std::size_t k = 0; k < names.size(); ++k) {
      test::check_samples(names[k] + " of " + slice.name, training.part(training.slots[k], slice),
                          golden["slots"].at(names[k])[t], kSlotBound);
    }
  }
}

}  // namespace

TEST_CASE("optimisers update weights and state as torch.optim does") {
  const json file = test::read_golden("optimizers");
  for (const json& golden : file["cases"]) {
    CAPTURE(golden["optimizer"].get<std::string>());
    CAPTURE(golden["params"].dump());
    CAPTURE(golden["one_cycle"].dump());
    Training training(file["tensors"], golden);
    std::int64_t number = 0;
    for (const json& kept : golden["steps"]) {
      while (number < kept["step"]) training.step(++number);
      CAPTURE(number);
      compare_all(training, kept);
    }
  }
}

TEST_CASE("the scale of gradients is applied before everything else") {
  const json file = test::read_golden("optimizers");
  for (const json& golden : file["cases"]) {
    CAPTURE(golden["params"].dump());
    Training plain(file["tensors"], golden), scaled(file["tensors"], golden);
    for (int number = 1; number <= 3; ++number) {
      plain.step(number);
      scaled.step(number, 0.25F);  // a power of two: nothing is rounded
    }
    CHECK(plain.weights == scaled.weights);
    CHECK(plain.slots == scaled.slots);
  }
}

TEST_CASE("an update leaves the gaps between tensors alone, whatever the number of threads") {
  const json file = test::read_golden("optimizers");
  const int threads = thread_count();
  for (const json& golden : file["cases"]) {
    CAPTURE(golden["params"].dump());
    use_threads(1);
    Training one(file["tensors"], golden);
    one.step(1);
    use_threads(3);
    Training three(file["tensors"], golden);
    three.step(1);
    CHECK(one.weights == three.weights);
    for (std::size_t t = 0; t + 1 < one.slices.size(); ++t) {
      for (std::size_t i = one.slices[t].offset + one.slices[t].size; i < one.slices[t + 1].offset;
           ++i) {
        CHECK(one.weights[i] == 0.0F);
        for (const auto& slot : one.slots) CHECK(slot[i] == 0.0F);
      }
    }
  }
  use_threads(threads);
}

TEST_CASE("every optimiser has goldens, and every key of it is in one of them") {
  std::set<std::string> written;
  const json file = test::read_golden("optimizers");
  for (const json& golden : file["cases"]) {
    for (const auto& [key, value] : golden["params"].items())
      written.insert(golden["optimizer"].get<std::string>() + "." + key);
  }
  for (const auto& kind : all_optimizers()) {
    CHECK_FALSE(kind.summary.empty());
    for (const ParamSpec& spec : kind.params) {
      const std::string name = std::string(kind.name) + "." + spec.name;
      CAPTURE(name);
      CHECK(written.contains(name));
      CHECK_FALSE(spec.doc.empty());
      CHECK(test::default_in_range(spec));
    }
  }
}

}  // namespace dl
