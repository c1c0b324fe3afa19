#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.h"
#include "layers/onnx_writer.h"
#include "layers/registry.h"
#include "layers/window_util.h"

namespace dl {
namespace {

using dnnl::memory;

struct Params {
  std::int64_t size = 5;
  float alpha = 1e-4F;
  float beta = 0.75F;
  float k = 1;
};

ParamTable<Params> param_table() {
  return {
      with_default("size", &Params::size, between(1, 1 << 16),
                   "channels in a window; odd, so that it has a middle"),
      with_default("alpha", &Params::alpha, at_least(0), "weight of the mean square"),
      with_default("beta", &Params::beta, above(0), "exponent"),
      with_default("k", &Params::k, above(0), "added to the weighted mean square"),
  };
}

// oneDNN has a fast backward pass for AVX-512 only, and none at all for sizes other than 5. Here
// channels lie next to each other, and a row is those of one place.

constexpr std::int64_t kTile = 256;  // channels at a time: their sums stay in cache

/// Channels begin..end of a row.
struct Tile {
  std::int64_t begin, end, channels;
  /// Calls body(first, last, offset) for every offset of a window: the channels first..last of the
  /// tile have a neighbour there.
  template <class Body>
  void for_window(std::int64_t size, const Body& body) const {
    const std::int64_t half = std::min(size / 2, channels - 1);
    for (std::int64_t offset = -half; offset <= half; ++offset)
      body(std::max(begin, -offset), std::min(end, channels - offset), offset);
  }
};

/// scale = k + alpha * mean square around; power = scale^-beta. Indexed from the tile's begin.
inline void lrn_scales(const float* src, const Tile& tile, const Params& params, float* scale,
                       float* power) {
  const std::int64_t count = tile.end - tile.begin;
  std::fill(scale, scale + count, 0.0F);
  tile.for_window(params.size, [&](std::int64_t first, std::int64_t last, std::int64_t offset) {
    for (std::int64_t c = first; c < last; ++c)
      scale[c - tile.begin] += src[c + offset] * src[c + offset];
  });
  const float share = params.alpha / static_cast<float>(params.size);
  for (std::int64_t i = 0; i < count; ++i) scale[i] = params.k + share * scale[i];
  if (params.beta == 0.75F) {  // the one that everybody uses
    for (std::int64_t i = 0; i < count; ++i) {
      const float root = std::sqrt(scale[i]);
      power[i] = 1 / (root * std::sqrt(root));
    }
  } else {
    for (std::int64_t i = 0; i < count; ++i) power[i] = std::pow(scale[i], -params.beta);
  }
}

DL_VECTORISED void lrn_row(const float* src, float* dst, std::int64_t channels,
                           const Params& params) {
  std::array<float, kTile> scale, power;
  for (std::int64_t begin = 0; begin < channels; begin += kTile) {
    const Tile tile{begin, std::min(begin + kTile, channels), channels};
    lrn_scales(src, tile, params, scale.data(), power.data());
    for (std::int64_t c = begin; c < tile.end; ++c) dst[c] = src[c] * power[c - begin];
  }
}

/// `ratio` is room for a row: how much each channel's scale moves the loss.
DL_VECTORISED void lrn_row_grad(const float* src, const float* diff_dst, float* diff_src,
                                float* ratio, std::int64_t channels, const Params& params) {
  std::array<float, kTile> scale, power;
  for (std::int64_t begin = 0; begin < channels; begin += kTile) {
    const Tile tile{begin, std::min(begin + kTile, channels), channels};
    lrn_scales(src, tile, params, scale.data(), power.data());
    for (std::int64_t c = begin; c < tile.end; ++c) {
      diff_src[c] = diff_dst[c] * power[c - begin];
      ratio[c] = diff_src[c] * src[c] / scale[c - begin];
    }
  }
  const float factor = 2 * params.alpha * params.beta / static_cast<float>(params.size);
  std::array<float, kTile>& sum = scale;
  for (std::int64_t begin = 0; begin < channels; begin += kTile) {
    const Tile tile{begin, std::min(begin + kTile, channels), channels};
    sum.fill(0);
    tile.for_window(params.size, [&](std::int64_t first, std::int64_t last, std::int64_t offset) {
      for (std::int64_t c = first; c < last; ++c) sum[c - begin] += ratio[c + offset];
    });
    for (std::int64_t c = begin; c < tile.end; ++c) diff_src[c] -= factor * src[c] * sum[c - begin];
  }
}

/// Calls body(place of its first value) for each row, on several threads.
template <class Body>
void for_rows(const Shape& shape, const Body& body) {
  const auto channels = static_cast<std::size_t>(shape[1]);
  parallel_for(shape.elements() / channels, std::max<std::size_t>(1, (1 << 14) / channels),
               [&](std::size_t begin, std::size_t end) {
                 for (std::size_t row = begin; row < end; ++row) body(row * channels);
               });
}

memory::desc channels_last(const Shape& shape) {
  using tag = memory::format_tag;
  return {shape.dims(), memory::data_type::f32, shape.rank() == 3 ? tag::nwc : tag::nhwc};
}

/// src / (k + alpha * mean of the squares of `size` channels around)^beta.
class Lrn final : public Layer {
 public:
  explicit Lrn(Params params) : params_(params) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("lrn", src[0]);
    if (params_.size % 2 == 0) {
      throw ShapeError("size is " + std::to_string(params_.size) + ", but must be odd",
                       "a window of channels needs a middle");
    }
    return {src[0]};
  }

  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    return {onnx.add("LRN", {onnx.src(0)},
                     {{"size", params_.size},
                      {"alpha", params_.alpha},
                      {"beta", params_.beta},
                      {"bias", params_.k}})};
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Shape shape = srcs[0].shape();
    const Value src = tape.as(srcs[0], channels_last(shape));
    const Value dst = tape.value(src.desc);
    tape.host("lrn", {src}, {dst}, [shape, params = params_](const HostArgs& args) {
      for_rows(shape, [&](std::size_t at) {
        lrn_row(args.src<float>(0) + at, args.dst<float>(0) + at, shape[1], params);
      });
    });
    auto grad = [=, params = params_](Tape& back, std::span<const std::optional<Value>> diff_dst)
        -> std::vector<std::optional<Value>> {
      const Value diff = back.as(*diff_dst[0], src.desc);
      const Value diff_src = back.value(src.desc), ratio = back.value(src.desc);
      back.host("lrn gradient", {src, diff}, {diff_src, ratio}, [=](const HostArgs& args) {
        for_rows(shape, [&](std::size_t at) {
          lrn_row_grad(args.src<float>(0) + at, args.src<float>(1) + at, args.dst<float>(0) + at,
                       args.dst<float>(1) + at, shape[1], params);
        });
      });
      return {diff_src};
    };
    return {{dst}, grad};
  }

 private:
  Params params_;
};

}  // namespace

LayerKind lrn_kind() {
  LayerKind kind = make_kind<Lrn>("lrn", "local response normalisation across channels (AlexNet's)",
                                  one_source(), param_table());
  kind.reads_channels = true;
  kind.others = {"local_response_norm", "local_response_normalization"};
  return kind;
}

}  // namespace dl
