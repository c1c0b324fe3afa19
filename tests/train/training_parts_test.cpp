#include "engine/train/training_parts.h"

#include <doctest/doctest.h>

#include "core/stop_flag.h"
#include "engine/train/start_check.h"
#include "tests/support/network.h"

// What a training begins with, before anything is written and before weights have memory.
namespace dl {
namespace {

Setup setup_with(const std::vector<std::string>& sets) {
  return test::setup_of(
      "data: {source: digits, batch: 32}\n"
      "model: {layers: [flatten, linear: {name: f, out_features: 8}, batch_norm, relu, linear: "
      "{name: fc, out_features: 10}]}\n"
      "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1, momentum: 0.9}}\n"
      "train: {epochs: 2, ema: {decay: 0.9}, effective_batch: 64}\n",
      sets);
}

std::string code_of(const std::vector<std::string>& sets) {
  try {
    Setup setup = setup_with(sets);
    check_start(setup);
    return "starts";
  } catch (const UserError& error) {
    return std::to_string(static_cast<int>(error.code()));
  }
}

}  // namespace

TEST_CASE("a store of sizes says what one with memory says, and takes none") {
  const Setup setup = setup_with({});
  WeightStore sizes = setup.make_store(WeightMemory::sizes_only), store = setup.make_store();
  CHECK(sizes.memory() == WeightMemory::sizes_only);
  CHECK(store.memory() == WeightMemory::allocated);
  CHECK(sizes.flat().size() == store.flat().size());
  CHECK(sizes.flat().data() == nullptr);
  CHECK(sizes.parameter_count() == store.parameter_count());
  sizes.freeze(std::vector<std::string>{"f.weight"});
  for (const StoredWeight& weight : sizes.weights())
    CHECK(sizes.values(weight).size() == store.values(*store.find(weight.name)).size());
  const auto updater_of = [&](WeightStore& of) {
    return Updater(*setup.optimizer.optimizer, setup.phases[0].slices, setup.config.train, of,
                   setup.batches_per_step());
  };
  const Updater without = updater_of(sizes), with = updater_of(store);
  CHECK(without.bytes() == with.bytes());
  CHECK(without.averages());
  CHECK(without.slot_tensors().size() == with.slot_tensors().size());
  sizes.allocate();
  CHECK(sizes.memory() == WeightMemory::allocated);
  CHECK(sizes.find("f.weight")->frozen);
}

TEST_CASE("a training takes no memory for its weights until it was compared with what there is") {
  const Setup setup = setup_with({});
  const StopFlag none;
  OpenData data(setup, none);
  TrainingParts parts(setup, data);
  CHECK(parts.store.memory() == WeightMemory::sizes_only);
  CHECK(parts.programs.has_value());
  const MemoryUse before = parts.memory;
  parts.allocate();
  parts.record_programs();
  CHECK(parts.memory == before);
}

TEST_CASE("what a training needs of its data, phases and memory is checked before it starts") {
  CHECK(code_of({}) == "starts");
  CHECK(code_of({"data.batch=4096", "train.effective_batch=~"}) == "4");
  CHECK(code_of({"data.batch=26", "train.effective_batch=~", "data.drop_last=false"}) == "starts");
  CHECK(code_of({"data.batch=4", "train.effective_batch=~", "data.drop_last=false"}) == "3");
  CHECK(code_of({"train.cache_features=ram"}) == "3");
  CHECK(code_of({"model.layers.1.linear.out_features=2000000000"}) == "3");
  CHECK(code_of({"model.layers=[flatten, {repeat: 300, layers: [linear: {out_features: "
                 "32768}]}, linear: {name: fc, out_features: 10}]"}) == "7");
}

}  // namespace dl
