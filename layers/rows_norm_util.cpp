#include "layers/rows_norm_util.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/parallel.h"
#include "layers/part_util.h"

namespace dl {
namespace {

constexpr std::size_t kPieces = 64;  // at most, that are summed apart
constexpr std::size_t kBlock = 64;   // rows summed in float before they are added in double
constexpr std::size_t kTile = 128;   // channels whose sums stay close
constexpr std::size_t kGrain = 1 << 15;
constexpr std::size_t kFactors = 4;  // floats a channel that the passes share

struct NormRows {
  std::size_t rows, channels;
  float eps;
  bool relu, given_statistics;
};

std::size_t rows_of_piece(const NormRows& norm) {
  return std::max(kBlock, (norm.rows + kPieces - 1) / kPieces);
}
std::size_t piece_count(const NormRows& norm) {
  return (norm.rows + rows_of_piece(norm) - 1) / rows_of_piece(norm);
}

/// Some rows of some channels.
struct Tile {
  std::size_t rows, width, stride;
};

struct TileSums {
  std::array<float, kTile> first{}, second{};
};

/// Adds distances from `pivot`, and their squares.
DL_VECTORISED void add_distances(const float* src, const float* pivot, const Tile& tile,
                                 TileSums& sums) {
  float* first = sums.first.data();
  float* second = sums.second.data();
  std::size_t r = 0;
  for (; r + 4 <= tile.rows; r += 4, src += 4 * tile.stride) {
    const float *x0 = src, *x1 = x0 + tile.stride, *x2 = x1 + tile.stride, *x3 = x2 + tile.stride;
#pragma omp simd
    for (std::size_t c = 0; c < tile.width; ++c) {
      const float a = x0[c] - pivot[c], b = x1[c] - pivot[c];
      const float d = x2[c] - pivot[c], e = x3[c] - pivot[c];
      first[c] += (a + b) + (d + e);
      second[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; r < tile.rows; ++r, src += tile.stride) {
#pragma omp simd
    for (std::size_t c = 0; c < tile.width; ++c) {
      const float a = src[c] - pivot[c];
      first[c] += a;
      second[c] += a * a;
    }
  }
}

/// The parameters of a channel as backward wants them: `scale` is weight / sqrt(variance + eps).
struct Factors {
  const float *mean, *scale, *bias;
};

/// What arrives at the normalised value: nothing where relu cut it off.
inline float through_relu(bool relu, float x, float mean, float scale, float bias, float diff) {
  return relu && !((x - mean) * scale + bias > 0) ? 0.0F : diff;
}

/// Adds gradients, and their products with the distances from the mean.
DL_VECTORISED void add_gradients(const float* src, const float* diff, const Factors& of, bool relu,
                                 const Tile& tile, TileSums& sums) {
  float* first = sums.first.data();
  float* second = sums.second.data();
  for (std::size_t r = 0; r < tile.rows; ++r, src += tile.stride, diff += tile.stride) {
#pragma omp simd
    for (std::size_t c = 0; c < tile.width; ++c) {
      const float d = through_relu(relu, src[c], of.mean[c], of.scale[c], of.bias[c], diff[c]);
      first[c] += d;
      second[c] += d * (src[c] - of.mean[c]);
    }
  }
}

/// Sums of every channel over all rows: add(first element, tile, sums) adds a tile of a block.
/// Afterwards scratch holds the first sums of all channels, then the second.
template <class Add>
void sum_channels(const NormRows& norm, double* scratch, const Add& add) {
  const std::size_t channels = norm.channels, piece_rows = rows_of_piece(norm);
  parallel_each(piece_count(norm), piece_rows * channels, [&](std::size_t piece) {
    double* total = scratch + piece * 2 * channels;
    std::fill_n(total, 2 * channels, 0.0);
    const std::size_t end = std::min(norm.rows, (piece + 1) * piece_rows);
    for (std::size_t row = piece * piece_rows; row < end; row += kBlock) {
      for (std::size_t begin = 0; begin < channels; begin += kTile) {
        const Tile tile{std::min(kBlock, end - row), std::min(kTile, channels - begin), channels};
        TileSums sums;
        add(row * channels + begin, begin, tile, sums);
        for (std::size_t c = 0; c < tile.width; ++c) {
          total[begin + c] += sums.first[c];
          total[channels + begin + c] += sums.second[c];
        }
      }
    }
  });
  for (std::size_t piece = 1; piece < piece_count(norm); ++piece) {
    for (std::size_t i = 0; i < 2 * channels; ++i) scratch[i] += scratch[piece * 2 * channels + i];
  }
}

/// What a channel's values go through; weight and bias may be null.
struct ChannelParams {
  const float *mean, *variance, *weight, *bias;
};

void fill_scale(const NormRows& norm, const ChannelParams& params, float* scale, float* bias) {
  for (std::size_t c = 0; c < norm.channels; ++c) {
    scale[c] = (params.weight ? params.weight[c] : 1.0F) / std::sqrt(params.variance[c] + norm.eps);
    if (bias) bias[c] = params.bias ? params.bias[c] : 0.0F;
  }
}

DL_VECTORISED void scale_rows(const float* src, const Factors& of, bool relu, const Tile& tile,
                              float* dst) {
  for (std::size_t r = 0; r < tile.rows; ++r, src += tile.stride, dst += tile.stride) {
#pragma omp simd
    for (std::size_t c = 0; c < tile.width; ++c) {
      const float y = (src[c] - of.mean[c]) * of.scale[c] + of.bias[c];
      dst[c] = relu && !(y > 0) ? 0.0F : y;
    }
  }
}

/// diff_src = scale * (d - mean of d - distance * mean product), the means being given per channel.
DL_VECTORISED void scale_gradients(const float* src, const float* diff, const Factors& of,
                                   const float* mean_diff, const float* mean_product, bool relu,
                                   const Tile& tile, float* dst) {
  for (std::size_t r = 0; r < tile.rows;
       ++r, src += tile.stride, diff += tile.stride, dst += tile.stride) {
#pragma omp simd
    for (std::size_t c = 0; c < tile.width; ++c) {
      const float d = through_relu(relu, src[c], of.mean[c], of.scale[c], of.bias[c], diff[c]);
      dst[c] = of.scale[c] * (d - mean_diff[c] - (src[c] - of.mean[c]) * mean_product[c]);
    }
  }
}

/// body(first row, rows) on pieces of all rows.
template <class Body>
void for_rows(const NormRows& norm, const Body& body) {
  parallel_for(norm.rows, std::max<std::size_t>(1, kGrain / norm.channels),
               [&](std::size_t begin, std::size_t end) { body(begin, end - begin); });
}

/// Mean and (biased) variance of each channel.
void channel_statistics(const NormRows& norm, const float* src, float* mean, float* variance,
                        double* scratch) {
  sum_channels(norm, scratch,
               [&](std::size_t at, std::size_t channel, const Tile& tile, TileSums& sums) {
                 add_distances(src + at, src + channel, tile, sums);
               });
  const auto count = static_cast<double>(norm.rows);
  for (std::size_t c = 0; c < norm.channels; ++c) {
    const double distance = scratch[c] / count;
    mean[c] = static_cast<float>(src[c] + distance);
    variance[c] =
        static_cast<float>(std::max(0.0, scratch[norm.channels + c] / count - distance * distance));
  }
}

void normalise_rows(const NormRows& norm, const float* src, const ChannelParams& params,
                    float* factors, float* dst) {
  float* bias = factors + norm.channels;
  fill_scale(norm, params, factors, bias);
  for_rows(norm, [&](std::size_t row, std::size_t rows) {
    const std::size_t at = row * norm.channels;
    scale_rows(src + at, {params.mean, factors, bias}, norm.relu,
               {rows, norm.channels, norm.channels}, dst + at);
  });
}

/// Where gradients go.
struct Gradients {
  float *src, *weight, *bias;
};

/// Given statistics are constants; those of the batch depend on every element.
void normalise_rows_backward(const NormRows& norm, const float* src, const ChannelParams& params,
                             const float* diff_dst, float* factors, double* scratch,
                             const Gradients& diff) {
  const std::size_t channels = norm.channels;
  float* bias = factors + channels;
  float* mean_diff = bias + channels;
  float* mean_product = mean_diff + channels;
  fill_scale(norm, params, factors, bias);
  sum_channels(norm, scratch,
               [&](std::size_t at, std::size_t channel, const Tile& tile, TileSums& sums) {
                 add_gradients(src + at, diff_dst + at,
                               {params.mean + channel, factors + channel, bias + channel},
                               norm.relu, tile, sums);
               });
  const auto count = static_cast<double>(norm.rows);
  for (std::size_t c = 0; c < channels; ++c) {
    const double inverse = 1.0 / std::sqrt(static_cast<double>(params.variance[c]) + norm.eps);
    const double product = scratch[channels + c] * inverse;
    diff.weight[c] = static_cast<float>(product);
    diff.bias[c] = static_cast<float>(scratch[c]);
    mean_diff[c] = norm.given_statistics ? 0.0F : static_cast<float>(scratch[c] / count);
    mean_product[c] = norm.given_statistics ? 0.0F : static_cast<float>(product * inverse / count);
  }
  for_rows(norm, [&](std::size_t row, std::size_t rows) {
    const std::size_t at = row * channels;
    scale_gradients(src + at, diff_dst + at, {params.mean, factors, bias}, mean_diff, mean_product,
                    norm.relu, {rows, channels, channels}, diff.src + at);
  });
}

NormRows rows_of(const RowsNorm& norm) {
  const Shape shape = norm.src.shape();
  return {static_cast<std::size_t>(shape.elements() / shape[1]), static_cast<std::size_t>(shape[1]),
          norm.eps, norm.relu, norm.given_statistics};
}

/// Room for the factors of a pass and for what its pieces sum up, in the arena.
Value record_factors(Tape& tape, const NormRows& rows) {
  return tape.value(plain_desc({static_cast<std::int64_t>(kFactors * rows.channels)}));
}
Value record_sums(Tape& tape, const NormRows& rows) {
  constexpr std::size_t kFloats = sizeof(double) / sizeof(float);
  return tape.value(
      plain_desc({static_cast<std::int64_t>(kFloats * 2 * piece_count(rows) * rows.channels)}));
}

/// Mean, variance, weight and bias, in that order, among the first things that a step reads.
ChannelParams params_in(const HostArgs& args, std::size_t first, const RowsNorm& norm) {
  std::size_t next = first + 2;
  const float* weight = norm.weight ? args.src<float>(next++) : nullptr;
  const float* bias = norm.bias ? args.src<float>(next) : nullptr;
  return {args.src<float>(first), args.src<float>(first + 1), weight, bias};
}

std::vector<Value> reads_of(std::vector<Value> first, const RowsNorm& norm) {
  first.insert(first.end(), {norm.mean, norm.variance});
  if (norm.weight) first.push_back(*norm.weight);
  if (norm.bias) first.push_back(*norm.bias);
  return first;
}

}  // namespace

bool has_channels_last(const Value& value) {
  const Shape shape = value.shape();
  return shape.spatial_rank() > 0 && shape[1] > 1 && value.desc == channels_last(shape);
}

Value record_rows_norm(Tape& tape, const RowsNorm& norm) {
  const NormRows rows = rows_of(norm);
  if (!norm.given_statistics) {
    tape.host("channel statistics", {norm.src}, {norm.mean, norm.variance, record_sums(tape, rows)},
              [rows](const HostArgs& args) {
                channel_statistics(rows, args.src<float>(0), args.dst<float>(0), args.dst<float>(1),
                                   args.dst<double>(2));
              });
  }
  const Value dst = tape.value(norm.src.desc);
  tape.host("normalise rows", reads_of({norm.src}, norm), {dst, record_factors(tape, rows)},
            [rows, norm](const HostArgs& args) {
              normalise_rows(rows, args.src<float>(0), params_in(args, 1, norm), args.dst<float>(1),
                             args.dst<float>(0));
            });
  tape.may_overwrite(dst, norm.src);
  return dst;
}

RowsNormGradients record_rows_norm_backward(Tape& tape, const RowsNorm& norm,
                                            const Value& diff_dst) {
  const NormRows rows = rows_of(norm);
  const dnnl::memory::desc per_channel = plain_desc({norm.src.shape()[1]});
  const RowsNormGradients diff{tape.value(norm.src.desc), tape.value(per_channel),
                               tape.value(per_channel)};
  tape.host("normalise rows, backward", reads_of({norm.src, diff_dst}, norm),
            {diff.src, diff.weight, diff.bias, record_factors(tape, rows), record_sums(tape, rows)},
            [rows, norm](const HostArgs& args) {
              normalise_rows_backward(rows, args.src<float>(0), params_in(args, 2, norm),
                                      args.src<float>(1), args.dst<float>(3), args.dst<double>(4),
                                      {args.dst<float>(0), args.dst<float>(1), args.dst<float>(2)});
            });
  tape.may_overwrite(diff.src, diff_dst);
  return diff;
}

}  // namespace dl
