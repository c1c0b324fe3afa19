#include "layers/loss_util.h"

#include <algorithm>

#include "core/parallel.h"

namespace dl {
namespace {

constexpr std::size_t kGrain = 1 << 14;  // elements a thread

/// dst may be src.
DL_VECTORISED void scale(float* dst, const float* src, std::size_t n, float factor) {
#pragma omp simd
  for (std::size_t i = 0; i < n; ++i) dst[i] = src[i] * factor;
}

/// The step that makes the losses: dst 0 the mean, 1 its weight, 2 a loss for each row; where there
/// is one, the gradient; where there is one, mean, weight and rows of the plain form.
struct LossStep {
  RowLoss loss;
  LossRows rows;
  RowMask rule;
  bool gradient;

  std::size_t plain() const { return gradient ? 4 : 3; }  // its first dst

  float mask(const HostArgs& args, std::size_t row) const {
    return rule.rows_per_number == 0 ? 1.0F : rule.at(args.src<void>(loss.reads.size()), row);
  }

  void one_row(const HostArgs& args, std::size_t row) const {
    float* diff = gradient ? args.dst<float>(3) + row * rows.size : nullptr;
    float* plain_row = loss.plain_weight ? args.dst<float>(plain() + 2) + row : nullptr;
    const float factor = mask(args, row);
    if (factor == 0) {  // what is masked may hold anything, NaN too
      args.dst<float>(2)[row] = 0;
      if (plain_row) *plain_row = 0;
      if (diff) std::fill_n(diff, rows.size, 0.0F);
      return;
    }
    double plain_loss = 0;
    args.dst<float>(2)[row] =
        static_cast<float>(factor * loss.loss(args, row, diff, plain_row ? &plain_loss : nullptr));
    if (plain_row) *plain_row = static_cast<float>(factor * plain_loss);
    if (!diff || factor == 1.0F) return;
    for (std::int64_t i = 0; i < rows.size; ++i) diff[i] *= factor;
  }

  void operator()(const HostArgs& args) const {
    const auto count = static_cast<std::size_t>(rows.count);
    double weight = 0, plain_weight = 0;
    for (std::size_t row = 0; row < count; ++row) {
      const float factor = mask(args, row);
      if (factor == 0) continue;
      weight += factor * loss.weight(args, row);
      if (loss.plain_weight) plain_weight += factor * loss.plain_weight(args, row);
    }
    parallel_for(count, kGrain / rows.size + 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row) one_row(args, row);
    });
    write_mean(args.dst<float>(2), weight, args.dst<float>(0), args.dst<float>(1));
    if (!loss.plain_weight) return;
    write_mean(args.dst<float>(plain() + 2), plain_weight, args.dst<float>(plain()),
               args.dst<float>(plain() + 1));
  }

  void write_mean(const float* losses, double weight, float* mean, float* mean_weight) const {
    double total = 0;  // in the rows' order, so that threads do not change it
    for (std::int64_t row = 0; row < rows.count; ++row) total += losses[row];
    *mean = weight > 0 ? static_cast<float>(total / weight) : 0.0F;
    *mean_weight = static_cast<float>(weight);
  }
};

/// diff_src = gradient * diff_dst / weight
Value record_scaling(Tape& tape, const Value& gradient, const Value& weight,
                     const Value& diff_dst) {
  const Value diff_src = tape.value(gradient.desc);
  const auto size = static_cast<std::size_t>(gradient.shape().elements());
  tape.host("loss gradient", {gradient, weight, diff_dst}, {diff_src},
            [size](const HostArgs& args) {
              const float total = *args.src<float>(1);
              const float factor = total > 0 ? *args.src<float>(2) / total : 0.0F;
              parallel_for(size, kGrain, [&](std::size_t begin, std::size_t end) {
                scale(args.dst<float>(0) + begin, args.src<float>(0) + begin, end - begin, factor);
              });
            });
  tape.may_overwrite(diff_src, gradient);
  return diff_src;
}

}  // namespace

LossRows::LossRows(const Shape& prediction)
    : size(prediction.rank() < 2 ? 1 : std::max<std::int64_t>(prediction.back(), 1)) {
  count = prediction.elements() / size;
}

