#include "datasets/subset.h"

#include <doctest/doctest.h>

#include <cstring>
#include <map>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/network.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

using test::typed;

const DataPaths kPaths{".", dl::test::source_path("datasets")};

SubsetOptions options_of(const std::vector<std::string>& classes,
                         std::optional<std::int64_t> per_class = {}, std::int64_t seed = 0) {
  SubsetOptions options{.classes = {}, .per_class = per_class, .seed = seed, .mark = {}};
  for (const std::string& name : classes) options.classes.push_back({name, {}});
  return options;
}

std::unique_ptr<DataSource> digits(const SubsetOptions& options) {
  return take_subset(make_data_source(typed("digits")), options);
}

struct Sample {
  std::vector<std::byte> picture;
  std::int32_t label = -1;
  auto operator<=>(const Sample&) const = default;
};

Sample sample_of(const Dataset& data, std::size_t index) {
  Sample sample{std::vector<std::byte>(data.spec().inputs[0].bytes()), -1};
  const std::span<std::byte> out[] = {sample.picture,
                                      std::as_writable_bytes(std::span(&sample.label, 1))};
  data.read(index, out);
  return sample;
}

std::vector<Sample> samples_of(const Dataset& data) {
  std::vector<Sample> all;
  for (std::size_t i = 0; i < data.size(); ++i) all.push_back(sample_of(data, i));
  return all;
}

std::map<std::int32_t, std::size_t> counts(const Dataset& data) {
  std::map<std::int32_t, std::size_t> counts;
  for (const Sample& sample : samples_of(data)) ++counts[sample.label];
  return counts;
}

}  // namespace

TEST_CASE("a subset has the chosen classes, with labels in their order") {
  const auto source = digits(options_of({"7", "3"}));
  CHECK(source->spec().classes == 2);
  const auto whole = make_data_source(typed("digits"))->open(Split::test, kPaths);
  const auto part = source->open(Split::test, kPaths);
  std::vector<Sample> expected;
  for (Sample sample : samples_of(*whole)) {
    if (sample.label != 7 && sample.label != 3) continue;
    sample.label = sample.label == 7 ? 0 : 1;
    expected.push_back(sample);
  }
  CHECK(samples_of(*part) == expected);
  CHECK(part->spec().class_names == std::vector<std::string>{"7", "3"});
  CHECK(part->fingerprint() != whole->fingerprint());
}

TEST_CASE("per_class takes so many training samples, by seed, and leaves the test set whole") {
  const auto source = digits(options_of({}, 10));
  const auto train = source->open(Split::train, kPaths);
  for (const auto& [label, count] : counts(*train)) CHECK(count == 10);
  CHECK(train->size() == 100);
  CHECK(source->open(Split::test, kPaths)->size() == 360);
  CHECK(samples_of(*source->open(Split::train, kPaths)) == samples_of(*train));
  const auto other = digits(options_of({}, 10, 1))->open(Split::train, kPaths);
  CHECK(samples_of(*other) != samples_of(*train));
  CHECK(other->fingerprint() != train->fingerprint());
  // The same samples of a class, whichever others are chosen beside it in its place.
  const auto alone = digits(options_of({"0"}, 10))->open(Split::train, kPaths);
  std::vector<Sample> zeros;
  for (const Sample& sample : samples_of(*train)) {
    if (sample.label == 0) zeros.push_back(sample);
  }
  CHECK(samples_of(*alone) == zeros);
}

TEST_CASE("a class with too few samples gives all that it has, and that is said") {
  const auto train = digits(options_of({"1", "2"}, 1000))->open(Split::train, kPaths);
  REQUIRE(train->notes().size() == 2);
  CHECK(train->notes()[0].starts_with("subset: class '1' has 1"));
}

TEST_CASE("what is no class is refused") {
  const auto opened = [](const std::vector<std::string>& classes) {
    return digits(options_of(classes))->open(Split::train, kPaths);
  };
  CHECK_THROWS_WITH_AS(opened({"11"}), doctest::Contains("no class is called '11'"), UserError);
  CHECK_THROWS_WITH_AS(opened({"-1"}), doctest::Contains("no class is called"), UserError);
  CHECK_THROWS_WITH_AS(opened({"1.5"}), doctest::Contains("no class is called"), UserError);
  CHECK_THROWS_WITH_AS(opened({"1", "1"}), doctest::Contains("stands there twice"), UserError);
  const auto of = [](const TypedNode& node) {
    take_subset(make_data_source(node), options_of({}));
  };
  CHECK_THROWS_WITH_AS(of(typed("adding")), doctest::Contains("these have none"), UserError);
  CHECK_THROWS_WITH_AS(of(typed("text", {{"path", "x"}, {"length", "4"}})),
                       doctest::Contains("these have none"), UserError);
}

TEST_CASE("a config's subset decides how many classes there are") {
  const Setup setup = test::setup_of(R"(
data: {source: digits, batch: 8, subset: {classes: [5, 6, 7, 8, 9], per_class: 12}}
model: {layers: [flatten, linear: {name: fc, out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  CHECK(setup.data.classes == 5);
  const Setup by_var = test::setup_of(R"(
vars: {chosen: [0, 1, 7]}
data: {source: digits, batch: 8, subset: {classes: $chosen}}
model: {layers: [flatten, linear: {name: fc, out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  CHECK(infer_shapes(by_var.graph, 1)[by_var.graph.find("fc")][0] == Shape{1, 3});
  CHECK(infer_shapes(setup.graph, 1)[setup.graph.find("fc")][0] == Shape{1, 5});
  CHECK(setup.source->open(Split::train, setup.paths)->size() == 60);
}

}  // namespace dl
