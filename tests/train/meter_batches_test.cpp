#include <doctest/doctest.h>

#include <cmath>

#include "engine/train/loss_weights.h"
#include "engine/train/meter.h"
#include "tests/support/formula.h"
#include "tests/support/network.h"

// What is averaged over batches is weighed by what it is a mean of: the cut into batches changes no
// metric. What a loss ignores or masks counts in none.
namespace dl {
namespace {

constexpr std::int64_t kSamples = 12;

/// Texts of four tokens, with lengths and labels; nothing is read from disk.
Setup texts(const std::string& loss, const std::string& more = "") {
  return test::setup_of(
      "data: {source: {labelled_text: {path: nowhere, length: 4, classes: [w, x, y, z], "
      "vocabulary: [<pad>, <unk>, c, d]}}, batch: 4}\n"
      "model:\n  layers:\n"
      "    - embedding: {name: e, from: data.tokens, num_embeddings: 4, embedding_dim: 5}\n"
      "    - linear: {name: tokens, out_features: 4}\n" +
      more + "loss: " + loss + "\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

const std::string kSentence =
    "    - flatten: {from: e}\n    - linear: {name: sentence, out_features: 4}\n";

Setup rows(const std::string& source, const std::string& layers, const std::string& loss) {
  return test::setup_of("data: {source: {synthetic: {shape: [4], " + source +
                        "}}, batch: 4}\nmodel: {layers: [" + layers + "]}\nloss: " + loss +
                        "\noptimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n");
}

/// All samples in batches of `batch`, the last of which may be smaller.
MetricSums evaluate_in(const Setup& setup, std::int64_t batch, ConfusionMatrix* confusion) {
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  const test::FormulaBatch data(setup.graph, kSamples, 7, 4);
  const auto shapes = infer_shapes(setup.graph, 1);
  const Meter meter(setup.graph, setup.eval_pipeline->spec());
  MetricSums sums;
  auto scores = meter.room_for_scores(kSamples);
  for (std::int64_t first = 0; first < kSamples; first += batch) {
    const std::int64_t count = std::min(batch, kSamples - first);
    std::vector<const void*> tensors;
    for (std::size_t i = 0; i < setup.graph.nodes.size(); ++i) {
      if (!setup.graph.nodes[i].input) continue;
      const auto* all = static_cast<const std::byte*>(data.tensors()[tensors.size()]);
      tensors.push_back(all + first * shapes[i][0].elements() * 4);
    }
    test::LoneProgram program(setup.graph, store, Purpose::evaluate, count);
    program->run(tensors, {});
    meter.add(*program.operator->(), tensors, sums, {confusion, scores ? &*scores : nullptr});
  }
  if (scores) sums.rankings = meter.rankings(*scores);
  return sums;
}

Metrics metrics_in(const Setup& setup, std::int64_t batch) {
  const Meter meter(setup.graph, setup.eval_pipeline->spec());
  return meter.metrics(evaluate_in(setup, batch, nullptr), Purpose::evaluate);
}

double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  FAIL("there is no metric " << name);
  return 0;
}

}  // namespace

TEST_CASE("metrics of an evaluation in batches of 1, 3, 5 or 7 are those of one batch") {
  const std::string linear = "linear: {out_features: 4}";
  const std::string tokens = "target: data.tokens, from: tokens";
  const std::vector<Setup> setups = [&] {
    std::vector<Setup> all;
    for (const char* params :
         {"{}", "{class_weights: [1, 9, 0, 2]}", "{ignore_index: 1}",
          "{class_weights: [1, 9, 3, 2], ignore_index: 1, label_smoothing: 0.1}"})
      all.push_back(rows("classes: 4", linear, "{cross_entropy: " + std::string(params) + "}"));
    for (const char* loss : {"mse", "l1", "smooth_l1", "bce_with_logits"})
      all.push_back(rows("task: regression, outputs: 4", linear, loss));
    all.push_back(texts("{cross_entropy: {" + tokens + ", mask: data.length}}"));
    all.push_back(texts("{cross_entropy: {" + tokens +
                        ", mask: data.length, ignore_index: 0, class_weights: [3, 1, 5, 2]}}"));
    all.push_back(texts("[cross_entropy: {" + tokens +
                            ", mask: data.length, weight: 0.5}, cross_entropy: {name: whole, from: "
                            "sentence, ignore_index: 2}]",
                        kSentence + "    - dropout: {name: out, from: tokens}\n"));
    return all;
  }();
  for (std::size_t i = 0; i < setups.size(); ++i) {
    CAPTURE(i);
    const Metrics whole = metrics_in(setups[i], kSamples);
    CHECK(whole.size() >= 4);
    for (const std::int64_t batch : {1, 3, 5, 7}) {
      CAPTURE(batch);
      const Metrics cut = metrics_in(setups[i], batch);
      REQUIRE(cut.size() == whole.size());
      for (std::size_t k = 0; k < whole.size(); ++k) {
        CAPTURE(whole[k].first);
        CHECK(cut[k].first == whole[k].first);
        CHECK(cut[k].second == doctest::Approx(whole[k].second).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("a label that is ignored, or a place behind a text's end, counts in no metric") {
  const Setup setup = texts(
      "{cross_entropy: {target: data.tokens, from: tokens, mask: data.length, ignore_index: 2}}",
      "    - dropout: {name: out, from: tokens}\n");
  ConfusionMatrix confusion(4);
  const MetricSums sums = evaluate_in(setup, kSamples, &confusion);
  // The same by hand: inputs are tokens, then lengths.
  const test::FormulaBatch data(setup.graph, kSamples, 7, 4);
  const int tokens_slot =
      static_cast<int>(*setup.graph.input_slot(setup.graph.find("data.tokens")));
  const int length_slot =
      static_cast<int>(*setup.graph.input_slot(setup.graph.find("data.length")));
  const auto* tokens = static_cast<const std::int32_t*>(data.tensors()[tokens_slot]);
  const auto* lengths = static_cast<const std::int32_t*>(data.tensors()[length_slot]);
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  test::LoneProgram program(setup.graph, store, Purpose::evaluate, kSamples);
  program->run(data.tensors(), {});
  std::int64_t counted = 0, hits = 0;
  ConfusionMatrix expected(4);
  for (std::size_t place = 0; place < kSamples * 4; ++place) {
    if (static_cast<std::int32_t>(place % 4) >= lengths[place / 4] || tokens[place] == 2) continue;
    const auto scores = program->output().subspan(place * 4, 4);
    ++counted;
    hits += label_rank(scores, static_cast<std::size_t>(tokens[place])) == 0;
    expected.add(scores, static_cast<std::size_t>(tokens[place]));
  }
  CHECK(counted > 0);
  CHECK(counted < kSamples * 4);
  CHECK(sums.labelled == counted);
  CHECK(sums.top1 == hits);
  CHECK(confusion.rows() == expected.rows());
  const Meter meter(setup.graph, setup.eval_pipeline->spec());
  const Metrics metrics = meter.metrics(sums, Purpose::evaluate);
  double f1 = 0;  // every class occurs
  for (const ClassScores& score : expected.scores()) f1 += score.f1;
  f1 /= static_cast<double>(expected.scores().size());
  CHECK(metric(metrics, "f1") == doctest::Approx(f1).epsilon(1e-12));
}

TEST_CASE("what the losses are means of is told by the data before a batch runs") {
  const Setup setup = texts(
      "[cross_entropy: {target: data.tokens, from: tokens, mask: data.length, ignore_index: 2}, "
      "cross_entropy: {name: whole, from: sentence, class_weights: [1, 9, 0.5, 2]}, "
      "cross_entropy: {name: plain, from: sentence}]",
      kSentence + "    - dropout: {name: out, from: tokens}\n");
  const Graph graph = training_graph(setup.graph);
  const LossWeights weights(graph);
  CHECK_FALSE(weights.alike());
  CHECK(weights.untold() == nullptr);
  WeightStore store(setup.graph);
  test::fill_by_formula(store);
  test::LoneProgram program(graph, store, Purpose::train, kSamples);
  const test::FormulaBatch data(graph, kSamples, 7, 4);
  program->run(data.tensors(), {});
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(weights.of(i, data.tensors(), kSamples) == doctest::Approx(program->loss(i).count));
}

TEST_CASE("losses over the same things weigh alike, whatever their own weights are") {
  const auto alike = [](const std::string& loss, const std::string& source = "classes: 4") {
    const Setup setup = rows(source,
                             "linear: {name: a, out_features: 4}, linear: {name: b, from: a, "
                             "out_features: 4}",
                             loss);
    return LossWeights(setup.graph).alike();
  };
  CHECK(alike("[cross_entropy: {from: a}, cross_entropy: {from: b, weight: 0.3}]"));
  CHECK(alike("[cross_entropy: {from: a}, cross_entropy: {from: b, label_smoothing: 0.1}]"));
  CHECK_FALSE(alike("[cross_entropy: {from: a}, cross_entropy: {from: b, ignore_index: 1}]"));
  CHECK_FALSE(
      alike("[cross_entropy: {from: a}, cross_entropy: {from: b, class_weights: [1, 1, 1, 2]}]"));
  CHECK(alike("[cross_entropy: {from: a}, cross_entropy: {from: b, class_weights: [1, 1, 1, 1]}]"));
  CHECK(alike("[mse: {from: a}, l1: {from: b}]", "task: regression, outputs: 4"));
}

TEST_CASE("accumulation is refused where the network computes what one of two losses is over") {
  const std::string error = test::setup_error(
      "data: {source: {synthetic: {shape: [4], classes: 4}}, batch: 4}\n"
      "model: {layers: [linear: {name: mask, out_features: 1}, linear: {name: a, from: input, "
      "out_features: 4}]}\n"
      "loss: [cross_entropy: {from: a}, cross_entropy: {name: masked, from: a, mask: mask}]\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1, effective_batch: 8}\n");
  CHECK_MESSAGE(
      error.find("what 'masked' is a mean of is computed by the network") != std::string::npos,
      error);
}

}  // namespace dl
