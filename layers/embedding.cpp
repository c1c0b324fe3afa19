#include <cstring>

#include "core/error.h"
#include "core/parallel.h"
#include "layers/initializer.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  std::int64_t num_embeddings = 0, embedding_dim = 0;
  std::optional<std::int64_t> padding_idx;
  std::optional<InitChoice> weight_init;
};

ParamTable<Params> param_table() {
  return {
      required("num_embeddings", &Params::num_embeddings, between(1, 1LL << 31),
               "tokens that there are: 0 to num_embeddings - 1")
          .also({"vocabulary", "vocab_size", "input_dim"}),
      required("embedding_dim", &Params::embedding_dim, at_least(1), "numbers for each token")
          .also({"dim", "output_dim", "embedding_size"}),
      with_default("padding_idx", &Params::padding_idx, at_least(0),
                   "the token that fills short texts up: its row starts at zero and stays"),
      with_default("weight_init", &Params::weight_init,
                   "how the weight starts; PyTorch's normal with std 1 unless said"),
  };
}

/// Where one token's row goes to or comes from.
struct Rows {
  std::size_t tokens, size;  // of the batch; of a row
  std::int64_t vocabulary;
  std::int64_t padding;  // -1: none

  std::size_t row(std::int32_t token) const {
    if (token < 0 || token >= vocabulary) {
      throw UserError(ExitCode::data, "embedding: the data has a token " + std::to_string(token) +
                                          ", and num_embeddings is " + std::to_string(vocabulary));
    }
    return static_cast<std::size_t>(token) * size;
  }
};

/// Reads tokens and weight, writes (tokens, size).
struct Gather {
  Rows rows;
  void operator()(const HostArgs& args) const {
    const auto* tokens = args.src<std::int32_t>(0);
    const float* weight = args.src<float>(1);
    float* dst = args.dst<float>(0);
    parallel_each(rows.tokens, rows.size, [&](std::size_t i) {
      std::memcpy(dst + i * rows.size, weight + rows.row(tokens[i]), rows.size * sizeof(float));
    });
  }
};

DL_VECTORISED void add_to(float* sum, const float* x, std::size_t n) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) sum[i] += x[i];
}

/// Reads tokens and diff_dst, writes the gradient of the weight. Threads share out the columns, and
/// each adds the tokens in their order: any number of threads gives the same bits.
struct Scatter {
  Rows rows;
  void operator()(const HostArgs& args) const {
    constexpr std::size_t kGrain = 1 << 14;
    const auto* tokens = args.src<std::int32_t>(0);
    const float* diff = args.src<float>(1);
    float* sum = args.dst<float>(0);
    const std::size_t work = rows.tokens + static_cast<std::size_t>(rows.vocabulary);
    parallel_for(rows.size, kGrain / work + 1, [&](std::size_t begin, std::size_t end) {
      for (std::int64_t token = 0; token < rows.vocabulary; ++token)
        std::fill(sum + rows.row(token) + begin, sum + rows.row(token) + end, 0.0F);
      for (std::size_t i = 0; i < rows.tokens; ++i) {
        if (tokens[i] == rows.padding) continue;
        add_to(sum + rows.row(tokens[i]) + begin, diff + i * rows.size + begin, end - begin);
      }
    });
  }
};

/// dst = the weight's rows for the tokens: (N, T) integers become (N, T, embedding_dim).
class Embedding final : public Layer {
 public:
  explicit Embedding(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() != 2) {
      throw ShapeError("embedding needs a sequence of tokens, (N, T), but gets " + src[0].text());
    }
    return {{src[0][0], src[0][1], params_.embedding_dim}};
  }

  void check_types(std::span<const Shape>, const std::vector<bool>& whole) const override {
    if (!whole[0])
      throw ShapeError("embedding needs tokens, which are whole numbers",
                       "follow data.tokens, which the sources text and labelled_text bring");
  }

  std::vector<WeightSpec> weights(std::span<const Shape>) const override {
    const Initializer fill = init_or(params_.weight_init, normal_init(0, 1));
    const auto padding = params_.padding_idx;
    const Initializer init = [fill, padding](std::span<float> values, const Shape& shape,
                                             Random random) {
      fill(values, shape, random);
      if (!padding) return;
      const std::span<float> row = values.subspan(*padding * shape[1], shape[1]);
      std::fill(row.begin(), row.end(), 0.0F);
    };
    return {{.name = "weight",
             .shape = {params_.num_embeddings, params_.embedding_dim},
             .init = init,
             .uses = 0}};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {onnx.add("Gather", {onnx.weight("weight"), onnx.src(0)}, {{"axis", std::int64_t{0}}})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape shape = infer(std::vector<Shape>{src[0].shape()})[0];
    const Rows rows{static_cast<std::size_t>(shape[0] * shape[1]),
                    static_cast<std::size_t>(shape[2]), params_.num_embeddings,
                    params_.padding_idx.value_or(-1)};
    const Value tokens = src[0], dst = tape.value(plain_desc(shape));
    tape.host("embedding", {tokens, tape.weight("weight")}, {dst}, Gather{rows});

    auto grad = [=, this](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      if (!back.trains("weight")) return {std::nullopt};
      const Value diff = back.value(plain_desc({params_.num_embeddings, params_.embedding_dim}));
      back.host("embedding gradient", {tokens, back.plain(*diff_dst[0])}, {diff}, Scatter{rows});
      back.add_weight_grad("weight", diff);
      return {std::nullopt};
    };
    return {{dst}, grad};
  }

 private:
  Params params_;
};

std::unique_ptr<Layer> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  if (params.padding_idx && *params.padding_idx >= params.num_embeddings) {
    throw UserError(node.find("padding_idx")->mark(),
                    "padding_idx: is " + std::to_string(*params.padding_idx) + ", must be below " +
                        std::to_string(params.num_embeddings) + " (num_embeddings)");
  }
  return std::make_unique<Embedding>(std::move(params));
}

}  // namespace

LayerKind embedding_kind() {
  LayerKind kind = {"embedding", "a learned vector for each token", one_source(),
                    specs_of(param_table()), make};
  kind.units = LayerKind::Units::features;
  kind.to_onnx = [](const Layer& layer, OnnxWriter& onnx) {
    return static_cast<const Embedding&>(layer).to_onnx(onnx);
  };
  kind.others = {"embed", "lookup"};
  return kind;
}

}  // namespace dl
