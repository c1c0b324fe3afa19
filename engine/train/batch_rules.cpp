#include "engine/train/batch_rules.h"

#include <algorithm>

#include "engine/plan/frozen.h"
#include "engine/train/setup.h"

namespace dl {
namespace {

/// Of those, the layers that are trained in some phase.
void keep_trained(const Setup& setup, std::vector<SmallBatch>& found) {
  if (found.empty()) return;
  WeightStore store(setup.graph, WeightMemory::sizes_only);
  std::vector<bool> looks(setup.graph.nodes.size());
  for (const Phase& phase : setup.phases) {
    store.freeze(phase.frozen);
    const FrozenNodes frozen = frozen_nodes(setup.graph, store);
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (!frozen.keeps_statistics[i]) looks[i] = true;
    }
  }
  std::erase_if(found, [&](const SmallBatch& layer) { return !looks[layer.node]; });
}

std::vector<SmallBatch> trained_layers_refusing(const Setup& setup, std::int64_t batch) {
  std::vector<SmallBatch> found = layers_refusing(setup.graph, batch);
  keep_trained(setup, found);
  return found;
}

void add(const Setup& setup, const std::vector<SmallBatch>& layers, const std::string& when,
         const std::string& way_out, Problems& problems) {
  for (const auto& [number, error] : layers) {
    const Node& node = setup.graph.nodes[number];
    problems.add(
        node.mark,
        "layer '" + node.name + "' (" + std::string(node.kind->name) + "): " + error.what() + when,
        way_out + error.hint());
  }
}

/// Samples of the last batch of an epoch, where that is not a whole one; 0: there is none.
std::int64_t last_batch(const Setup& setup, std::size_t samples) {
  if (setup.config.data.drop_last) return 0;
  return static_cast<std::int64_t>(samples) % setup.config.data.batch;
}

}  // namespace

void check_training_batches(const Setup& setup, std::optional<std::size_t> samples) {
  Problems problems;
  const std::int64_t batch = setup.config.data.batch;
  add(setup, trained_layers_refusing(setup, batch), ", as data.batch is " + std::to_string(batch),
      "", problems);
  problems.throw_if_any();
  const std::int64_t last = samples ? last_batch(setup, *samples) : 0;
  if (last == 0) return;
  add(setup, trained_layers_refusing(setup, last),
      " in the last batch of an epoch, which has " + std::to_string(last) + " of the " +
          std::to_string(*samples) + " samples",
      "data.drop_last: true leaves that batch out; otherwise ", problems);
  problems.throw_if_any();
}

bool trains_on_any_batch(const Setup& setup) { return trained_layers_refusing(setup, 1).empty(); }

}  // namespace dl
