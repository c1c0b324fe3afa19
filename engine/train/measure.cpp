#include "engine/train/measure.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "core/parallel.h"
#include "engine/graph/cost.h"
#include "engine/train/environment.h"
#include "engine/train/start_check.h"
#include "engine/train/training_parts.h"
#include "engine/train/training_step.h"

namespace dl {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What is counted by the second: samples, or what is told of each sample where that is a sequence.
std::int64_t units_of(const Graph& graph, std::int64_t batch) {
  if (graph.target.node < 0) return batch;
  const auto& target = graph.nodes[graph.target.node].input;
  return target && target->integer ? infer_shapes(graph, batch)[graph.target.node][0].elements()
                                   : batch;
}

std::vector<StepTime> time_steps(const Setup& setup, Program& program, const StepContext& context,
                                 int rounds) {
  constexpr const char* kSections[] = {"prepare", "forward", "backward"};
  Plan& plan = program.plan();
  const auto steps = plan.steps();
  std::vector<std::vector<double>> times(steps.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto start = Clock::now();
      plan.run_step(i, context);
      times[i].push_back(ms_since(start));
    }
  }
  std::vector<StepTime> result;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const bool known = steps[i].node >= 0;
    const Node* node = known ? &setup.graph.nodes[steps[i].node] : nullptr;
    const StepTime time{.layer = node ? node->name : "",
                        .type = node && node->kind ? std::string(node->kind->name) : "",
                        .section = kSections[static_cast<int>(steps[i].section)],
                        .implementation = steps[i].what};
    auto same = std::ranges::find_if(result, [&](const StepTime& other) {
      return other.layer == time.layer && other.section == time.section &&
             other.implementation == time.implementation;
    });
    if (same == result.end()) same = result.insert(result.end(), time);
    ++same->calls;
    same->ms += median(times[i]);
  }
  return result;
}

std::size_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) / 1024;
}

}  // namespace

NetworkSummary summarise(const Setup& setup) {
  NetworkSummary summary;
  summary.rows = network_rows(setup.graph);
  for (const NetworkRow& row : summary.rows) {
    summary.parameters += row.parameters;
    summary.flops = add_flops(summary.flops, row.flops);
  }
  summary.memory = expected_memory(setup);
  return summary;
}

Measurement measure_training(const Setup& setup, std::int64_t steps, bool by_layer) {
  const std::int64_t batch = setup.config.data.batch;
  check_measured(setup);
  TrainingStep step(setup);
  for (int i = 0; i < 3; ++i) step.run_ms();
  const double one = step.run_ms();
  const std::int64_t count =
      steps > 0 ? steps : std::clamp<std::int64_t>(static_cast<std::int64_t>(5000 / one), 5, 500);
  std::vector<double> times;
  for (std::int64_t i = 0; i < count; ++i) times.push_back(step.run_ms());

  Measurement result{.step_ms = median(times),
                     .steps = count,
                     .batch = batch,
                     .parameters = step.store().parameter_count(),
                     .threads = thread_count()};
  const double samples_per_second = 1000.0 * static_cast<double>(batch) / result.step_ms;
  result.per_second = 1000.0 * static_cast<double>(units_of(setup.graph, batch)) / result.step_ms;
  std::int64_t flops = 0;
  for (const NetworkRow& row : network_rows(setup.graph)) flops = add_flops(flops, row.flops);
  result.gflops_per_second = 3.0 * static_cast<double>(flops) * samples_per_second / 1e9;
  if (by_layer)
    result.layers = time_steps(setup, step.program(), step.context(),
                               static_cast<int>(std::clamp<std::int64_t>(count, 5, 20)));
  result.peak_mib = peak_mib();
  return result;
}

}  // namespace dl
