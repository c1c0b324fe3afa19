#include <cmath>
#include <stdexcept>

#include "core/error.h"
#include "core/parallel.h"
#include "layers/loss_util.h"
#include "layers/math_util.h"
#include "layers/registry.h"

namespace dl {
namespace {

struct Params {
  std::vector<float> class_weights;
  float label_smoothing = 0;
  std::int64_t ignore_index = -100;
};

ParamTable<Params> param_table() {
  return {
      with_default(
          "class_weights", &Params::class_weights, at_least(0),
          "a weight for each class, none: all alike; the mean is divided by the sum of the "
          "labels' weights"),
      with_default("label_smoothing", &Params::label_smoothing, between(0, 1),
                   "how much of each target is spread evenly over all classes"),
      with_default("ignore_index", &Params::ignore_index,
                   "samples with this label do not count; a batch of nothing else has loss 0 "
                   "(PyTorch: NaN)"),
  };
}

DL_VECTORISED float largest(const float* x, std::size_t n) {
  float max = x[0];
#pragma omp simd reduction(max : max)
  for (std::size_t i = 0; i < n; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

DL_VECTORISED float sum_exp(const float* x, float shift, std::size_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) sum += fast_exp(x[i] - shift);
  return sum;
}

DL_VECTORISED float sum_exp_into(float* __restrict e, const float* __restrict x, float shift,
                                 std::size_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    e[i] = fast_exp(x[i] - shift);
    sum += e[i];
  }
  return sum;
}

/// The target of every class: weights[c] * (target[c] * keep + spread); target may be null: zeros.
struct DenseTarget {
  const float* weights;
  const float* target;
  float keep, spread;

  float at(std::size_t c) const {
    return weights[c] * ((target ? target[c] * keep : 0.0F) + spread);
  }
};

/// Sum of the target, and of the target times x - shift.
struct Sums {
  double target = 0, product = 0;
};
DL_VECTORISED Sums dense_sums(DenseTarget target, const float* x, float shift, std::size_t n) {
  double sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
  for (std::size_t i = 0; i < n; ++i) {
    const float q = target.at(i);
    sum += q;
    product += static_cast<double>(q) * (x[i] - shift);
  }
  return {sum, product};
}

DL_VECTORISED void scale(float* values, float factor, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) values[i] *= factor;
}

DL_VECTORISED void subtract(float* values, DenseTarget target, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) values[i] -= target.at(i);
}

/// One row: with p = softmax(x) and a target q, loss = -sum(q log p) and gradient = sum(q) p - q.
struct CrossEntropyRow {
  std::size_t classes;
  std::vector<float> weights;
  float smoothing;
  std::int64_t ignore_index;
  bool labels;  // else probabilities

  bool counts(const HostArgs& args, std::size_t row) const {
    return args.src<std::int32_t>(1)[row] != ignore_index;
  }
  bool dense() const { return !labels || smoothing > 0; }

  double weight(const HostArgs& args, std::size_t row) const {
    if (!labels) return 1;
    const std::int64_t label = args.src<std::int32_t>(1)[row];
    if (label == ignore_index) return 0;
    if (label < 0 || label >= static_cast<std::int64_t>(classes)) {
      throw UserError(ExitCode::data, "cross_entropy: the data has a label " +
                                          std::to_string(label) + ", and the network predicts " +
                                          std::to_string(classes) + " classes");
    }
    return weights[label];
  }

  /// `plain`, of labels: -log p at the label, without smoothing and weights.
  double loss(const HostArgs& args, std::size_t row, float* gradient, double* plain) const {
    const float* x = args.src<float>(0) + row * classes;
    const std::int64_t label = labels ? args.src<std::int32_t>(1)[row] : -1;
    if (labels && label == ignore_index) {
      if (gradient) std::fill_n(gradient, classes, 0.0F);
      return 0;
    }
    const float keep = 1 - smoothing;
    const DenseTarget target{weights.data(), labels ? nullptr : args.src<float>(1) + row * classes,
                             keep, smoothing / static_cast<float>(classes)};
    const float max = largest(x, classes);
    const float sum = gradient ? sum_exp_into(gradient, x, max, classes) : sum_exp(x, max, classes);
    Sums sums = dense() ? dense_sums(target, x, max, classes) : Sums{};
    const float at_label = labels ? keep * weights[label] : 0.0F;
    if (labels) {
      sums.target += at_label;
      sums.product += static_cast<double>(at_label) * (x[label] - max);
    }
    if (gradient) {
      scale(gradient, static_cast<float>(sums.target / sum), classes);
      if (dense()) subtract(gradient, target, classes);
      if (labels) gradient[label] -= at_label;
    }
    const double log_sum = std::log(static_cast<double>(sum));
    if (plain) *plain = log_sum - (static_cast<double>(x[label]) - max);
    return sums.target * log_sum - sums.product;
  }
};

