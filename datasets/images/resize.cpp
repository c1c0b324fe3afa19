#include "datasets/images/resize.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"

namespace dl {
namespace {

constexpr int kFractionBits = 22;  // as many as leave room for a byte and a sign
constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

void make_room(std::vector<std::uint8_t>& buffer, std::size_t bytes) {
  if (buffer.size() < bytes) buffer.resize(bytes);
}

DL_VECTORISED void add_row(std::int32_t* sums, const std::uint8_t* row, std::int32_t weight,
                           std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; ++i) sums[i] += row[i] * weight;
}

DL_VECTORISED void round_row(const std::int32_t* sums, std::uint8_t* dst, std::int64_t bytes) {
  for (std::int64_t i = 0; i < bytes; ++i) dst[i] = to_byte(sums[i]);
}

template <int kChannels>
void scale_row(const std::uint8_t* src, std::uint8_t* dst, std::int64_t width,
               const std::int64_t* first, const std::int64_t* count, const std::int32_t* weights,
               std::size_t stride) {
  for (std::int64_t x = 0; x < width; ++x, weights += stride, dst += kChannels) {
    const std::uint8_t* pixel = src + first[x] * kChannels;
    std::int32_t sums[kChannels];
    std::fill_n(sums, kChannels, kHalf);
    for (std::int64_t i = 0; i < count[x]; ++i, pixel += kChannels) {
      for (int c = 0; c < kChannels; ++c) sums[c] += pixel[c] * weights[i];
    }
    for (int c = 0; c < kChannels; ++c) dst[c] = to_byte(sums[c]);
  }
}

}  // namespace

/// Pixel i of the result lies at (i + 1/2) * from / to of the source; the triangle around it is a
/// source pixel wide to each side, or `from / to` of them when the picture shrinks. Sums and
/// quotients stand in Pillow's order, as the last bit of a double decides here and there.
void Resizer::Axis::plan(std::int64_t new_from, std::int64_t new_to) {
  if (from == new_from && to == new_to) return;
  from = new_from;
  to = new_to;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);
  stride = static_cast<std::size_t>(std::ceil(reach)) * 2 + 1;
  first.resize(static_cast<std::size_t>(to));
  count.resize(static_cast<std::size_t>(to));
  weights.assign(static_cast<std::size_t>(to) * stride, 0);
  exact.resize(stride);
  for (std::int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto begin =
        std::max<std::int64_t>(static_cast<std::int64_t>(std::floor(center - reach + 0.5)), 0);
    const auto end = std::min(static_cast<std::int64_t>(std::floor(center + reach + 0.5)), from);
    double sum = 0;
    for (std::int64_t k = begin; k < end; ++k) {
      const double distance = (static_cast<double>(k) - center + 0.5) * (1.0 / reach);
      const double weight = std::max(0.0, 1.0 - std::abs(distance));
      exact[static_cast<std::size_t>(k - begin)] = weight;
      sum += weight;
    }
    std::int32_t* row = weights.data() + static_cast<std::size_t>(i) * stride;
    for (std::int64_t k = 0; k < end - begin; ++k) {
      const double share = exact[static_cast<std::size_t>(k)] / sum;
      row[k] = static_cast<std::int32_t>(std::floor(0.5 + share * (1 << kFractionBits)));
    }
    first[static_cast<std::size_t>(i)] = begin;
    count[static_cast<std::size_t>(i)] = end - begin;
  }
}

PictureView Resizer::resize(const PictureView& src, std::int64_t height, std::int64_t width) {
  if (src.height == height && src.width == width) return src;
  // Between the two steps it has the height of the one and the width of the other.
  if (is_too_large(height, width) || is_too_large(src.height, width)) {
    throw PictureError("is " + size_text(src.height, src.width) +
                       ", too large or too narrow to be resized to " + size_text(height, width));
  }
  rows_.plan(src.width, width);
  columns_.plan(src.height, height);
  const std::int64_t together = src.planar ? 1 : src.channels;  // channels that stand side by side
  const std::int64_t plane = src.height * src.width, result_plane = height * width;
  make_room(result_, static_cast<std::size_t>(result_plane * src.channels));
  for (std::int64_t c = 0; c < src.channels; c += together)
    resize_into(src.pixels + c * plane, together, result_.data() + c * result_plane);
  return {result_.data(), src.channels, height, width, src.planar};
}

void Resizer::resize_into(const std::uint8_t* src, std::int64_t channels, std::uint8_t* dst) {
  if (rows_.from != rows_.to) {
    std::uint8_t* scaled = dst;
    if (columns_.from != columns_.to) {
      make_room(between_, static_cast<std::size_t>(columns_.from * rows_.to * channels));
      scaled = between_.data();
    }
    scale_rows(src, channels, scaled);
    src = scaled;
  }
  if (columns_.from != columns_.to) scale_columns(src, rows_.to * channels, dst);
}

void Resizer::scale_rows(const std::uint8_t* src, std::int64_t channels, std::uint8_t* dst) const {
  const auto scale = channels == 3 ? scale_row<3> : scale_row<1>;
  for (std::int64_t y = 0; y < columns_.from; ++y) {
    scale(src + y * rows_.from * channels, dst + y * rows_.to * channels, rows_.to,
          rows_.first.data(), rows_.count.data(), rows_.weights.data(), rows_.stride);
  }
}

void Resizer::scale_columns(const std::uint8_t* src, std::int64_t row_bytes, std::uint8_t* dst) {
  if (sums_.size() < static_cast<std::size_t>(row_bytes))
    sums_.resize(static_cast<std::size_t>(row_bytes));
  for (std::int64_t y = 0; y < columns_.to; ++y, dst += row_bytes) {
    const auto at = static_cast<std::size_t>(y);
    std::fill_n(sums_.begin(), row_bytes, kHalf);
    for (std::int64_t k = 0; k < columns_.count[at]; ++k) {
      add_row(sums_.data(), src + (columns_.first[at] + k) * row_bytes,
              columns_.weights[at * columns_.stride + static_cast<std::size_t>(k)], row_bytes);
    }
    round_row(sums_.data(), dst, row_bytes);
  }
}

}  // namespace dl
