#include "engine/plan/program.h"

#include <algorithm>
#include <cassert>

#include "core/memory_room.h"
#include "engine/graph/fuse.h"
#include "engine/plan/features.h"
#include "engine/plan/frozen.h"

namespace dl {
namespace {

Graph with_features(Graph graph, const WeightStore& store) {
  graph.features = feature_ports(graph, store);
  return graph;
}

}  // namespace

Program::Program(const Graph& graph, WeightStore& store, const dnnl::engine& engine,
                 Purpose purpose, std::int64_t batch, bool probes)
    : purpose_(purpose), batch_(batch), store_(&store) {
  Recording recording = record(graph, store, engine, purpose, batch, probes);
  layout_ = lay_out_plan(recording.tape);
  losses_ = std::move(recording.losses);
  probes_ = std::move(recording.probes);
  time_probes_ = std::move(recording.time_probes);
  output_ = recording.output;
  features_ = std::move(recording.features);
  std::vector<int> inputs;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].input) inputs.push_back(static_cast<int>(i));
  }
  for (const int node : recording.input_nodes) {
    input_slots_.push_back(std::find(inputs.begin(), inputs.end(), node) - inputs.begin());
  }
  tape_ = std::move(recording.tape);
  carries_state_ = std::ranges::any_of(
      tape_->values(), [](const TapeValue& value) { return value.home == TapeValue::Home::state; });
}

void Program::bind(std::span<std::byte> arena) {
  assert(tape_ && "a program is bound once");
  plan_ = std::make_unique<Plan>(std::move(*tape_), layout_, *store_, arena);
  tape_.reset();
}

void Program::run(std::span<const void* const> tensors, const StepContext& context) {
  for (std::size_t i = 0; i < input_slots_.size(); ++i)
    plan_->set_input(i, tensors[input_slots_[i]]);
  plan_->run(context);
}

Program::LossValue Program::loss(std::size_t i) const {
  return {scalar(losses_[i].mean), scalar(losses_[i].count)};
}

std::optional<Program::LossValue> Program::plain_loss(std::size_t i) const {
  const Recording::Loss& loss = losses_[i];
  if (!loss.plain_mean) return std::nullopt;
  return LossValue{scalar(*loss.plain_mean), scalar(*loss.plain_count)};
}

void Program::scale_losses(std::span<const double> factors) {
  for (const Recording::Loss& loss : losses_) {
    if (loss.seed)
      *static_cast<float*>(plan_->data(*loss.seed)) =
          static_cast<float>(loss.weight * factors[loss.index]);
  }
}

std::span<const float> Program::output() const { return floats(*output_); }

std::span<const float> Program::floats(const Value& value) const {
  return {static_cast<const float*>(plan_->data(value)),
          static_cast<std::size_t>(value.shape().elements())};
}

std::span<const std::int32_t> Program::flat_counts(const Probe& probe) const {
  return {static_cast<const std::int32_t*>(plan_->data(probe.flat)),
          static_cast<std::size_t>(probe.flat.shape().elements())};
}

std::span<const float> Program::time_squares(const TimeProbe& probe) const {
  return {static_cast<const float*>(plan_->data(probe.squares)),
          static_cast<std::size_t>(probe.squares.shape().elements())};
}

Programs::Programs(const Graph& graph, WeightStore& store, bool probes)
    : engine_(dnnl::engine::kind::cpu, 0),
      store_(&store),
      with_probes_(probes),
      training_(fuse_activations(fold_norms(training_graph(with_features(graph, store)),
                                            frozen_nodes(graph, store).closed),
                                 true)),
      inference_(fuse_activations(with_features(graph, store), false)) {}

void Programs::add(Purpose purpose, std::int64_t batch) {
  for (const auto& program : programs_) {
    if (program->purpose() == purpose && program->batch() == batch) return;
  }
  const bool training = purpose == Purpose::train || purpose == Purpose::train_features;
  const Graph& graph = training ? training_ : inference_;
  const bool probes = with_probes_ && purpose == Purpose::train;
  programs_.push_back(std::make_unique<Program>(graph, *store_, engine_, purpose, batch, probes));
}

std::size_t Programs::arena_bytes() const {
  std::size_t most = 0;
  for (const auto& program : programs_) most = std::max(most, program->arena_bytes());
  return most;
}

std::size_t Programs::touched_bytes() const {
  std::vector<Extent> all;
  for (const auto& program : programs_)
    all.insert(all.end(), program->touched().begin(), program->touched().end());
  return covered_bytes(std::move(all));
}

std::size_t Programs::persistent_bytes() const {
  std::size_t total = 0;
  for (const auto& program : programs_) total += program->persistent_bytes();
  return total;
}

void Programs::bind() {
  arena_ = AlignedBuffer(arena_bytes());
  for (const auto& program : programs_) program->bind({arena_.data(), arena_.bytes()});
  constexpr std::size_t kRoom = std::size_t{64}
                                << 20;  // for what primitives allocate when they run
  expect_memory_room(kRoom);
}

bool Programs::carries_state(Purpose purpose) const {
  return std::ranges::any_of(programs_, [&](const auto& program) {
    return program->purpose() == purpose && program->carries_state();
  });
}

std::size_t Programs::count(Purpose purpose) const {
  return std::ranges::count_if(programs_,
                               [&](const auto& program) { return program->purpose() == purpose; });
}

void Programs::reset_states(Purpose purpose) {
  for (const auto& program : programs_) {
    if (program->purpose() == purpose) program->reset_states();
  }
}

std::span<const Probe> Programs::probes() const {
  for (const auto& program : programs_) {
    if (program->purpose() == Purpose::train) return program->probes();
  }
  return {};
}

std::span<const TimeProbe> Programs::time_probes() const {
  for (const auto& program : programs_) {
    if (program->purpose() == Purpose::train) return program->time_probes();
  }
  return {};
}

Program& Programs::get(Purpose purpose, std::int64_t batch) {
  for (const auto& program : programs_) {
    if (program->purpose() == purpose && program->batch() == batch) return *program;
  }
  assert(false && "every program is added before the first step");
  std::abort();
}

}  // namespace dl
