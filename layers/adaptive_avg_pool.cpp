#include <algorithm>

#include "core/parallel.h"
#include "layers/onnx_writer.h"
#include "layers/part_util.h"
#include "layers/registry.h"
#include "layers/window_util.h"

namespace dl {
namespace {

struct Params {
  Spatial output_size;
};

ParamTable<Params> param_table() {
  return {required("output_size", &Params::output_size, window_limits(),
                   "size of dst: of each spatial axis, or one for all")};
}

constexpr std::int64_t kMostPlaces = 1 << 20;  // of an axis: each has a row in a table

/// Which places along an axis of a source make up each place of a result, and with what share.
struct Tap {
  std::int64_t place;
  float share;
};
struct Axis {
  std::int64_t src_size = 0;
  std::vector<std::vector<Tap>> of_dst;
};
struct Plane {
  Axis y, x;  // a series has one row
};

/// The means of `count` windows along an axis. They are PyTorch's: they overlap, and differ in
/// length, where the size is no multiple of `count`.
Axis mean_axis(std::int64_t size, std::int64_t count) {
  Axis axis{size, {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t begin = i * size / count, end = ((i + 1) * size + count - 1) / count;
    std::vector<Tap>& window = axis.of_dst.emplace_back();
    for (std::int64_t place = begin; place < end; ++place)
      window.push_back({place, 1.0F / static_cast<float>(end - begin)});
  }
  return axis;
}

Plane mean_plane(const Shape& src, const Shape& dst) {
  const bool picture = src.rank() == 4;
  return {mean_axis(picture ? src[2] : 1, picture ? dst[2] : 1), mean_axis(src.back(), dst.back())};
}

/// The way back of a gradient.
Axis transposed(const Axis& axis) {
  const auto count = static_cast<std::int64_t>(axis.of_dst.size());
  Axis back{count, std::vector<std::vector<Tap>>(axis.src_size)};
  for (std::int64_t i = 0; i < count; ++i) {
    for (const Tap& tap : axis.of_dst[i]) back.of_dst[tap.place].push_back({i, tap.share});
  }
  return back;
}

/// The shares as a matrix, row-major: (dst, src), or transposed.
std::vector<float> matrix_of(const Axis& axis, bool transposed) {
  const auto rows = static_cast<std::int64_t>(axis.of_dst.size()), columns = axis.src_size;
  std::vector<float> matrix(rows * columns, 0.0F);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (const Tap& tap : axis.of_dst[i])
      matrix[transposed ? tap.place * rows + i : i * columns + tap.place] = tap.share;
  }
  return matrix;
}

/// Row `row` of dst, counted through the batch: `src` and `dst` have channels last.
DL_VECTORISED void gather_row(const float* src, const Plane& plane, std::size_t row, float* dst,
                              std::size_t channels) {
  const std::size_t rows = plane.y.of_dst.size(), columns = plane.x.of_dst.size();
  src += row / rows * plane.y.src_size * plane.x.src_size * channels;
  dst += row * columns * channels;
  std::fill(dst, dst + columns * channels, 0.0F);
  for (const std::vector<Tap>& window : plane.x.of_dst) {
    for (const Tap& y : plane.y.of_dst[row % rows]) {
      for (const Tap& x : window) {
        const float* from = src + (y.place * plane.x.src_size + x.place) * channels;
        const float share = y.share * x.share;
        for (std::size_t c = 0; c < channels; ++c) dst[c] += share * from[c];
      }
    }
    dst += channels;
  }
}

/// The mean of windows that share out the source so that dst has the size that is asked for.
class AdaptiveAvgPool final : public Layer {
 public:
  explicit AdaptiveAvgPool(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    require_picture("adaptive_avg_pool", src[0]);
    Shape dst = src[0];
    const std::vector<std::int64_t> size =
        params_.output_size.expand(src[0].spatial_rank(), "output_size");
    for (std::size_t i = 0; i < size.size(); ++i) {
      if (dst[i + 2] > kMostPlaces) {
        throw ShapeError("adaptive_avg_pool takes axes of at most " + std::to_string(kMostPlaces) +
                             " places but its source is " + src[0].text(),
                         "put an avg_pool with a stride before it");
      }
      dst[i + 2] = size[i];
    }
    require_size("the result", dst.dims());
    return {dst};
  }

  /// In general a product with a matrix on either side, since the windows differ in length.
  std::vector<std::string> to_onnx(OnnxWriter& onnx) const {
    const Shape& src = onnx.src_shape(0);
    const Shape dst = infer({&src, 1})[0];
    const Plane plane = mean_plane(src, dst);
    std::string name = onnx.src(0);
    if (src.rank() == 4) {
      const Shape shape{dst[2], src[2]};
      name = onnx.add("MatMul", {onnx.constant(shape, matrix_of(plane.y, false)), name});
    }
    const Shape shape{src.back(), dst.back()};
    return {onnx.add("MatMul", {name, onnx.constant(shape, matrix_of(plane.x, true))})};
  }

  Recorded record(Tape& tape, std::span<const Value> src) const override {
    const Shape from = src[0].shape(), to = infer({&from, 1})[0];
    const Plane plane = mean_plane(from, to);
    const Value dst = record_gather(tape, src[0], to, plane);
    auto grad =
        [from, way_back = Plane{transposed(plane.y), transposed(plane.x)}](
            Tape& back,
            std::span<const std::optional<Value>> diff_dst) -> std::vector<std::optional<Value>> {
      return {record_gather(back, *diff_dst[0], from, way_back)};
    };
    return {{dst}, grad};
  }

 private:
  /// oneDNN's windows are equally far apart.
  static Value record_gather(Tape& tape, const Value& src, const Shape& shape, const Plane& plane) {
    constexpr std::size_t kGrain = 1 << 12;  // elements that are worth a thread
    const Value from = tape.as(src, channels_last(src.shape()));
    const Value dst = tape.value(channels_last(shape));
    const auto channels = static_cast<std::size_t>(shape[1]);
    const std::size_t rows = static_cast<std::size_t>(shape[0]) * plane.y.of_dst.size();
    const std::size_t row_size = channels * plane.x.of_dst.size();
    tape.host("adaptive mean", {from}, {dst}, [=](const HostArgs& args) {
      parallel_for(rows, std::max<std::size_t>(1, kGrain / row_size),
                   [&](std::size_t begin, std::size_t end) {
                     for (std::size_t row = begin; row < end; ++row)
                       gather_row(args.src<float>(0), plane, row, args.dst<float>(0), channels);
                   });
    });
    return dst;
  }

  Params params_;
};

}  // namespace

LayerKind adaptive_avg_pool_kind() {
  LayerKind kind = make_kind<AdaptiveAvgPool>(
      "adaptive_avg_pool", "the mean of each of output_size windows that share out the source",
      one_source(), param_table());
  kind.reads_channels = true;
  kind.others = {"adaptive_average_pool", "adaptive_pool"};
  return kind;
}

}  // namespace dl
