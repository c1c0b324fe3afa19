#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "datasets/transforms/mixing.h"
#include "datasets/transforms/transform.h"

namespace dl {
namespace {

/// How far apart the neighbours in a channel, and the channels themselves, lie in memory.
struct Layout {
  Layout(std::int64_t channels_, std::int64_t width_, std::int64_t pixel_step_,
         std::int64_t plane_step_)
      : channels(channels_), width(width_), pixel_step(pixel_step_), plane_step(plane_step_) {}
  explicit Layout(const PictureView& picture)
      : Layout(picture.channels, picture.width, picture.planar ? 1 : picture.channels,
               picture.planar ? picture.height * picture.width : 1) {}

  std::int64_t channels, width, pixel_step, plane_step;
};

/// One pass: every pixel of the result is fetched, converted and written once. `convert(channel)`
/// gives the function for the channel's pixels.
template <class Pixel, class Number, class Convert>
void fetch_picture(const Pixel* src, Number* dst, const Layout& layout, const PicturePlacing& place,
                   const PictureWindow& window, Pixel fill, const Convert& convert) {
  const auto [begin, end] = window.visible_columns();
  const std::int64_t width = window.width, next = place.pixel_step;
  const std::int64_t step = window.step * layout.pixel_step;
  for (std::int64_t c = 0; c < layout.channels; ++c, src += layout.plane_step) {
    const auto value = convert(c);
    const Number padding = value(fill);
    for (std::int64_t y = 0; y < window.height; ++y) {
      Number* out = dst + c * place.plane_step + y * place.row_step;
      const std::int64_t row = window.top + y;
      const bool outside = row < window.first_row || row >= window.end_row;
      const std::int64_t from = outside ? width : begin, to = outside ? width : end;
      const std::int64_t column = window.left + window.step * from;
      const Pixel* pixel =
          from < to ? src + (row * layout.width + column) * layout.pixel_step : src;
      std::int64_t x = 0;
      for (; x < from; ++x, out += next) *out = padding;
      for (; x < to; ++x, out += next, pixel += step) *out = value(*pixel);
      for (; x < width; ++x, out += next) *out = padding;
    }
  }
}

/// Anything that is no picture counts as one row.
std::array<std::int64_t, 3> as_picture(const Field& field) {
  if (field.shape.size() == 3) return {field.shape[0], field.shape[1], field.shape[2]};
  return {1, 1, static_cast<std::int64_t>(field.elements())};
}

float of_channel(const std::vector<float>& values, std::int64_t channel) {
  return values.size() == 1 ? values[0] : values[channel];
}

/// The same operations in the same order as torchvision's ToTensor and Normalize: the same bits.
std::vector<float> byte_table(const TransformPlan& plan, std::int64_t channels) {
  std::vector<float> table(channels * 256);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      const float scaled = static_cast<float>(byte) / 255.0F;
      table[c * 256 + byte] =
          plan.normalised ? (scaled - of_channel(plan.mean, c)) / of_channel(plan.std, c) : scaled;
    }
  }
  return table;
}

}  // namespace

std::optional<std::array<std::int64_t, 3>> TransformPlan::picture() const {
  if (spec.inputs[0].shape.size() != 3) return std::nullopt;
  return as_picture(spec.inputs[0]);
}

void PictureWindow::crop(std::int64_t from_row, std::int64_t from_column, std::int64_t new_height,
                         std::int64_t new_width) {
  top += from_row;
  left += step * from_column;
  height = new_height;
  width = new_width;
  const std::int64_t leftmost = step > 0 ? left : left - (width - 1);
  first_row = std::max(first_row, top);
  end_row = std::min(end_row, top + height);
  first_column = std::max(first_column, leftmost);
  end_column = std::min(end_column, leftmost + width);
}

std::pair<std::int64_t, std::int64_t> PictureWindow::visible_columns() const {
  const std::int64_t begin = step > 0 ? first_column - left : left - end_column + 1;
  const std::int64_t end = step > 0 ? end_column - left : left - first_column + 1;
  const std::int64_t from = std::clamp<std::int64_t>(begin, 0, width);
  return {from, std::clamp(end, from, width)};
}

void PictureWindow::mirror() {
  left += step * (width - 1);
  step = -step;
}

