#include "engine/onnx/export_ends.h"

#include <algorithm>
#include <limits>

namespace dl {
namespace {

constexpr std::int64_t kLast = -1;  // axis

std::vector<std::int64_t> open_batch(const Shape& shape) {
  std::vector<std::int64_t> dims = shape.dims();
  dims[0] = -1;
  return dims;
}

std::string cast(OnnxEndsWriter& onnx, const std::string& tensor, OnnxType type) {
  return onnx.add("Cast", {tensor}, {{"to", static_cast<std::int64_t>(type)}});
}

bool all_are(const std::vector<double>& values, double wanted) {
  return std::ranges::all_of(values, [&](double value) { return value == wanted; });
}

/// (x - offset) / scale in doubles, as the data pipeline computes it, along the last axis.
std::string write_scaling(OnnxEndsWriter& onnx, std::string x,
                          const std::vector<const OnnxColumn*>& columns) {
  std::vector<double> offsets, scales;
  std::vector<float> fill;
  bool fills = false;
  for (const OnnxColumn* column : columns) {
    offsets.push_back(column->offset);
    scales.push_back(column->scale);
    fill.push_back(
        static_cast<float>(column->fill.value_or(std::numeric_limits<double>::quiet_NaN())));
    fills |= column->fill.has_value();
  }
  if (fills) {
    const Shape shape{static_cast<std::int64_t>(fill.size())};
    x = onnx.add("Where", {onnx.add("IsNaN", {x}), onnx.constant(shape, std::move(fill)), x});
  }
  if (all_are(offsets, 0) && all_are(scales, 1)) return x;
  const std::string moved =
      onnx.add("Sub", {cast(onnx, x, OnnxType::f64), onnx.doubles(std::move(offsets))});
  return cast(onnx, onnx.add("Div", {moved, onnx.doubles(std::move(scales))}), OnnxType::f32);
}

/// 1 at the place of a column's word, 0 elsewhere, and nowhere 1 for a word that is none of them.
std::string write_words(OnnxEndsWriter& onnx, const OnnxColumn& column) {
  const std::string input = onnx.add_input(column.name, OnnxType::text, {-1, 1});
  const std::string encoded =
      onnx.add(std::string(kTablesDomain) + ".OneHotEncoder", {input},
               {{"cats_strings", column.words}, {"zeros", std::int64_t{1}}});
  const auto count = static_cast<std::int64_t>(column.words.size());
  return onnx.add("Reshape", {encoded, onnx.constant(std::vector<std::int64_t>{0, count})});
}

/// An input for each column.
std::string write_table(OnnxEndsWriter& onnx, const std::vector<OnnxColumn>& columns) {
  std::vector<std::string> parts, numbers;
  std::vector<const OnnxColumn*> numeric;
  for (const OnnxColumn& column : columns) {
    if (!column.words.empty()) continue;
    numeric.push_back(&column);
    numbers.push_back(onnx.add_input(column.name, OnnxType::f32, {-1, 1}));
  }
  const auto joined = [&](std::vector<std::string> tensors) {
    if (tensors.size() == 1) return tensors[0];
    return onnx.add("Concat", std::move(tensors), {{"axis", kLast}});
  };
  if (!numbers.empty()) parts.push_back(write_scaling(onnx, joined(std::move(numbers)), numeric));
  for (const OnnxColumn& column : columns)
    if (!column.words.empty()) parts.push_back(write_words(onnx, column));
  return joined(std::move(parts));
}

std::string write_columns(OnnxEndsWriter& onnx, const std::vector<OnnxColumn>& columns,
                          const std::string& name, const Shape& shape) {
  const auto has_words = [](const OnnxColumn& column) { return !column.words.empty(); };
  if (std::ranges::any_of(columns, has_words)) return write_table(onnx, columns);
  std::vector<const OnnxColumn*> numeric;
  for (const OnnxColumn& column : columns) numeric.push_back(&column);
  return write_scaling(onnx, onnx.add_input(name, OnnxType::f32, open_batch(shape)), numeric);
}

/// One number for all, or one for each channel of an image.
std::string per_channel(OnnxEndsWriter& onnx, const std::vector<float>& values) {
  if (values.size() == 1) return onnx.number(values[0]);
  return onnx.constant(Shape{static_cast<std::int64_t>(values.size()), 1, 1}, values);
}

/// An image's numbers as a sequence of its rows or of its pixels.
std::string write_order(OnnxEndsWriter& onnx, const OnnxPreprocessing& preprocessing,
                        const std::string& image) {
  using Order = OnnxPreprocessing::Order;
  if (preprocessing.order == Order::planes) return image;
  const std::int64_t channels = preprocessing.image[0], height = preprocessing.image[1],
                     width = preprocessing.image[2];
  const bool rows = preprocessing.order == Order::rows;
  const std::vector<std::int64_t> perm =
      rows ? std::vector<std::int64_t>{0, 2, 1, 3} : std::vector<std::int64_t>{0, 2, 3, 1};
  const std::vector<std::int64_t> shape =
      rows ? std::vector<std::int64_t>{0, height, channels * width}
           : std::vector<std::int64_t>{0, height * width, channels};
  return onnx.add("Reshape",
                  {onnx.add("Transpose", {image}, {{"perm", perm}}), onnx.constant(shape)});
}

}  // namespace

std::string write_preprocessing(OnnxEndsWriter& onnx, const OnnxPreprocessing& preprocessing,
                                const std::string& name, const Shape& shape) {
  std::string x;
  if (!preprocessing.columns.empty()) {
    x = write_columns(onnx, preprocessing.columns, name, shape);
  } else {
    std::vector<std::int64_t> dims = open_batch(shape);
    if (!preprocessing.image.empty()) {
      dims = {-1};
      dims.insert(dims.end(), preprocessing.image.begin(), preprocessing.image.end());
    }
    x = onnx.add_input(name, OnnxType::f32, std::move(dims));
  }
  if (preprocessing.bytes) x = onnx.add("Div", {x, onnx.number(255)});
  if (!preprocessing.mean.empty()) {
    x = onnx.add("Sub", {x, per_channel(onnx, preprocessing.mean)});
    x = onnx.add("Div", {x, per_channel(onnx, preprocessing.std)});
  }
  return write_order(onnx, preprocessing, x);
}

std::string write_postprocessing(OnnxEndsWriter& onnx, const OnnxPreprocessing& preprocessing,
                                 const std::string& tensor, const Shape& shape) {
  using Function = OnnxPreprocessing::Function;
  if (preprocessing.function == Function::softmax)
    return onnx.add("Softmax", {tensor}, {{"axis", kLast}});
  if (preprocessing.function == Function::sigmoid) return onnx.add("Sigmoid", {tensor});
  const std::vector<double>&scale = preprocessing.target_scale,
        &offset = preprocessing.target_offset;
  if (scale.empty() || (all_are(scale, 1) && all_are(offset, 0))) return tensor;
  if (scale.size() != 1 && static_cast<std::int64_t>(scale.size()) != shape.back())
    return tensor;  // it is known before that they do not fit
  const std::string scaled =
      onnx.add("Mul", {cast(onnx, tensor, OnnxType::f64), onnx.doubles(scale)});
  return cast(onnx, onnx.add("Add", {scaled, onnx.doubles(offset)}), OnnxType::f32);
}

}  // namespace dl
