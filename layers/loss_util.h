#pragma once

#include "layers/layer.h"

namespace dl {

/// A prediction as rows along its last axis: (N, C) and (N, T, C); (N) is N rows of one number.
struct LossRows {
  explicit LossRows(const Shape& prediction);
  std::int64_t count, size;
};

/// How much each row of a prediction counts, by a loss's mask: one number for a sample or for each
/// place of a sequence; or integers, how many places of each sequence count.
struct RowMask {
  std::size_t rows_per_number = 0;  // 0: there is no mask
  bool lengths = false;             // the numbers are s32, else f32

  float at(const void* numbers, std::size_t row) const {
    if (rows_per_number == 0) return 1.0F;
    const std::size_t place = row / rows_per_number;
    if (!lengths) return static_cast<const float*>(numbers)[place];
    const std::int32_t length = static_cast<const std::int32_t*>(numbers)[place];
    return static_cast<std::int64_t>(row % rows_per_number) < length ? 1.0F : 0.0F;
  }
};

/// A loss as functions of a row; record_loss makes a layer of it. They see `reads` as
/// args.src(0..).
struct RowLoss {
  std::string_view name;
  std::vector<Value> reads;  // the prediction first; row-major
  /// How much of what the mean is of lies in that row. Called for all rows in order; throws
  /// UserError (ExitCode::data) for a target that it cannot judge.
  std::function<double(const HostArgs& args, std::size_t row)> weight;
  /// The row's loss; writes the gradient too, and its plain form, unless those are null.
  std::function<double(const HostArgs& args, std::size_t row, float* gradient, double* plain)> loss;
  /// Set where smoothing or weights change the loss: how much of what the mean of its plain form is
  /// of lies in that row. That mean and its weight are two more results.
  std::function<double(const HostArgs& args, std::size_t row)> plain_weight = {};
};

/// sum(loss) / sum(weight) over the rows, each times its mask, srcs[2] (see RowMask). The gradient
/// is made along with the loss, in one pass, and is scaled on the way back. The mean of nothing is
/// 0.
Recorded record_loss(Tape& tape, std::span<const Value> srcs, RowLoss loss);

/// A loss of single numbers, summed over n of them; writes the gradient too unless that is null.
/// They are a row (LossRows).
using ElementLoss =
    std::function<double(const float* x, const float* target, float* gradient, std::size_t n)>;
/// The mean of `loss` over all elements: prediction and target have one shape, or the target lacks
/// a last axis of 1. Integer targets are made floats.
Recorded record_element_loss(Tape& tape, std::string_view name, std::span<const Value> srcs,
                             ElementLoss loss);
/// Throws ShapeError unless they do.
std::vector<Shape> infer_element_loss(std::span<const Shape> src);

/// What every loss says of its results: the mean and what it is a mean of.
std::vector<Shape> loss_results();

/// Equal but for the batch.
bool same_sample(const Shape& a, const Shape& b);

/// Throws ShapeError when there is a mask, src[2], that has no number for each row.
void require_mask_fits(std::span<const Shape> src);
/// Likewise when it is whole numbers that are no lengths; see Layer::check_types.
void require_mask_type(std::span<const Shape> src, const std::vector<bool>& whole);

}  // namespace dl
