#include "engine/train/meter.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/monitor.h"
#include "tests/support/network.h"

namespace dl {
namespace {

using Names = std::vector<std::string>;

/// A language model of five tokens without a file; `source` and `loss` in YAML.
Setup language_model(const std::string& source, const std::string& loss,
                     const std::string& data = "") {
  return test::setup_of("data: {source: {text: {path: nowhere, length: 4, " + source +
                        "}}, batch: 2" + data +
                        "}\n"
                        "model:\n  layers:\n"
                        "    - embedding: {num_embeddings: $data.vocabulary, embedding_dim: 3}\n"
                        "    - linear: {out_features: $data.vocabulary}\n"
                        "loss: " +
                        loss + "\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

Meter meter_of(const Setup& setup) { return {setup.graph, setup.train_pipeline->spec()}; }

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  FAIL("there is no metric ", name);
  return 0;
}

}  // namespace

TEST_CASE(
    "a stream of tokens has a perplexity, of characters and bytes also bits, and no classes") {
  const Setup characters = language_model("vocabulary: [a, b, c, d, e]", "cross_entropy");
  CHECK(meter_of(characters).names() == Names{"loss", "perplexity", "bits_per_char"});
  CHECK_FALSE(meter_of(characters).label_slot());
  CHECK(meter_of(language_model("unit: byte", "cross_entropy")).names() ==
        Names{"loss", "perplexity", "bits_per_byte"});
  const std::string words = "unit: word, eos: false, vocabulary: [a, b, c, d, e]";
  CHECK(meter_of(language_model(words, "cross_entropy")).names() == Names{"loss", "perplexity"});
  CHECK(meter_of(language_model("unit: word", "cross_entropy", ", vocabulary: 9")).names() ==
        Names{"loss", "perplexity"});
}

TEST_CASE(
    "perplexity and bits are those of the first cross entropy that is evaluated, unweighted") {
  const Setup setup = language_model(
      "vocabulary: [a, b, c, d, e]",
      "[cross_entropy: {train_only: true}, cross_entropy: {weight: 0.5}, cross_entropy: {}]");
  const Meter meter = meter_of(setup);
  MetricSums sums;
  sums.losses = {{6.0, 2.0}, {std::log(8.0) * 7, 7.0}, {20.0, 4.0}};
  for (const Purpose purpose : {Purpose::train, Purpose::evaluate}) {
    const Metrics metrics = meter.metrics(sums, purpose);
    CHECK(metric(metrics, "perplexity") == doctest::Approx(8));
    CHECK(metric(metrics, "bits_per_char") == doctest::Approx(3));
  }
  CHECK(metric(meter.metrics(sums, Purpose::evaluate), "loss") ==
        doctest::Approx(0.5 * std::log(8.0) + 5));
}

TEST_CASE("other losses of a stream have no perplexity, and classifications their own metrics") {
  const std::string rest = "loss: cross_entropy\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n";
  const Setup classes = test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: 7}}}\n"
      "model: {layers: [linear: {out_features: 7}]}\n" +
      rest);
  CHECK(meter_of(classes).names() ==
        Names{"loss", "top1", "top5", "f1", "auc", "average_precision"});
  CHECK(meter_of(classes).label_slot());
  const Setup train_only =
      language_model("vocabulary: [a, b]", "[cross_entropy: {train_only: true}]");
  CHECK(meter_of(train_only).names() == Names{"loss"});
}

TEST_CASE("hits are counted where each row of the output has a label, and the mask is the data's") {
  const auto names = [](const std::string& layers, const std::string& loss) {
    return meter_of(test::setup_of("data: {source: {synthetic: {shape: [5, 4], classes: 3}}}\n"
                                   "model:\n  layers:\n" +
                                   layers + "loss: {cross_entropy: " + loss +
                                   "}\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n"))
        .names();
  };
  const Names all_names = {"loss", "top1", "f1", "auc", "average_precision"};
  const std::string last = "    - gru: {name: gru, hidden_size: 3, output: last}\n";
  CHECK(names(last, "{}") == all_names);
  const std::string all = last + "    - gru: {name: steps, from: input, hidden_size: 3}\n";
  CHECK(names(all, "{from: gru}") == Names{"loss"});  // the output has five rows a label
  const std::string mask = "    - flatten\n    - linear: {name: mask, out_features: 1}\n" + last;
  std::string masked = mask;
  masked.replace(masked.rfind("name: gru"), 9, "from: input, name: gru");
  CHECK(names(masked, "{mask: mask}") == Names{"loss"});
}

TEST_CASE("rankings are of evaluations alone, and of at most a hundred classes") {
  const auto specs = [](const std::string& classes, Purpose purpose) {
    const Setup setup = test::setup_of(
        "data: {source: {synthetic: {shape: [4], classes: " + classes +
        "}}}\nmodel: {layers: [linear: {out_features: $data.classes}]}\nloss: cross_entropy\n"
        "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
    Names names;
    for (const MetricSpec& spec : meter_of(setup).specs(purpose)) names.push_back(spec.name);
    return names;
  };
  CHECK(specs("3", Purpose::train) == Names{"loss", "top1", "f1"});
  CHECK(specs("3", Purpose::evaluate) == Names{"loss", "top1", "f1", "auc", "average_precision"});
  CHECK(specs("101", Purpose::evaluate) == Names{"loss", "top1", "top5", "f1"});
}

TEST_CASE("scores of more samples than there is room for are not kept, and nothing promises them") {
  const Setup setup = test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: 50}}}\n"
      "model: {layers: [linear: {out_features: 50}]}\nloss: cross_entropy\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
  const Meter meter = meter_of(setup);
  CHECK(meter.score_bytes(1000) == 1000 * (50 * 5 + 8));
  CHECK(meter.score_bytes(2'000'000) == 0);
  CHECK_FALSE(meter.room_for_scores(2'000'000));
  CHECK(meter.specs(Purpose::evaluate, 1000).back().name == "average_precision");
  CHECK(meter.specs(Purpose::evaluate, 2'000'000).back().name == "f1");
  REQUIRE(meter.undefined({}).size() == 1);
  CHECK(meter.undefined({})[0].find("too much memory") != std::string::npos);
}

TEST_CASE("what a loss is called does not change what is known of it") {
  const Setup setup = test::setup_of(
      "data: {source: {synthetic: {shape: [4], classes: 3}}, split: {valid: 20}}\n"
      "model: {layers: [linear: {name: fc, out_features: 3}]}\n"
      "loss: [cross_entropy: {name: topic}, cross_entropy: {name: top_head, weight: 0.5}]\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1, monitor: valid/topic}\n");
  const Meter meter = meter_of(setup);
  for (const std::string name : {"topic", "top_head"}) {
    CHECK(metric_spec(name) == MetricSpec{name, Direction::lower, Format::number});
    CHECK(metric_text(name, 0.25) == "0.2500");
  }
  CHECK(choose_monitor(setup, meter, true).metric.lower_is_better());
  CHECK(metric_text("top1", 0.25) == "25.00 %");
  CHECK_FALSE(metric_spec("auc").lower_is_better());
}

}  // namespace dl
