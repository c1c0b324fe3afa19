#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "layers/layer.h"
#include "tests/support/layer_run.h"

// implementations_test.cpp for the layers that take several sources, move parts of them, or apply a
// function: each from the layouts that the layers before it give.

namespace dl {
namespace {

using dnnl::memory;
using nlohmann::json;
using tag = memory::format_tag;

/// "what" of every step of a layer, forward and backward, whose implementation is `ref`.
std::vector<std::string> references(const std::string& layer, const json& params,
                                    const std::vector<Shape>& shapes, tag layout) {
  Tape tape(dnnl::engine(dnnl::engine::kind::cpu, 0), true);
  tape.enter(NodeScope{.node = 0, .name = "layer"});
  std::vector<Value> src;
  for (const Shape& shape : shapes) {
    Value value = tape.value(layout == tag::undef
                                 ? plain_desc(shape)
                                 : memory::desc(shape.dims(), memory::data_type::f32, layout));
    value.needs_grad = true;
    src.push_back(value);
  }
  const auto made = test::kind_named(layer).make(test::node_from_json(params));
  const Recorded recorded = made->record(tape, src);
  tape.enter(TapeStep::Section::backward);
  std::vector<std::optional<Value>> diff;
  for (const Value& dst : recorded.dst) diff.push_back(tape.value(dst.desc));
  recorded.grad(tape, diff);
  std::vector<std::string> found;
  for (const TapeStep& step : tape.steps()) {
    if (step.what.find("ref") != std::string::npos) found.push_back(step.what);
  }
  return found;
}

/// Row-major, channels last, and the blocks of this machine's vectors.
std::vector<tag> layouts() {
  const bool wide = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core;
  return {tag::undef, tag::nhwc, wide ? tag::nChw16c : tag::nChw8c};
}

struct Request {
  std::string layer;
  json params;
  std::vector<Shape> src;
};

const std::vector<Request> kRequests = {
    {"add", json::object(), {{8, 16, 32, 32}, {8, 16, 32, 32}}},
    {"add", json::object(), {{8, 17, 9, 9}, {8, 17, 9, 9}, {8, 17, 9, 9}}},
    {"mul", json::object(), {{8, 64, 14, 14}, {8, 64, 14, 14}}},
    {"mul", json::object(), {{8, 64, 14, 14}, {8, 64, 1, 1}}},
    {"concat", json::object(), {{8, 64, 14, 14}, {8, 128, 14, 14}, {8, 32, 14, 14}}},
    {"concat", json::object(), {{8, 24, 16, 16}, {8, 12, 16, 16}}},
    {"slice", {{"start", 16}, {"stop", 48}}, {{8, 64, 14, 14}}},
    {"slice", {{"start", 5}, {"stop", 29}}, {{8, 64, 14, 14}}},
    {"pad", {{"channels", {8, 8}}}, {{8, 16, 16, 16}}},
    {"pad", {{"padding", {1, 1, 1, 1}}}, {{8, 16, 16, 16}}},
    {"flatten", json::object(), {{8, 64, 4, 4}}},
    {"softmax", json::object(), {{64, 10, 4, 4}}},
};

}  // namespace

TEST_CASE("layers that combine and move sources never fall to a reference implementation") {
  for (const Request& request : kRequests) {
    for (const tag layout : layouts()) {
      CAPTURE(request.layer);
      CAPTURE(request.params.dump());
      CAPTURE(static_cast<int>(layout));
      const std::vector<std::string> found =
          references(request.layer, request.params, request.src, layout);
      CHECK_MESSAGE(found.empty(), found.size(), " of them, first ", found.empty() ? "" : found[0]);
    }
  }
}

TEST_CASE("softmax on features and sequences is fast") {
  CHECK(references("softmax", json::object(), {{64, 10}}, tag::undef).empty());
  CHECK(references("softmax", {{"log", true}}, {{32, 128, 65}}, tag::undef).empty());
}

TEST_CASE("no activation falls to a reference implementation") {
  for (const LayerKind& kind : all_layers()) {
    if (!kind.activation || kind.name == "activation") continue;
    for (const tag layout : layouts()) {
      CAPTURE(kind.name);
      CAPTURE(static_cast<int>(layout));
      for (const std::int64_t channels : {16, 17}) {
        CAPTURE(channels);
        CHECK(references(std::string(kind.name), json::object(), {{8, channels, 14, 14}}, layout)
                  .empty());
      }
    }
  }
}

}  // namespace dl
