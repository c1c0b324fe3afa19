#include "engine/train/weight_source.h"

#include <bit>
#include <cstring>
#include <filesystem>
#include <regex>

#include "engine/core/error.h"
#include "engine/train/checkpoint.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
  throw UserError(ExitCode::weights, message, hint);
}

/// Of 16 bits: 1 sign, 5 exponent, 10 fraction.
float from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU, fraction = bits & 0x3FFU;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

template <class T, class Convert>
std::vector<float> converted(std::span<const std::byte> bytes, const Convert& convert) {
  std::vector<float> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = convert(value);
  }
  return values;
}

}  // namespace

WeightSource WeightSource::open(const std::string& path, const std::vector<RenameRule>& rules) {
  WeightSource source;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    source.read_folder(path);
  } else {
    if (!fs::exists(path, error)) refuse("no run and no file of weights at '" + path + "'");
    source.label_ = path;
    source.file_ = SafetensorsFile::read(path);
  }
  source.rename(rules);
  return source;
}

void WeightSource::read_folder(const std::string& path) {
  const bool is_checkpoint = fs::exists(path + "/MANIFEST");
  if (!is_checkpoint && !fs::exists(path + "/checkpoints"))
    refuse(path + ": is neither a run's folder nor a checkpoint's");
  LoadedCheckpoint checkpoint =
      is_checkpoint ? load_checkpoint(path) : find_checkpoint(path, Which::best, notes_);
  label_ = checkpoint.folder + (checkpoint.ema ? " (averaged)" : "");
  file_ = checkpoint.ema ? std::move(*checkpoint.ema) : std::move(checkpoint.model);
}

void WeightSource::rename(const std::vector<RenameRule>& rules) {
  constexpr std::size_t kLongestName = 1000;
  std::vector<std::regex> patterns;
  for (const RenameRule& rule : rules) patterns.push_back(rename_pattern(rule.pattern.text));
  std::vector<bool> found(rules.size());
  for (const TensorView& view : file_.tensors()) {
    std::string name = view.name;
    if (!rules.empty() && name.size() > kLongestName)
      refuse(label_ + ": a tensor's name has over 1,000 characters, too long to be renamed");
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!std::regex_search(name, patterns[i])) continue;
      found[i] = true;
      name = std::regex_replace(name, patterns[i], rules[i].replacement,
                                std::regex_constants::format_sed);
    }
    const auto [at, is_new] = places_.emplace(name, tensors_.size());
    if (!is_new) {
      refuse(label_ + ": both '" + tensors_[at->second].original + "' and '" + view.name +
                 "' are renamed to '" + name + "'",
             "change finetune.rename");
    }
    tensors_.push_back({std::move(name), view.name, Shape(view.shape), &view});
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const MarkedText& pattern = rules[i].pattern;  // a preset's has no place, and may find nothing
    if (!found[i] && pattern.mark.valid())
      throw UserError(pattern.mark,
                      "finetune: rename: '" + pattern.text + "' is found in no name of " + label_);
  }
}

const WeightSource::Tensor* WeightSource::find(const std::string& name) const {
  const auto at = places_.find(name);
  return at == places_.end() ? nullptr : &tensors_[at->second];
}

std::vector<float> WeightSource::values(const Tensor& tensor) const {
  const std::string& dtype = tensor.view->dtype;
  const std::span<const std::byte> bytes = tensor.view->bytes;
  if (dtype == "F32") return converted<float>(bytes, [](float value) { return value; });
  if (dtype == "F64")
    return converted<double>(bytes, [](double value) { return static_cast<float>(value); });
  if (dtype == "F16") return converted<std::uint16_t>(bytes, from_half);
  if (dtype == "BF16") {
    return converted<std::uint16_t>(bytes, [](std::uint16_t bits) {
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    });
  }
  refuse(label_ + ": '" + tensor.original + "' is " + dtype +
         "; weights are F32, F64, F16 or BF16");
}

}  // namespace dl