std::vector<Shape> loss_results() { return {{1}, {1}}; }

bool same_sample(const Shape& a, const Shape& b) {
  return std::equal(a.dims().begin() + 1, a.dims().end(), b.dims().begin() + 1, b.dims().end());
}

void require_mask_fits(std::span<const Shape> src) {
  if (src.size() < 3) return;
  const Shape& mask = src[2];
  const bool by_sample = mask.rank() == 1 || (mask.rank() == 2 && mask[1] == 1);
  const bool by_place = src[0].rank() == 3 && mask.rank() == 2 && mask[1] == src[0][1];
  if (by_sample || by_place) return;
  throw SourcesDiffer("a mask has one number for each sample, or for each place of a sequence", src,
                      {0, 2});
}

void require_mask_type(std::span<const Shape> src, const std::vector<bool>& whole) {
  if (src.size() < 3 || !whole[2] || (src[0].rank() == 3 && src[2].rank() == 1)) return;
  throw SourcesDiffer(
      "a mask of whole numbers is one length for each sequence of predictions, (N, T, ...)", src,
      {0, 2}, "mask: data.length is such a one");
}

Recorded record_loss(Tape& tape, std::span<const Value> srcs, RowLoss loss) {
  const bool gradient = tape.training() && srcs[0].needs_grad;
  const LossRows rows(srcs[0].shape());
  const Value mean = tape.value(plain_desc({1})), weight = tape.value(plain_desc({1}));
  std::vector<Value> reads = loss.reads;
  std::vector<Value> writes = {mean, weight, tape.value(plain_desc({rows.count}))};
  RowMask mask;
  if (srcs.size() > 2) {
    reads.push_back(tape.plain(srcs[2]));
    mask.rows_per_number = rows.count / srcs[2].shape().elements();
    mask.lengths = srcs[2].desc.get_data_type() == dnnl::memory::data_type::s32;
  }
  if (gradient) writes.push_back(tape.value(plain_desc(srcs[0].shape())));
  std::vector<Value> results = {mean, weight};
  if (loss.plain_weight) {
    for (const std::int64_t size : {std::int64_t{1}, std::int64_t{1}, rows.count})
      writes.push_back(tape.value(plain_desc({size})));
    results.insert(results.end(), writes.end() - 3, writes.end() - 1);
  }
  const std::string name(loss.name);
  tape.host(name, reads, writes, LossStep{std::move(loss), rows, mask, gradient});

  GradFn grad = [=](Tape& back, std::span<const std::optional<Value>> diff_dst) {
    std::vector<std::optional<Value>> diff_src(srcs.size());
    if (gradient && diff_dst[0])
      diff_src[0] = record_scaling(back, writes[3], weight, *diff_dst[0]);
    return diff_src;
  };
  return {results, grad};
}

std::vector<Shape> infer_element_loss(std::span<const Shape> src) {
  Shape column = src[0];
  if (column.rank() > 1 && column.back() == 1)
    column = Shape({column.dims().begin(), column.dims().end() - 1});
  if (!same_sample(src[1], src[0]) && !same_sample(src[1], column))
    throw SourcesDiffer("prediction and target differ", src, {0, 1});
  require_mask_fits(src);
  return loss_results();
}

Recorded record_element_loss(Tape& tape, std::string_view name, std::span<const Value> srcs,
                             ElementLoss loss) {
  const auto size = static_cast<std::size_t>(LossRows(srcs[0].shape()).size);
  const Value target = tape.as(srcs[1], plain_desc(srcs[1].shape()));  // f32
  return record_loss(tape, srcs,
                     {.name = name,
                      .reads = {tape.plain(srcs[0]), target},
                      .weight = [size](const HostArgs&, std::size_t) { return double(size); },
                      .loss =
                          [size, loss = std::move(loss)](const HostArgs& args, std::size_t row,
                                                         float* gradient, double* /*plain*/) {
                            return loss(args.src<float>(0) + row * size,
                                        args.src<float>(1) + row * size, gradient, size);
                          }});
}

}  // namespace dl