std::array<std::int64_t, 2> ResizeTo::of(std::int64_t source_height,
                                         std::int64_t source_width) const {
  if (shorter == 0) return {height, width};
  return source_width <= source_height
             ? std::array{shorter * source_height / source_width, shorter}
             : std::array{shorter, shorter * source_width / source_height};
}

PicturePlacing::PicturePlacing(PictureOrder order, std::int64_t new_channels,
                               std::int64_t new_height, std::int64_t new_width)
    : channels(new_channels),
      height(new_height),
      width(new_width),
      plane_step(height * width),
      row_step(width),
      pixel_step(1) {
  if (order == PictureOrder::planes) return;
  const bool rows = order == PictureOrder::rows;
  plane_step = rows ? width : 1;
  row_step = channels * width;
  pixel_step = rows ? 1 : channels;
}

Pipeline::Pipeline(const DataSpec& source, std::span<const TypedNode> transforms, const Mark& place,
                   Randomness randomness)
    : source_(source) {
  plan_.spec = source;
  plan_.pixels = source.inputs[0].type == DataType::u8;
  Problems problems;
  for (const TypedNode& entry : transforms) {
    try {
      add(entry, randomness);
    } catch (const UserError& error) {
      problems.add(error);
    }
  }
  problems.throw_if_any();
  expect_fixed_size(transforms, place);
  from_ = as_picture(source.inputs[0]);
  to_ = plan_.order == PictureOrder::planes ? as_picture(plan_.spec.inputs[0]) : plan_.unrolled;
  if (plan_.pixels) table_ = byte_table(plan_, from_[0]);
  if (plan_.pixels) plan_.spec.inputs[0].type = DataType::f32;
  plan_.spec.inputs[0].encoded = false;
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

void Pipeline::add(const TypedNode& typed, Randomness randomness) {
  const TransformKind& kind =
      find_kind<TransformKind>(all_transform_kinds(), typed.type, typed.type_mark, "transform");
  std::unique_ptr<Transform> transform;
  try {
    if (std::find(names_.begin(), names_.end(), kind.name) != names_.end()) {
      throw ShapeError("stands here twice");
    }
    const bool was_mixed = mixes(), was_random = std::exchange(plan_.random, false);
    plan_.mixing = false;
    transform = kind.make(typed.params);
    transform->plan(plan_);
    if (was_mixed && !plan_.mixing)
      throw ShapeError("must stand before mixup and cutmix, which take finished batches");
    if (randomness == Randomness::refused && (plan_.random || plan_.mixing))
      throw ShapeError("is random, and evaluation is not", "it belongs under transforms.train");
    plan_.random = plan_.random || was_random;
  } catch (const ShapeError& error) {
    throw UserError(typed.type_mark, typed.type + ": " + error.what(), error.hint());
  } catch (const UserError& error) {
    Problems problems;
    problems.add(error, typed.type + ": ");
    problems.throw_if_any();
  }
  names_.push_back(kind.name);
  transforms_.push_back(std::move(transform));
}

void Pipeline::expect_fixed_size(std::span<const TypedNode> transforms, const Mark& place) const {
  if (plan_.spec.inputs[0].elements() > 0) return;
  throw UserError(transforms.empty() ? place : transforms.back().type_mark,
                  "the pictures are of any size, and no transform gives them all the same",
                  "put resize: {size: [height, width]}, or resize and center_crop or random_crop "
                  "with a size; where all files have one size, say it in the source");
}

void Pipeline::apply(SampleBuffers raw, SampleBuffers out, std::uint64_t seed, std::uint64_t epoch,
                     std::uint64_t sample, PictureBuffers& buffers) const {
  assert(raw.size() == out.size());
  Random random(seed, RandomStream::augment, epoch, sample);
  auto* dst = reinterpret_cast<float*>(out[0].data());
  const Picture& decoded = buffers.decoded;
  if (source_.inputs[0].encoded) {
    apply_pixels({decoded.pixels.data(), decoded.channels, decoded.height, decoded.width, false},
                 dst, random, buffers);
  } else if (plan_.pixels) {
    apply_pixels(
        {reinterpret_cast<const std::uint8_t*>(raw[0].data()), from_[0], from_[1], from_[2], true},
        dst, random, buffers);
  } else if (source_.inputs[0].type == DataType::f32) {
    apply_floats(reinterpret_cast<const float*>(raw[0].data()), dst, random);
  } else {  // tokens
    std::memcpy(dst, raw[0].data(), raw[0].size());
  }
  for (const auto& transform : transforms_) transform->finish(dst, placing(), random);
  for (std::size_t i = 1; i < raw.size(); ++i) {
    if (i == source_.inputs.size() && plan_.one_hot_classes > 0)
      apply_label(raw[i], out[i]);
    else
      std::memcpy(out[i].data(), raw[i].data(), raw[i].size());
  }
}

void Pipeline::apply_label(std::span<const std::byte> raw, std::span<std::byte> out) const {
  std::int32_t label = 0;
  std::memcpy(&label, raw.data(), sizeof(label));
  auto* values = reinterpret_cast<float*>(out.data());
  std::fill_n(values, plan_.one_hot_classes, 0.0F);
  if (label >= 0) values[label] = 1.0F;  // a sample to be predicted may have none
}

void Pipeline::mix(std::span<float> inputs, std::span<float> targets, std::size_t samples,
                   std::uint64_t seed, std::uint64_t epoch, std::uint64_t batch) const {
  const BatchMix mix =
      draw_mix(plan_.mix, to_[1], to_[2], Random(seed, RandomStream::mix, epoch, batch));
  if (mix.share == 1.0) return;
  if (mix.box)
    exchange_boxes(inputs.data(), samples, placing(), *mix.box);
  else
    blend_samples(inputs, samples, mix.share);
  blend_samples(targets, samples, mix.share);
}

PicturePlacing Pipeline::placing() const { return {plan_.order, to_[0], to_[1], to_[2]}; }

/// Goes through the list up to the last change of pixels, which `picture` is then; what is left is
/// the window on it.
PictureWindow Pipeline::draw_window(PictureView& picture, Random& random,
                                    PictureBuffers& buffers) const {
  PictureWindow window(picture.height, picture.width);
  for (const auto& transform : transforms_) {
    if (!transform->changes_pixels()) {
      transform->draw(window, random);
      continue;
    }
    picture = transform->change(cut(picture, window, buffers.window), random, buffers);
    window = PictureWindow(picture.height, picture.width);
  }
  assert(window.height == to_[1] && window.width == to_[2]);
  return window;
}

/// The window as a picture of its own, in `room` unless it is the whole picture.
PictureView Pipeline::cut(const PictureView& picture, const PictureWindow& window,
                          std::vector<std::uint8_t>& room) const {
  if (window == PictureWindow(picture.height, picture.width)) return picture;
  const auto bytes = static_cast<std::size_t>(picture.channels * window.height * window.width);
  if (room.size() < bytes) room.resize(bytes);
  const PictureOrder order = picture.planar ? PictureOrder::planes : PictureOrder::pixels;
  fetch_picture(picture.pixels, room.data(), Layout(picture),
                {order, picture.channels, window.height, window.width}, window,
                static_cast<std::uint8_t>(plan_.fill),
                [](std::int64_t) { return [](std::uint8_t pixel) { return pixel; }; });
  return {room.data(), picture.channels, window.height, window.width, picture.planar};
}

void Pipeline::apply_pixels(PictureView picture, float* dst, Random& random,
                            PictureBuffers& buffers) const {
  if (plan_.resize) {
    const auto [height, width] = plan_.resize->of(picture.height, picture.width);
    picture = buffers.resizer.resize(picture, height, width);
  }
  const PictureWindow window = draw_window(picture, random, buffers);
  fetch_picture(picture.pixels, dst, Layout(picture), placing(), window,
                static_cast<std::uint8_t>(plan_.fill), [&](std::int64_t c) {
                  const float* row = table_.data() + c * 256;
                  return [row](std::uint8_t pixel) { return row[pixel]; };
                });
}

void Pipeline::apply_floats(const float* src, float* dst, Random& random) const {
  const auto [channels, height, width] = from_;
  PictureWindow window(height, width);
  for (const auto& transform : transforms_) transform->draw(window, random);
  fetch_picture(src, dst, Layout{channels, width, 1, height * width}, placing(), window, plan_.fill,
                [&](std::int64_t c) {
                  const float mean = of_channel(plan_.mean, c), std = of_channel(plan_.std, c);
                  return [=](float pixel) { return (pixel - mean) / std; };
                });
}

}  // namespace dl
