#include <cassert>
#include <cstring>

#include "datasets/transform.h"

namespace dl {
namespace {

/// One pass: every pixel of the result is fetched, converted and written once. `convert(channel)`
/// gives the function for the channel's pixels.
template <class Pixel, class Convert>
void fetch_picture(const Pixel* src, float* dst, const std::array<std::int64_t, 3>& from,
                   const PictureWindow& window, Pixel fill, const Convert& convert) {
  const auto [channels, height, width] = from;
  for (std::int64_t c = 0; c < channels; ++c, src += height * width) {
    const auto value = convert(c);
    const float padding = value(fill);
    for (std::int64_t y = 0; y < window.height; ++y, dst += window.width) {
      const std::int64_t row = window.top + y;
      if (row < 0 || row >= height) {
        std::fill_n(dst, window.width, padding);
        continue;
      }
      const Pixel* line = src + row * width;
      std::int64_t column = window.left;
      for (std::int64_t x = 0; x < window.width; ++x, column += window.step) {
        dst[x] = column >= 0 && column < width ? value(line[column]) : padding;
      }
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

void Transform::draw(PictureWindow&, Random&) const {}

Pipeline::Pipeline(const DataSpec& source, std::span<const TypedNode> transforms)
    : source_(source) {
  plan_.spec = source;
  plan_.pixels = source.inputs[0].type == DataType::u8;
  Problems problems;
  for (const TypedNode& entry : transforms) {
    try {
      add(entry);
    } catch (const UserError& error) {
      problems.add(error);
    }
  }
  problems.throw_if_any();
  from_ = as_picture(source.inputs[0]);
  to_ = as_picture(plan_.spec.inputs[0]);
  if (plan_.pixels) table_ = byte_table(plan_, from_[0]);
  plan_.spec.inputs[0].type = DataType::f32;
}

Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

void Pipeline::add(const TypedNode& typed) {
  const TransformKind& kind =
      find_kind<TransformKind>(all_transform_kinds(), typed.type, typed.type_mark, "transform");
  std::unique_ptr<Transform> transform;
  try {
    if (std::find(names_.begin(), names_.end(), kind.name) != names_.end()) {
      throw ShapeError("stands here twice");
    }
    transform = kind.make(typed.params);
    transform->plan(plan_);
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

void Pipeline::apply(SampleBuffers raw, SampleBuffers out, std::uint64_t seed, std::uint64_t epoch,
                     std::uint64_t sample) const {
  assert(raw.size() == out.size());
  apply_input(raw[0], out[0], Random(seed, RandomStream::augment, epoch, sample));
  for (std::size_t i = 1; i < raw.size(); ++i) {
    if (i == source_.inputs.size() && plan_.one_hot_classes > 0) {
      std::int32_t label = 0;
      std::memcpy(&label, raw[i].data(), sizeof(label));
      auto* values = reinterpret_cast<float*>(out[i].data());
      std::fill_n(values, plan_.one_hot_classes, 0.0F);
      values[label] = 1.0F;
    } else {
      std::memcpy(out[i].data(), raw[i].data(), raw[i].size());
    }
  }
}

void Pipeline::apply_input(std::span<const std::byte> raw, std::span<std::byte> out,
                           Random random) const {
  PictureWindow window{.height = from_[1], .width = from_[2]};
  for (const auto& transform : transforms_) transform->draw(window, random);
  assert(window.height == to_[1] && window.width == to_[2]);
  auto* dst = reinterpret_cast<float*>(out.data());
  if (plan_.pixels) {
    fetch_picture(reinterpret_cast<const std::uint8_t*>(raw.data()), dst, from_, window,
                  static_cast<std::uint8_t>(plan_.fill), [&](std::int64_t c) {
                    const float* row = table_.data() + c * 256;
                    return [row](std::uint8_t pixel) { return row[pixel]; };
                  });
  } else {
    fetch_picture(reinterpret_cast<const float*>(raw.data()), dst, from_, window, plan_.fill,
                  [&](std::int64_t c) {
                    const float mean = of_channel(plan_.mean, c), std = of_channel(plan_.std, c);
                    return [=](float pixel) { return (pixel - mean) / std; };
                  });
  }
}

}  // namespace dl
