#include "engine/train/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/parallel.h"
#include "engine/train/gradients.h"

namespace dl {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::size_t kGrain = 16;  // pieces a thread

/// The trained weights of each node of the graph.
std::vector<std::vector<const StoredWeight*>> weights_by_node(const Graph& graph,
                                                              const WeightStore& store) {
  std::vector<std::vector<const StoredWeight*>> weights(graph.nodes.size());
  for (const NodeWeight& weight : graph_weights(graph)) {
    const StoredWeight* stored = store.find(weight.name);
    if (stored->trainable()) weights[static_cast<std::size_t>(weight.node)].push_back(stored);
  }
  return weights;
}

double share(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Diagnostics::Diagnostics(const DiagnosticsConfig& config, const Graph& graph,
                         const WeightStore& store, std::span<const Probe> probes,
                         std::span<const TimeProbe> time_probes)
    : every_(config.every) {
  const auto weights = weights_by_node(graph, store);
  std::vector<std::size_t> row_of(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const bool probed = std::any_of(probes.begin(), probes.end(), [&](const Probe& probe) {
      return probe.node == static_cast<int>(i);
    });
    const bool timed = std::ranges::any_of(
        time_probes, [&](const TimeProbe& probe) { return probe.node == static_cast<int>(i); });
    if (weights[i].empty() && !probed && !timed) continue;
    const Node& node = graph.nodes[i];
    row_of[i] = diagnosis_.layers.size();
    diagnosis_.layers.push_back({.layer = node.name, .type = std::string(node.kind->name)});
    if (!weights[i].empty()) diagnosis_.layers.back().norms.emplace();
    if (probed) diagnosis_.layers.back().activity.emplace();
    for (const StoredWeight* weight : weights[i]) add_weights(row_of[i], *weight);
  }
  for (const Probe& probe : probes) {
    const auto units = static_cast<std::size_t>(probe.flat.shape().elements());
    counts_.push_back(
        {row_of[static_cast<std::size_t>(probe.node)], 0, std::vector<std::int64_t>(units)});
  }
  for (const TimeProbe& probe : time_probes) {
    const std::size_t row = row_of[static_cast<std::size_t>(probe.node)];
    const auto steps = static_cast<std::size_t>(probe.squares.shape().elements());
    times_.push_back({row, std::vector<double>(steps)});
    diagnosis_.layers[row].gradient_by_time.resize(steps);
  }
  partial_.resize(pieces_.size());
  std::size_t extent = 0;
  for (const StoredWeight& weight : store.weights())
    extent = std::max(extent, weight.offset + weight.size);
  before_.resize(extent);
}

void Diagnostics::add_weights(std::size_t row, const StoredWeight& weight) {
  for (std::size_t at = 0; at < weight.size; at += kPiece)
    pieces_.push_back({row, weight.offset + at, std::min(kPiece, weight.size - at)});
}

void Diagnostics::add_batch(const Program& program, double weight) {
  weight_ += weight;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const Probe& probe = program.probes()[i];
    const std::span<const std::int32_t> flat = program.flat_counts(probe);
    counts_[i].elements_per_unit += probe.elements_per_unit;
    for (std::size_t u = 0; u < flat.size(); ++u) counts_[i].flat[u] += flat[u];
  }
  for (std::size_t i = 0; i < times_.size(); ++i) {
    const std::span<const float> squares = program.time_squares(program.time_probes()[i]);
    for (std::size_t t = 0; t < squares.size(); ++t)
      times_[i].squares[t] += weight * weight * squares[t];
  }
}

void Diagnostics::before_update(std::span<const float> gradients, double scale,
                                std::span<const float> weights) {
  const auto sum_squares = [&](std::span<const float> values) {
    parallel_for(pieces_.size(), kGrain, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i)
        partial_[i] = square_sum(values.subspan(pieces_[i].offset, pieces_[i].size));
    });
  };
  sum_squares(gradients);
  collect(&LayerNorms::gradient, scale);
  sum_squares(weights);
  collect(&LayerNorms::weight, 1);
  std::ranges::copy(weights.first(before_.size()), before_.begin());
  for (LayerDiagnosis& layer : diagnosis_.layers) {
    if (layer.norms) layer.norms->update = 0;  // until there is one
  }
}

void Diagnostics::after_update(std::span<const float> weights) {
  const std::span<const float> before(before_);
  parallel_for(pieces_.size(), kGrain, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const auto [row, offset, size] = pieces_[i];
      partial_[i] =
          square_sum_of_difference(weights.subspan(offset, size), before.subspan(offset, size));
    }
  });
  collect(&LayerNorms::update, 1);
}

void Diagnostics::collect(double LayerNorms::*field, double scale) {
  for (std::size_t i = 0; i < pieces_.size();) {  // a row's pieces stand together
    const std::size_t row = pieces_[i].row;
    double sum = 0;
    for (; i < pieces_.size() && pieces_[i].row == row; ++i) sum += partial_[i];
    *diagnosis_.layers[row].norms.*field = scale * std::sqrt(sum);
  }
}

const Diagnosis& Diagnostics::finish(std::int64_t epoch, std::int64_t step) {
  diagnosis_.epoch = epoch;
  diagnosis_.step = step;
  for (Counts& counts : counts_) {
    std::int64_t flat = 0, dead = 0;
    for (std::int64_t& count : counts.flat) {
      flat += count;
      dead += static_cast<std::int64_t>(count == counts.elements_per_unit);
      count = 0;
    }
    const auto units = static_cast<std::int64_t>(counts.flat.size());
    *diagnosis_.layers[counts.row].activity = {
        .dead = share(dead, units), .flat = share(flat, units * counts.elements_per_unit)};
    counts.elements_per_unit = 0;
  }
  const double scale = weight_ > 0 ? 1.0 / std::exchange(weight_, 0) : 1.0;
  for (TimeSums& times : times_) {
    std::vector<double>& norms = diagnosis_.layers[times.row].gradient_by_time;
    for (std::size_t t = 0; t < norms.size(); ++t)
      norms[t] = scale * std::sqrt(std::exchange(times.squares[t], 0));
  }
  return diagnosis_;
}

std::size_t Diagnostics::bytes() const {
  std::size_t total = before_.size() * sizeof(float) + partial_.size() * sizeof(double) +
                      pieces_.size() * sizeof(Piece);
  for (const Counts& counts : counts_) total += counts.flat.size() * sizeof(std::int64_t);
  for (const TimeSums& times : times_) total += times.squares.size() * sizeof(double);
  return total;
}

}  // namespace dl
