#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/params.h"
#include "core/text.h"
#include "layers/layer.h"
#include "layers/part_util.h"
#include "tests/support/layer_run.h"

// oneDNN answers every request, if need be with a reference implementation that is a hundred times
// slower and says nothing. Here layers are recorded in the order and at the sizes of real networks,
// each taking the layout that the one before it gives.

namespace dl {
namespace {

using nlohmann::json;

struct Link {
  std::string layer;
  json params = json::object();
  bool relu = false;  // carried as tape.post()
};

/// A chain of layers, recorded forward and backward.
class Chain {
 public:
  Chain(const std::vector<Link>& links, const Shape& src, bool training)
      : tape_(dnnl::engine(dnnl::engine::kind::cpu, 0), training) {
    Value value = tape_.input("data", plain_desc(src));
    for (const Link& link : links) value = record(link, value);
    if (!training) return;
    tape_.enter(TapeStep::Section::backward);
    // A flatten before the classifier gives its gradient row-major.
    std::optional<Value> diff = tape_.value(plain_desc(value.shape()));
    for (std::size_t i = recorded_.size(); i-- > 0 && diff;) {
      tape_.enter(scopes_[i]);
      diff = recorded_[i].grad(tape_, std::span(&diff, 1))[0];
      tape_.flush_weight_grads();
    }
  }

  /// "3:conv ref:any" for every step that fell to a reference implementation.
  std::string references() const {
    std::vector<std::string> found;
    for (const TapeStep& step : tape_.steps()) {
      if (step.what.starts_with("ref") || step.what.find(":ref") != std::string::npos)
        found.push_back(scopes_[step.node].name + " " + step.what);
    }
    return join(found, ", ");
  }
  std::size_t steps() const { return tape_.steps().size(); }
  const dnnl::memory::desc& layout(std::size_t link) const { return recorded_[link].dst[0].desc; }

 private:
  Value record(const Link& link, const Value& src) {
    const LayerKind& kind = test::kind_named(link.layer);
    layers_.push_back(kind.make(test::node_from_json(link.params)));
    const Shape shape = src.shape();
    const std::size_t number = scopes_.size();
    NodeScope scope{.node = static_cast<int>(number),
                    .name = std::to_string(number) + ":" + link.layer};
    if (link.relu) scope.post = Activation{};
    bool trained = false;
    for (const WeightSpec& spec : layers_.back()->weights(std::span(&shape, 1))) {
      const bool trains = spec.role == WeightSpec::Role::trained;
      scope.weights.push_back({scope.name + "." + spec.name, spec.shape, trains});
      trained |= trains;
    }
    tape_.enter(scope);
    scopes_.push_back(scope);
    recorded_.push_back(layers_.back()->record(tape_, std::span(&src, 1)));
    Value dst = recorded_.back().dst[0];
    dst.needs_grad = trained || src.needs_grad;
    return dst;
  }

