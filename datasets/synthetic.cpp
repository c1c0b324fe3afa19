#include <cassert>
#include <cmath>
#include <cstring>

#include "core/random.h"
#include "datasets/kinds.h"

namespace dl {
namespace {

enum class Task { classification, regression };

}  // namespace

template <>
struct EnumWords<Task> {
  static constexpr std::pair<std::string_view, Task> words[] = {
      {"classification", Task::classification}, {"regression", Task::regression}};
};

namespace {

constexpr std::size_t kCells = 16;  // coarse cells of a channel that share a value
constexpr std::int64_t kMaxElements = std::int64_t{1} << 26;

struct Params {
  std::vector<std::int64_t> shape;
  Task task = Task::classification;
  std::int64_t classes = 10;
  std::int64_t outputs = 1;
  std::int64_t samples = 1000;
  std::int64_t test_samples = 200;
  float noise = 0.5F;
  std::int64_t seed = 0;
};

ParamTable<Params> param_table() {
  return {
      required("shape", &Params::shape, between(1, kMaxElements),
               "of one sample, channels first: [3, 32, 32]"),
      with_default("task", &Params::task, "what the targets are"),
      with_default("classes", &Params::classes, between(2, 1 << 20), "for classification"),
      with_default("outputs", &Params::outputs, between(1, 1 << 20), "for regression"),
      with_default("samples", &Params::samples, between(1, 1 << 26), "of train"),
      with_default("test_samples", &Params::test_samples, between(0, 1 << 26), "0: no test set"),
      with_default("noise", &Params::noise, at_least(0),
                   "standard deviation of what hides the pattern"),
      with_default("seed", &Params::seed, seed_limits(), "of the patterns and the samples"),
  };
}

DataSpec make_spec(const Params& params) {
  const Field image{"image", DataType::f32, params.shape};
  if (params.task == Task::regression) {
    return {.inputs = {image}, .targets = {{"value", DataType::f32, {params.outputs}}}};
  }
  return {.inputs = {image}, .targets = {{"label", DataType::s32, {}}}, .classes = params.classes};
}

/// A sample is a pattern that is constant over coarse cells of each channel, plus noise. For
/// classification the class decides the pattern; for regression the pattern is drawn, and the
/// targets are fixed linear functions of it. All of it is a function of the seed and the sample's
/// number; nothing is stored but the patterns (or the functions' coefficients).
class SyntheticDataset final : public Dataset {
 public:
  SyntheticDataset(const Params& params, Split split)
      : params_(params),
        spec_(make_spec(params)),
        first_(split == Split::train ? 0 : params.samples),
        size_(split == Split::train ? params.samples : params.test_samples) {
    channels_ = params.shape[0];
    plane_ = spec_.inputs[0].elements() / channels_;
    cells_ = std::min(plane_, kCells);
    const std::size_t rows = params.task == Task::regression ? params.outputs : params.classes;
    Random random(params.seed, RandomStream::synthetic, 0, 0);
    patterns_.resize(rows * channels_ * cells_);
    for (float& value : patterns_) value = random.uniform(-1.0F, 1.0F);
  }

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return size_; }
  std::string fingerprint() const override {
    return "synthetic " + std::to_string(size_) + " samples, seed " + std::to_string(params_.seed);
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size_);
    Random random(params_.seed, RandomStream::synthetic, 1, first_ + index);
    auto* image = reinterpret_cast<float*>(out[0].data());
    if (params_.task == Task::classification) {
      const auto label = static_cast<std::int32_t>(random.below(params_.classes));
      std::memcpy(out[1].data(), &label, sizeof(label));
      const float* pattern = patterns_.data() + label * channels_ * cells_;
      spread(image, [&](std::size_t cell) { return pattern[cell]; });
    } else {
      auto* target = reinterpret_cast<float*>(out[1].data());
      std::fill_n(target, params_.outputs, 0.0F);
      spread(image, [&](std::size_t cell) { return latent(cell, target, random); });
    }
    add_noise(image, random);
  }

 private:
  /// Writes value(cell) over each cell's elements; asks once for each cell.
  template <class Value>
  void spread(float* image, const Value& value) const {
    for (std::size_t cell = 0; cell < channels_ * cells_; ++cell) {
      float* plane = image + cell / cells_ * plane_;
      const std::size_t i = cell % cells_;
      std::fill(plane + i * plane_ / cells_, plane + (i + 1) * plane_ / cells_, value(cell));
    }
  }

  float latent(std::size_t cell, float* target, Random& random) const {
    const std::size_t count = channels_ * cells_;
    const float value = random.uniform(-1.0F, 1.0F);
    for (std::int64_t k = 0; k < params_.outputs; ++k) {
      target[k] +=
          value * patterns_[k * count + cell] * 3.0F / std::sqrt(static_cast<float>(count));
    }
    return value;
  }

  /// Uniform: as good as normal here, and several times faster.
  void add_noise(float* image, Random& random) const {
    const float width = params_.noise * std::sqrt(3.0F);
    for (std::size_t i = 0; i < channels_ * plane_; ++i) image[i] += random.uniform(-width, width);
  }

  Params params_;
  DataSpec spec_;
  std::size_t first_, size_, channels_ = 0, plane_ = 0, cells_ = 0;
  std::vector<float> patterns_;
};

class SyntheticSource final : public DataSource {
 public:
  explicit SyntheticSource(Params params) : params_(std::move(params)), spec_(make_spec(params_)) {}

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override {
    return split == Split::train || (split == Split::test && params_.test_samples > 0);
  }
  std::unique_ptr<Dataset> open(Split split, const DataPaths&) const override {
    assert(has(split));
    return std::make_unique<SyntheticDataset>(params_, split);
  }

 private:
  Params params_;
  DataSpec spec_;
};

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  const bool classes = params.task == Task::classification;
  if (const ConfigNode* other = node.find(classes ? "outputs" : "classes")) {
    throw UserError(other->mark(), classes ? "outputs: only for task: regression"
                                           : "classes: only for task: classification");
  }
  std::int64_t elements = 1;
  for (const std::int64_t dim : params.shape) {
    if (dim > kMaxElements / elements) {
      throw UserError(node.find("shape")->mark(),
                      "shape: more than " + std::to_string(kMaxElements) + " elements");
    }
    elements *= dim;
  }
  if (params.shape.empty()) throw UserError(node.find("shape")->mark(), "shape: is empty");
  return std::make_unique<SyntheticSource>(std::move(params));
}

}  // namespace

DataKind synthetic_kind() {
  return {"synthetic", "made-up samples that a network can learn; for tests and timing",
          specs_of(param_table()), make};
}

}  // namespace dl