/// Prediction (N, C) or (N, T, C), logits; target (N) or (N, T), labels, or probabilities in the
/// prediction's shape.
class CrossEntropy final : public Layer {
 public:
  explicit CrossEntropy(Params params) : params_(std::move(params)) {}

  std::vector<Shape> infer(std::span<const Shape> src) const override {
    if (src[0].rank() != 2 && src[0].rank() != 3) {
      throw ShapeError(
          "cross_entropy needs scores of classes, (N, C) or (N, T, C), but gets " + src[0].text(),
          "put a flatten and a linear layer before it");
    }
    const std::int64_t classes = src[0].back();
    if (!same_sample(src[1], label_shape(src[0])) && !same_sample(src[1], src[0])) {
      throw SourcesDiffer(
          "the target must be a label for each prediction, or a probability for each class", src,
          {0, 1});
    }
    const auto weights = static_cast<std::int64_t>(params_.class_weights.size());
    if (weights != 0 && weights != classes) {
      throw ShapeError("class_weights has " + std::to_string(weights) + " numbers for " +
                       std::to_string(classes) + " classes");
    }
    require_mask_fits(src);
    std::vector<Shape> results = loss_results();
    if (changed() && same_sample(src[1], label_shape(src[0]))) results.resize(4, Shape{1});
    return results;
  }

  void check_types(std::span<const Shape> src, const std::vector<bool>& whole) const override {
    if (same_sample(src[1], label_shape(src[0])) != whole[1]) {
      throw ShapeError(
          whole[1] ? "the target, " + src[1].text() +
                         ", has a probability for each class, which cannot be whole numbers"
                   : "the target, " + src[1].text() + ", has labels, which must be whole numbers");
    }
    require_mask_type(src, whole);
  }

  Recorded record(Tape& tape, std::span<const Value> srcs) const override {
    const Shape shape = srcs[0].shape();
    const bool labels = srcs[1].shape() == label_shape(shape);
    const auto classes = static_cast<std::size_t>(shape.back());
    std::vector<float> weights = params_.class_weights;
    weights.resize(classes, 1.0F);
    const CrossEntropyRow row{classes, std::move(weights), params_.label_smoothing,
                              params_.ignore_index, labels};
    RowLoss loss = {
        .name = "cross_entropy",
        .reads = {tape.plain(srcs[0]), tape.plain(srcs[1])},
        .weight = [row](const HostArgs& args, std::size_t i) { return row.weight(args, i); },
        .loss = [row](const HostArgs& args, std::size_t i, float* gradient,
                      double* plain) { return row.loss(args, i, gradient, plain); }};
    if (changed() && labels) {
      loss.plain_weight = [row](const HostArgs& args, std::size_t i) {
        return row.counts(args, i) ? 1.0 : 0.0;
      };
    }
    return record_loss(tape, srcs, std::move(loss));
  }

  std::int64_t ignore_index() const { return params_.ignore_index; }
  double label_weight(std::int64_t label) const {
    if (label == params_.ignore_index) return 0;
    const bool given = label >= 0 && label < std::ssize(params_.class_weights);
    return given ? params_.class_weights[static_cast<std::size_t>(label)] : 1;
  }

 private:
  /// Smoothing or weights make something else of it than the likelihood of the labels.
  bool changed() const { return params_.label_smoothing > 0 || !params_.class_weights.empty(); }
  static Shape label_shape(const Shape& prediction) {
    return Shape({prediction.dims().begin(), prediction.dims().end() - 1});
  }

  Params params_;
};

}  // namespace

LayerKind cross_entropy_kind() {
  LayerKind kind = make_kind<CrossEntropy>(
      "cross_entropy", "-log softmax(prediction) at the target, over the last axis", {2, 3},
      param_table());
  kind.loss = LossTraits{.task = LossTask::classes,
                         .label_weight =
                             [](const Layer& layer, std::int64_t label) {
                               return static_cast<const CrossEntropy&>(layer).label_weight(label);
                             },
                         .ignore_index =
                             [](const Layer& layer) {
                               return static_cast<const CrossEntropy&>(layer).ignore_index();
                             }};
  kind.others = {"ce",
                 "nll",
                 "negative_log_likelihood",
                 "categorical_cross_entropy",
                 "sparse_categorical_cross_entropy",
                 "softmax_cross_entropy",
                 "softmax_with_loss"};
  return kind;
}

}  // namespace dl
