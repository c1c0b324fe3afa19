#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "layers/layer.h"
#include "tests/support/layer_run.h"
#include "tests/support/paths.h"

// What holds for every layer there is, so that a new one cannot forget it.

namespace dl {
namespace {

using nlohmann::json;

/// Calls check(spec, "layer.key") for every parameter, those of nested maps included.
template <class Check>
void each_param(const std::vector<ParamSpec>& specs, const std::string& prefix,
                const Check& check) {
  for (const ParamSpec& spec : specs) {
    check(spec, prefix + "." + spec.name);
    each_param(spec.nested, prefix + "." + spec.name, check);
  }
}

/// Numbers in a default's text: of "[1, 2.5]" 1 and 2.5.
std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  std::string part;
  for (const char c : text + ",") {
    if (c == '[' || c == ' ') continue;
    if (c != ',' && c != ']') {
      part += c;
      continue;
    }
    if (const auto number = parse_double(part)) numbers.push_back(*number);
    part.clear();
  }
  return numbers;
}

/// Required parameters without which no layer can be made, and a value for each.
const std::map<std::string, json> kRequired = {
    {"activation.fn", "relu"},      {"adaptive_avg_pool.output_size", 2},
    {"avg_pool.kernel_size", 2},    {"conv.out_channels", 4},
    {"conv.kernel_size", 3},        {"linear.out_features", 4},
    {"max_pool.kernel_size", 2},    {"reshape.shape", {4, -1}},
    {"group_norm.num_groups", 1},   {"embedding.num_embeddings", 9},
    {"embedding.embedding_dim", 4}, {"lstm.hidden_size", 4},
    {"gru.hidden_size", 4},         {"rnn.hidden_size", 4},
    {"permute.dims", {0, 2, 1}},
};

json required_params(const LayerKind& kind) {
  json params = json::object();
  for (const ParamSpec& spec : kind.params) {
    if (!spec.required) continue;
    const auto at = kRequired.find(std::string(kind.name) + "." + spec.name);
    REQUIRE_MESSAGE(at != kRequired.end(), kind.name, ".", spec.name,
                    " is required: give it a value in this test");
    params[spec.name] = at->second;
  }
  return params;
}

}  // namespace

TEST_CASE("layers stand in the order of the alphabet, each once, and say what they do") {
  std::string before;
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    CHECK(before < kind.name);
    before = kind.name;
    CHECK(!kind.summary.empty());
    CHECK(kind.summary.find('\n') == std::string_view::npos);
    CHECK(kind.sources.min <= kind.sources.max);
    CHECK(kind.sources.min >= (kind.loss ? 2 : 1));
  }
}

TEST_CASE("every layer is compared with PyTorch in at least one case of its own file") {
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    const std::string name(kind.name);
    std::ifstream stream(dl::test::source_path("tests/goldens/layers/") + name + ".json");
    REQUIRE(stream.good());
    const json cases = json::parse(stream);
    const auto own = [&](const json& golden) { return golden["layer"] == name; };
    CHECK(std::any_of(cases.begin(), cases.end(), own));
  }
}

TEST_CASE("every parameter has a doc, a type, and a name of its own") {
  for (const LayerKind& kind : all_layers()) {
    std::set<std::string> seen;
    each_param(kind.params, std::string(kind.name),
               [&](const ParamSpec& spec, const std::string& key) {
                 CAPTURE(key);
                 CHECK(seen.insert(key).second);
                 CHECK(!spec.doc.empty());
                 CHECK(!spec.type.empty());
                 // Keys that every entry has in common would hide a parameter.
                 for (const char* common :
                      {"name", "from", "target", "weight", "train_only", "if", "repeat"})
                   CHECK((spec.name != common || key.find('.') != key.rfind('.')));
                 if (spec.required) CHECK(spec.default_text.empty());
               });
  }
}

TEST_CASE("every default lies within its own limits") {
  for (const LayerKind& kind : all_layers()) {
    each_param(kind.params, std::string(kind.name),
               [](const ParamSpec& spec, const std::string& key) {
                 CAPTURE(key);
                 for (const double number : numbers_in(spec.default_text))
                   CHECK(spec.limits.contains(number));
               });
  }
}

TEST_CASE("every layer can be made of its required parameters alone") {
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    CHECK_NOTHROW(kind.make(test::node_from_json(required_params(kind))));
  }
}

TEST_CASE("every default can be written out") {
  for (const LayerKind& kind : all_layers()) {
    for (const ParamSpec& spec : kind.params) {
      // Those of activation belong to one of its functions each.
      if (spec.default_text.empty() || kind.name == "activation") continue;
      CAPTURE(kind.name);
      CAPTURE(spec.name);
      json params = required_params(kind);
      const json value = json::parse(spec.default_text, nullptr, false);
      params[spec.name] = value.is_discarded() ? json(spec.default_text) : value;
      CHECK_NOTHROW(kind.make(test::node_from_json(params)));
    }
  }
}

TEST_CASE("no layer can be made without its required parameters, or with one that is unknown") {
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    json params = required_params(kind);
    if (!params.empty()) CHECK_THROWS_AS(kind.make(ConfigNode()), UserError);
    params["no_such_key"] = 1;
    CHECK_THROWS_AS(kind.make(test::node_from_json(params)), UserError);
  }
}

TEST_CASE("every parameter refuses a value of another kind") {
  for (const LayerKind& kind : all_layers()) {
    for (const ParamSpec& spec : kind.params) {
      CAPTURE(kind.name);
      CAPTURE(spec.name);
      json params = required_params(kind);
      params[spec.name] = {{"a", {{"map", 1}}}};
      CHECK_THROWS_AS(kind.make(test::node_from_json(params)), UserError);
    }
  }
}

TEST_CASE("every layer infers the same results for every batch, but for the batch") {
  const std::vector<std::vector<std::int64_t>> samples = {{16, 8, 8}, {16, 8}, {16}};
  for (const LayerKind& kind : all_layers()) {
    CAPTURE(kind.name);
    const auto layer = kind.make(test::node_from_json(required_params(kind)));
    int fits = 0;
    for (const auto& sample : samples) {
      const auto infer = [&](std::int64_t batch) {
        std::vector<std::int64_t> dims = {batch};
        dims.insert(dims.end(), sample.begin(), sample.end());
        return layer->infer(std::vector<Shape>(kind.sources.min, Shape(dims)));
      };
      try {
        const std::vector<Shape> one = infer(1), many = infer(5);
        ++fits;
        REQUIRE(one.size() == many.size());
        if (kind.loss) CHECK(one == std::vector<Shape>{{1}, {1}});
        for (std::size_t i = 0; i < one.size() && !kind.loss; ++i) {
          CHECK(one[i][0] == 1);
          CHECK(many[i][0] == 5);
          CHECK(one[i].text() == many[i].text());
        }
      } catch (const ShapeError& error) {
        CHECK(std::string(error.what()).size() > 10);  // an explanation
      }
    }
    CHECK(fits > 0);
  }
}

}  // namespace dl
