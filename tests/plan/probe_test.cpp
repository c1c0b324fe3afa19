#include "engine/plan/probe.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "engine/plan/plan.h"
#include "layers/registry.h"
#include "tests/support/formula.h"
#include "tests/support/network.h"

namespace dl {
namespace {

using dnnl::memory;
using tag = memory::format_tag;

/// A probe over a tensor that lies in memory as `layout` says.
class LoneProbe {
 public:
  LoneProbe(const Shape& shape, tag layout, std::size_t unit_axis, const FlatRange& range) {
    const memory::desc wanted(shape.dims(), memory::data_type::f32, layout);
    Tape tape(engine_, true);
    const Value plain = tape.input("values", plain_desc(shape));
    probe_ = record_probe(tape, tape.as(plain, wanted), unit_axis, range, 0);
    const PlanLayout laid_out = lay_out_plan(tape);
    arena_ = AlignedBuffer(laid_out.arena.bytes);
    plan_ = std::make_unique<Plan>(std::move(tape), laid_out, store_,
                                   std::span(arena_.data(), arena_.bytes()));
  }
  std::vector<std::int32_t> counts(const std::vector<float>& values, bool diagnose = true) {
    plan_->set_input(0, values.data());
    plan_->run({.diagnose = diagnose});
    const auto* found = static_cast<const std::int32_t*>(plan_->data(probe_.flat));
    return {found, found + probe_.flat.shape().elements()};
  }
  const Probe& probe() const { return probe_; }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  WeightStore store_;
  AlignedBuffer arena_;
  Probe probe_{};
  std::unique_ptr<Plan> plan_;
};

/// Of row-major values.
std::vector<std::int32_t> counted(const Shape& shape, const std::vector<float>& values,
                                  std::size_t unit_axis, const FlatRange& range) {
  std::size_t below = 1;
  for (std::size_t axis = unit_axis + 1; axis < shape.rank(); ++axis)
    below *= static_cast<std::size_t>(shape[axis]);
  const auto units = static_cast<std::size_t>(shape[unit_axis]);
  std::vector<std::int32_t> counts(units);
  for (std::size_t i = 0; i < values.size(); ++i)
    counts[i / below % units] += values[i] <= range.low || values[i] >= range.high;
  return counts;
}

/// Relu of the formula, with every third unit of `unit_axis` zero throughout.
std::vector<float> relu_values(const Shape& shape, std::size_t unit_axis) {
  std::vector<float> values = test::formula_tensor(3, static_cast<std::size_t>(shape.elements()));
  std::size_t below = 1;
  for (std::size_t axis = unit_axis + 1; axis < shape.rank(); ++axis)
    below *= static_cast<std::size_t>(shape[axis]);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t unit = i / below % static_cast<std::size_t>(shape[unit_axis]);
    values[i] = unit % 3 == 0 ? 0 : std::max(values[i], 0.0F);
  }
  return values;
}

double slope_of(const std::function<double(double)>& f, double x) {
  constexpr double kStep = 1e-5;
  return (f(x + kStep) - f(x - kStep)) / (2 * kStep);
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double clipped(double x, double high) { return std::min(std::max(x, 0.0), high); }

/// Every function that is flat somewhere, by the layer's name, with its default parameters.
const std::map<std::string, std::function<double(double)>>& functions() {
  static const std::map<std::string, std::function<double(double)>> all = {
      {"relu", [](double x) { return std::max(x, 0.0); }},
      {"relu6", [](double x) { return clipped(x, 6); }},
      {"sigmoid", sigmoid},
      {"tanh", [](double x) { return std::tanh(x); }},
      {"elu", [](double x) { return x > 0 ? x : std::exp(x) - 1; }},
      {"softplus", [](double x) { return std::log1p(std::exp(x)); }},
      {"swish", [](double x) { return x * sigmoid(x); }},
      {"gelu", [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
      {"mish", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
      {"hardsigmoid", [](double x) { return clipped(x + 3, 6) / 6; }},
      {"hardswish", [](double x) { return x * clipped(x + 3, 6) / 6; }},
  };
  return all;
}

Activation activation_of(const LayerKind& kind,
                         const ConfigNode& params = ConfigNode::map({}, {})) {
  return kind.activation(*kind.make(params));
}

}  // namespace

TEST_CASE("flat elements are counted by channel in every layout, and padding does not count") {
  const FlatRange relu{.low = 0};
  const std::vector<std::pair<Shape, std::vector<tag>>> cases = {
      {{3, 20, 5, 4}, {tag::nchw, tag::nhwc, tag::nChw8c, tag::nChw16c}},
      {{2, 7, 3, 3}, {tag::nChw8c, tag::nChw16c}},
      {{2, 19, 9}, {tag::ncw, tag::nwc, tag::nCw8c, tag::nCw16c}},
      {{4, 33}, {tag::nc, tag::cn}},
      {{20, 40, 3, 2}, {tag::OIhw8i16o2i, tag::hwio}},
  };
  for (const auto& [shape_of_case, layouts] : cases) {
    const Shape& shape = shape_of_case;  // what a lambda can capture
    const std::vector<float> values = relu_values(shape, 1);
    const std::vector<std::int32_t> expected = counted(shape, values, 1, relu);
    for (const tag layout : layouts) {
      CAPTURE(shape.text());
      CAPTURE(static_cast<int>(layout));
      LoneProbe probe(shape, layout, 1, relu);
      CHECK(probe.counts(values) == expected);
      CHECK(probe.probe().elements_per_unit == shape.elements() / shape[1]);
      CHECK(expected[0] == probe.probe().elements_per_unit);
      CHECK(expected[1] < probe.probe().elements_per_unit);
    }
  }
}

TEST_CASE("units can lie along the last axis") {
  const Shape shape{3, 4, 10};
  const FlatRange relu{.low = 0};
  const std::vector<float> values = relu_values(shape, 2);
  LoneProbe probe(shape, tag::ncw, 2, relu);
  CHECK(probe.counts(values) == counted(shape, values, 2, relu));
  CHECK(probe.probe().elements_per_unit == 12);
}

TEST_CASE("a large tensor gives the same counts whatever the threads") {
  const Shape shape{16, 64, 32, 32};
  const FlatRange both{.low = -0.5F, .high = 0.5F};
  const std::vector<float> values =
      test::formula_tensor(5, static_cast<std::size_t>(shape.elements()));
  LoneProbe probe(shape, tag::nChw16c, 1, both);
  CHECK(probe.counts(values) == counted(shape, values, 1, both));
}

TEST_CASE("a step that is not diagnosed counts nothing") {
  const Shape shape{2, 20, 3, 3};
  const std::vector<float> values = relu_values(shape, 1), none(values.size(), 1.0F);
  LoneProbe probe(shape, tag::nChw16c, 1, {.low = 0});
  const std::vector<std::int32_t> before = probe.counts(values);
  CHECK(probe.counts(none, false) == before);
  CHECK(probe.counts(none) == std::vector<std::int32_t>(20, 0));
}

TEST_CASE("an activation is flat where its slope is under a hundredth of its largest") {
  std::size_t found = 0;
  for (const LayerKind& kind : all_layers()) {
    const auto at = functions().find(std::string(kind.name));
    if (at == functions().end()) continue;
    CAPTURE(kind.name);
    ++found;
    const auto& f = at->second;
    const auto range = flat_range(activation_of(kind));
    REQUIRE(range.has_value());
    const auto flat = [&](double x) {
      const double seen = range->of_source ? x : f(x);
      return seen <= range->low || seen >= range->high;
    };
    double largest = 0;
    for (double x = -8; x < 8; x += 0.01) largest = std::max(largest, std::abs(slope_of(f, x)));
    int inside = 0, outside = 0;
    for (double x = -9.005; x < 9; x += 0.01) {
      const double slope = std::abs(slope_of(f, x)), bound = largest / 100;
      if (std::abs(slope - bound) < 0.02 * bound) continue;  // at the edge itself
      if (flat(x)) CHECK_MESSAGE(slope < bound, x);
      if (!flat(x) && slope < bound) CHECK_MESSAGE((x > -2 && x < 0), x);  // turns there
      ++(flat(x) ? inside : outside);
    }
    CHECK(inside > 0);
    CHECK(outside > 0);
  }
  CHECK(found == functions().size());
}

TEST_CASE("of every activation it is known where it is flat, or that it is nowhere") {
  const std::vector<std::string> nowhere = {"activation", "identity",
                                            "leaky_relu"};  // the first is any
  for (const LayerKind& kind : all_layers()) {
    const std::string name(kind.name);
    if (!kind.activation || std::ranges::find(nowhere, name) != nowhere.end()) continue;
    CHECK_MESSAGE(functions().contains(name), name,
                  " needs a line in flat_range() and in this file");
  }
}

TEST_CASE("identity and leaky relu are flat nowhere, and parameters move the edge") {
  CHECK_FALSE(flat_range(activation_of(identity_kind())).has_value());
  CHECK_FALSE(flat_range(activation_of(leaky_relu_kind())).has_value());
  CHECK(flat_range({dnnl::algorithm::eltwise_elu, 0})->low == 0);       // relu
  CHECK(flat_range({dnnl::algorithm::eltwise_elu, 0.005F})->low == 0);  // its slope never counts
  CHECK(flat_range({dnnl::algorithm::eltwise_elu, 2})->low == doctest::Approx(-1.98));
  CHECK(flat_range({dnnl::algorithm::eltwise_soft_relu, 2})->low ==
        doctest::Approx(-std::log(0.99) / 2));
}

}  // namespace dl
