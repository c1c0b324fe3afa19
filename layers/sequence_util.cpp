#include "layers/sequence_util.h"

#include <cstring>

#include "core/error.h"
#include "core/parallel.h"

namespace dl {
namespace {

/// Which step of the source a step of the result is.
enum class Order { reversed, unpadded, last, first, at_last, at_first };

/// -1: none, the result is zero there.
std::int64_t source_step(Order order, std::int64_t t, std::int64_t length) {
  switch (order) {
    case Order::reversed:
      return t < length ? length - 1 - t : -1;
    case Order::unpadded:
      return t < length ? t : -1;
    case Order::last:
      return length - 1;
    case Order::first:
      return 0;
    case Order::at_last:
      return t == length - 1 ? 0 : -1;
    case Order::at_first:
      break;
  }
  return t == 0 ? 0 : -1;
}

/// How the rows of a tensor (T, N, F) lie, which may be a part of a wider one. In floats.
struct RowPlaces {
  explicit RowPlaces(const dnnl::memory::desc& desc)
      : offset(desc.get_submemory_offset()),
        step(desc.get_strides()[0]),
        sample(desc.get_strides()[1]) {}

  std::int64_t at(std::int64_t t, std::int64_t n) const { return offset + t * step + n * sample; }

  std::int64_t offset, step, sample;
};

/// Reads the source and, where there are any, the lengths; writes every row of the result.
struct MoveSteps {
  Order order;
  std::int64_t source_steps, steps, samples, size;
  RowPlaces from, to;
  bool lengths;

  void operator()(const HostArgs& args) const {
    const float* src = args.src<float>(0);
    const std::int32_t* length = lengths ? args.src<std::int32_t>(1) : nullptr;
    float* dst = args.dst<float>(0);
    const std::int64_t longest = std::max(source_steps, steps);
    parallel_each(static_cast<std::size_t>(steps * samples), static_cast<std::size_t>(size),
                  [&](std::size_t row) {
                    const auto t = static_cast<std::int64_t>(row) / samples;
                    const auto n = static_cast<std::int64_t>(row) % samples;
                    const std::int64_t real = length ? length[n] : longest;
                    if (real < 1 || real > longest) throw_length(real, longest);
                    const std::int64_t s = source_step(order, t, real);
                    float* to_row = dst + to.at(t, n);
                    if (s < 0)
                      std::fill_n(to_row, size, 0.0F);
                    else
                      std::memcpy(to_row, src + from.at(s, n), size * sizeof(float));
                  });
  }

  [[noreturn]] static void throw_length(std::int64_t length, std::int64_t steps) {
    throw UserError(ExitCode::data, "the data has a sequence of " + std::to_string(length) +
                                        " steps, expected 1 to " + std::to_string(steps));
  }
};

Value record_move(Tape& tape, Order order, const Value& src, const std::optional<Value>& lengths,
                  const dnnl::memory::desc& like) {
  Value dst = tape.value(like);
  dst.needs_grad = src.needs_grad;
  const Shape from = src.shape(), to(like.get_dims());
  std::vector<Value> reads = {src};
  if (lengths) reads.push_back(*lengths);
  tape.host("sequence", reads, {dst},
            MoveSteps{order, from[0], to[0], to[1], to[2], RowPlaces(src.desc), RowPlaces(like),
                      lengths.has_value()});
  return dst;
}

/// (N, F) as one step.
dnnl::memory::desc one_step(const Shape& sequence) {
  return plain_desc({1, sequence[1], sequence[2]});
}

Value gathered(Tape& tape, Order order, const Value& src, const std::optional<Value>& lengths) {
  const Shape shape = src.shape();
  const Value step = record_move(tape, order, src, lengths, one_step(shape));
  return tape.view(step, plain_desc({shape[1], shape[2]}));
}

Value spread(Tape& tape, Order order, const Value& diff, const std::optional<Value>& lengths,
             const dnnl::memory::desc& src) {
  const Value step = tape.view(tape.plain(diff), one_step(Shape(src.get_dims())));
  return record_move(tape, order, step, lengths, src);
}

}  // namespace

Value record_reversed(Tape& tape, const Value& src, const Value& lengths,
                      const dnnl::memory::desc& dst) {
  return record_move(tape, Order::reversed, src, lengths, dst);
}

Value record_unpadded(Tape& tape, const Value& src, const Value& lengths,
                      const dnnl::memory::desc& dst) {
  return record_move(tape, Order::unpadded, src, lengths, dst);
}

Value record_last_step(Tape& tape, const Value& src, const std::optional<Value>& lengths) {
  return gathered(tape, Order::last, src, lengths);
}

Value record_first_step(Tape& tape, const Value& src) {
  return gathered(tape, Order::first, src, std::nullopt);
}

Value record_last_step_grad(Tape& tape, const Value& diff_dst, const std::optional<Value>& lengths,
                            const dnnl::memory::desc& src) {
  return spread(tape, Order::at_last, diff_dst, lengths, src);
}

Value record_first_step_grad(Tape& tape, const Value& diff_dst, const dnnl::memory::desc& src) {
  return spread(tape, Order::at_first, diff_dst, std::nullopt, src);
}

}  // namespace dl
