#include "engine/train/weight_source.h"

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "core/error.h"
#include "engine/formats/float_formats.h"
#include "engine/formats/pickle.h"
#include "engine/train/checkpoint_search.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& message, const std::string& hint = {}) {
  throw UserError(ExitCode::weights, message, hint);
}

constexpr std::size_t kStart = 16;  // bytes that tell one format from another

std::string first_bytes(const std::string& path) {
  try {
    const InputFile file(path);
    std::string start(std::min<std::uint64_t>(kStart, file.size()), '\0');
    file.read_at(0, std::as_writable_bytes(std::span(start)));
    return start;
  } catch (const FileError& error) {
    refuse(error.what());
  }
}

/// As safetensors calls the types that both formats have; "" for others.
std::string dtype_of(OnnxType type) {
  switch (type) {
    case OnnxType::f32:
      return "F32";
    case OnnxType::f64:
      return "F64";
    case OnnxType::f16:
      return "F16";
    case OnnxType::bf16:
      return "BF16";
    default:
      return "";
  }
}

std::optional<FloatFormat> format_of(const std::string& dtype) {
  if (dtype == "F32") return FloatFormat::f32;
  if (dtype == "F64") return FloatFormat::f64;
  if (dtype == "F16") return FloatFormat::f16;
  if (dtype == "BF16") return FloatFormat::bf16;
  return std::nullopt;
}

}  // namespace

WeightSource WeightSource::open(const std::string& path, const std::vector<RenameRule>& rules,
                                const CheckpointChoice& choice) {
  WeightSource source;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    source.read_folder(path, choice);
  } else {
    if (!fs::exists(path, error)) refuse("no run and no file of weights at '" + path + "'");
    if (choice.checkpoint != "best" || choice.averaged)
      refuse(path + ": is a file: a checkpoint, and ema or raw, are chosen among those of a run");
    source.label_ = path;
    source.read_file(path);
  }
  const bool named = choice.checkpoint != "best" && choice.checkpoint != "last";
  source.names_ = names_of_run(named ? choice.checkpoint : path, source.notes_);
  source.rename(rules);
  return source;
}

/// By its first bytes: names of files say what one likes.
void WeightSource::read_file(const std::string& path) {
  const std::string start = first_bytes(path);
  const bool safetensors = start.size() > 8 && start[8] == '{';
  refuse_pickle(start, path);
  if (!safetensors && looks_like_onnx(start)) return read_onnx_file(path);
  if (!safetensors && fs::path(path).extension() == ".onnx")
    refuse(path + ": not an ONNX model: it does not begin as one does");
  if (!safetensors && start.size() == kStart) {
    refuse(path + ": neither a safetensors file nor an ONNX model, by its first bytes",
           "weights come from a run's folder, a checkpoint's, a .safetensors or an .onnx file");
  }
  file_ = SafetensorsFile::read(path);
  views_ = file_.tensors();
}

void WeightSource::read_onnx_file(const std::string& path) {
  onnx_ = read_onnx(path).initializers;
  for (const OnnxTensor& tensor : onnx_) {
    const std::string dtype = dtype_of(tensor.type);
    if (dtype.empty()) continue;  // sizes and places, which are no weights
    views_.push_back({tensor.name, dtype, tensor.dims, std::as_bytes(std::span(tensor.bytes))});
  }
}

void WeightSource::read_folder(const std::string& path, const CheckpointChoice& choice) {
  const bool is_checkpoint = fs::exists(path + "/MANIFEST");
  if (!is_checkpoint && !fs::exists(path + "/checkpoints"))
    refuse(path + ": is neither a run's folder nor a checkpoint's");
  ChosenWeights chosen = choose_weights(path, choice, notes_);
  label_ = std::move(chosen.label);
  file_ = std::move(chosen.file);
  views_ = file_.tensors();
}

void WeightSource::rename(const std::vector<RenameRule>& rules) {
  constexpr std::size_t kLongestName = 1000;
  std::vector<std::regex> patterns;
  for (const RenameRule& rule : rules) patterns.push_back(rename_pattern(rule.pattern.text));
  std::set<std::string_view> names;
  for (const TensorView& view : views_) names.insert(view.name);
  const auto holds = [&](const RenameRule& rule) {
    return rule.only_with.empty() || names.contains(rule.only_with);
  };
  std::vector<bool> found(rules.size()), applies;
  for (const RenameRule& rule : rules) applies.push_back(holds(rule));
  for (const TensorView& view : views_) {
    std::string name = view.name;
    if (!rules.empty() && name.size() > kLongestName)
      refuse(label_ + ": a tensor's name has over 1,000 characters, too long to be renamed");
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (!applies[i] || !std::regex_search(name, patterns[i])) continue;
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
  if (const auto format = format_of(dtype)) return read_floats(*format, tensor.view->bytes);
  refuse(label_ + ": '" + tensor.original + "' is " + dtype +
         "; weights are F32, F64, F16 or BF16");
}

}  // namespace dl