  Tape tape_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<NodeScope> scopes_;
  std::vector<Recorded> recorded_;
};

void check_no_reference(const std::vector<Link>& links, const Shape& src) {
  for (const bool training : {true, false}) {
    CAPTURE(training);
    const Chain chain(links, src, training);
    CHECK(chain.steps() >= links.size());
    CHECK(chain.references() == "");
  }
}

Link conv(int channels, int kernel, int stride = 1, int padding = 0) {
  return {"conv",
          {{"out_channels", channels},
           {"kernel_size", kernel},
           {"stride", stride},
           {"padding", padding},
           {"bias", false}}};
}
const Link kNorm{"batch_norm"}, kNormRelu{"batch_norm", json::object(), true};

}  // namespace

TEST_CASE("resnet20 at batch 128 needs no reference implementation") {
  check_no_reference({conv(16, 3, 1, 1),
                      kNormRelu,
                      conv(16, 3, 1, 1),
                      kNormRelu,
                      conv(16, 3, 1, 1),
                      kNorm,
                      conv(32, 3, 2, 1),
                      kNormRelu,
                      conv(32, 3, 1, 1),
                      kNorm,
                      conv(64, 3, 2, 1),
                      kNormRelu,
                      conv(64, 3, 1, 1),
                      kNormRelu,
                      {"global_avg_pool"}},
                     {128, 3, 32, 32});
  check_no_reference({conv(16, 3, 1, 1), conv(32, 1, 2), kNorm, conv(64, 1, 2), kNorm},
                     {128, 3, 32, 32});
}

TEST_CASE("lenet at batch 64 needs no reference implementation") {
  const Link pool{"max_pool", {{"kernel_size", 2}}};
  check_no_reference({{"conv", {{"out_channels", 20}, {"kernel_size", 5}}, true},
                      pool,
                      {"conv", {{"out_channels", 50}, {"kernel_size", 5}}, true},
                      pool},
                     {64, 1, 28, 28});
}

TEST_CASE("convolutions go channels last where channels do not fill blocks, if that pays") {
  const Chain lenet({conv(20, 5), conv(50, 5)}, {64, 1, 28, 28}, true);
  CHECK(lenet.layout(0) == channels_last({64, 20, 24, 24}));
  CHECK(lenet.layout(1) == channels_last({64, 50, 20, 20}));
  const Chain stays({conv(20, 5), conv(64, 3)}, {64, 1, 28, 28}, true);
  CHECK(stays.layout(1) == channels_last({64, 64, 22, 22}));
  // Few outputs of a 1x1 convolution are not worth moving 512 channels.
  const Chain blocks({conv(512, 3), conv(24, 1)}, {4, 3, 28, 28}, true);
  CHECK(blocks.layout(1) != channels_last({4, 24, 26, 26}));
}

TEST_CASE("the layers of other networks need no reference implementation") {
  const auto pool = [](const char* layer, bool ceil_mode) -> Link {
    return {layer, {{"kernel_size", 3}, {"stride", 2}, {"padding", 1}, {"ceil_mode", ceil_mode}}};
  };
  check_no_reference({conv(64, 7, 2, 3), kNormRelu, pool("max_pool", false)}, {4, 3, 64, 64});
  check_no_reference({conv(64, 7, 2, 3), kNormRelu, pool("max_pool", true)}, {4, 3, 66, 66});
  check_no_reference({conv(17, 3, 1, 1), kNormRelu, pool("avg_pool", true)}, {4, 3, 32, 32});
  check_no_reference({conv(32, 3, 1, 1),
                      {"conv", {{"out_channels", 32}, {"kernel_size", 3}, {"groups", 32}}},
                      kNormRelu,
                      {"conv", {{"out_channels", 64}, {"kernel_size", 3}, {"dilation", 2}}}},
                     {4, 3, 32, 32});
}

TEST_CASE("a series needs no reference implementation") {
  check_no_reference({conv(32, 5, 1, 2),
                      kNormRelu,
                      {"max_pool", {{"kernel_size", 2}}},
                      conv(64, 3, 1, 1),
                      {"global_avg_pool"}},
                     {16, 1, 128});
}

TEST_CASE("other normalisations need no reference implementation") {
  const Link groups{"group_norm", {{"num_groups", 8}}};
  check_no_reference({conv(96, 11, 4, 2), {"lrn"}, {"max_pool", {{"kernel_size", 3}}}},
                     {4, 3, 96, 96});
  check_no_reference({conv(64, 3, 1, 1), groups, conv(64, 3, 1, 1), groups}, {4, 3, 32, 32});
  check_no_reference({conv(32, 4, 4), {"layer_norm", {{"axes", 3}}}}, {4, 3, 32, 32});
  check_no_reference({{"linear", {{"out_features", 128}}}, {"layer_norm"}}, {8, 50, 64});
}

TEST_CASE("features are normalised without a reference implementation") {
  check_no_reference({kNormRelu}, {128, 512});
  check_no_reference({kNormRelu}, {128, 17});
}

TEST_CASE("max_pool with holes has only the reference implementation, and this test notices") {
  const Chain chain({conv(16, 3), {"max_pool", {{"kernel_size", 2}, {"dilation", 2}}}},
                    {2, 3, 16, 16}, true);
  CHECK(chain.references() == "1:max_pool ref:any, 1:max_pool ref:any");
}

}  // namespace dl
