#include "engine/train/training_step.h"

#include <chrono>

#include "core/random.h"
#include "engine/train/environment.h"
#include "engine/train/run_memory.h"

namespace dl {
namespace {

/// The inputs that a loss reads as probabilities.
std::vector<bool> probabilities_of(const Graph& graph) {
  std::vector<bool> are(graph.nodes.size());
  for (const int number : graph.losses) {
    const Node& loss = graph.nodes[static_cast<std::size_t>(number)];
    if (loss.kind->loss && loss.kind->loss->task == LossTask::yes_no)
      are[static_cast<std::size_t>(loss.src[1].node)] = true;
  }
  return are;
}

/// Normal floats, or zeros and ones; labels and tokens within the classes; whole lengths.
void make_up(const Node& node, std::span<const Shape> shapes, const Shape& shape,
             std::int64_t classes, bool probability, Random& random, AlignedBuffer& buffer) {
  const auto count = static_cast<std::size_t>(shape.elements());
  if (node.input->integer) {
    auto* labels = reinterpret_cast<std::int32_t*>(buffer.data());
    const bool lengths = node.input->sample_shape.empty() && node.name == "data.length";
    for (std::size_t k = 0; k < count; ++k)
      labels[k] = static_cast<std::int32_t>(
          lengths ? shapes[0][1] : random.below(static_cast<std::uint64_t>(classes)));
  } else {
    auto* values = reinterpret_cast<float*>(buffer.data());
    for (std::size_t k = 0; k < count; ++k)
      values[k] = probability ? static_cast<float>(random.below(2)) : random.normal();
  }
}

}  // namespace

TrainingStep::TrainingStep(const Setup& setup)
    : setup_(setup),
      batch_(setup.config.data.batch),
      store_(setup.make_store(WeightMemory::sizes_only)),
      programs_(setup.graph, store_) {
  const auto make_updater = [&] {
    updater_.emplace(*setup.optimizer.optimizer, setup.phases[0].slices, setup.config.train, store_,
                     1);
  };
  make_updater();
  programs_.add(Purpose::train, batch_);
  check_memory(step_memory(process_memory(), store_, *updater_, programs_), memory_limit_bytes());
  store_.allocate();
  make_updater();
  store_.initialise(setup.graph, setup.config.seed);
  programs_.bind();
  const Graph graph = training_graph(setup.graph);
  const auto shapes = infer_shapes(graph, batch_);
  const std::int64_t classes = graph.output.node >= 0 ? shapes[graph.output.node][0].back() : 2;
  const std::vector<bool> probabilities = probabilities_of(graph);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (!node.input) continue;
    buffers_.emplace_back(static_cast<std::size_t>(shapes[i][0].elements()) * 4);
    tensors_.push_back(buffers_.back().data());
    Random random(setup.config.seed, RandomStream::synthetic, i);
    make_up(node, shapes[0], shapes[i][0], classes, probabilities[i], random, buffers_.back());
  }
}

double TrainingStep::run_ms() {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  updater_->before_batch();
  program().run(tensors_, context());
  updater_->add_batch(batch_, true);
  updater_->update(setup_.optimizer.lr, ++number_);
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

}  // namespace dl
