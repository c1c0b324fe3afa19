#include <cassert>
#include <cstring>

#include "core/random.h"
#include "datasets/kinds.h"

// The adding problem (Hochreiter and Schmidhuber 1997, section 5.4, in the form of Le et al. 2015,
// "A simple way to initialize recurrent networks of rectified linear units", section 4.1): a test
// of memory.
namespace dl {
namespace {

struct Params {
  std::int64_t length = 200;
  std::int64_t samples = 10'000;
  std::int64_t test_samples = 1'000;
  std::int64_t seed = 0;
};

ParamTable<Params> param_table() {
  return {
      with_default("length", &Params::length, between(2, 1 << 20), "steps of a sequence"),
      with_default("samples", &Params::samples, between(1, 1 << 26), "of train"),
      with_default("test_samples", &Params::test_samples, between(0, 1 << 26), "0: no test set"),
      with_default("seed", &Params::seed, seed_limits(), "of the sequences"),
  };
}

DataSpec make_spec(const Params& params) {
  return {.inputs = {{"series", DataType::f32, {params.length, 2}}},
          .targets = {{"value", DataType::f32, {1}}}};
}

/// Each step is a number in 0..1 and a mark, which is 1 in one step of the first half and one of
/// the second, else 0. The target is the sum of the two marked numbers; who always says 1 errs by
/// 1/6 (mean square).
class AddingDataset final : public Dataset {
 public:
  AddingDataset(const Params& params, Split split)
      : params_(params),
        spec_(make_spec(params)),
        first_(split == Split::train ? 0 : params.samples),
        size_(split == Split::train ? params.samples : params.test_samples) {}

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return size_; }
  std::string fingerprint() const override {
    return "adding " + std::to_string(size_) + " samples, seed " + std::to_string(params_.seed);
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size_);
    Random random(params_.seed, RandomStream::synthetic, 2, first_ + index);
    auto* series = reinterpret_cast<float*>(out[0].data());
    for (std::int64_t t = 0; t < params_.length; ++t) {
      series[2 * t] = random.uniform();
      series[2 * t + 1] = 0;
    }
    const auto half = static_cast<std::uint64_t>(params_.length / 2);
    const std::uint64_t marks[] = {random.below(half), half + random.below(params_.length - half)};
    float sum = 0;
    for (const std::uint64_t mark : marks) {
      series[2 * mark + 1] = 1;
      sum += series[2 * mark];
    }
    std::memcpy(out[1].data(), &sum, sizeof sum);
  }

 private:
  Params params_;
  DataSpec spec_;
  std::size_t first_, size_;
};

class AddingSource final : public DataSource {
 public:
  explicit AddingSource(Params params) : params_(params), spec_(make_spec(params)) {}

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override {
    return split == Split::train || (split == Split::test && params_.test_samples > 0);
  }
  std::unique_ptr<Dataset> open(Split split, const DataPaths&) const override {
    assert(has(split));
    return std::make_unique<AddingDataset>(params_, split);
  }

 private:
  Params params_;
  DataSpec spec_;
};

}  // namespace

DataKind adding_kind() {
  return {"adding", "the adding problem: two marked numbers of a long sequence are to be summed",
          specs_of(param_table()), [](const ConfigNode& node) -> std::unique_ptr<DataSource> {
            return std::make_unique<AddingSource>(read_params(node, param_table()));
          }};
}

}  // namespace dl
