#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/config/finetune_config.h"
#include "engine/formats/safetensors.h"
#include "engine/onnx/model.h"
#include "engine/train/checkpoint_search.h"
#include "engine/train/data_names.h"

namespace dl {

/// Tensors from a run or a file, under the names that rules give them.
class WeightSource {
 public:
  struct Tensor {
    std::string name;      // renamed
    std::string original;  // in the file
    Shape shape;
    const TensorView* view;
  };

  /// Reads `path`: a run's folder (the weights that `choice` says), a checkpoint's, a .safetensors
  /// file, or the initialisers of an .onnx model. Throws UserError
  /// (ExitCode::weights) that says what is wrong with it, or which rule finds nothing.
  static WeightSource open(const std::string& path, const std::vector<RenameRule>& rules,
                           const CheckpointChoice& choice = {});

  /// What was read, for people: the checkpoint's folder or the file.
  const std::string& label() const { return label_; }
  /// Sentences on checkpoints that were passed over.
  const std::vector<std::string>& notes() const { return notes_; }
  /// What the run that the weights are from was trained on.
  const DataNames& names() const { return names_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const Tensor* find(const std::string& name) const;
  /// The values as floats: F32, F64, F16 and BF16 are read. Throws UserError (ExitCode::weights).
  std::vector<float> values(const Tensor& tensor) const;

 private:
  void read_folder(const std::string& path, const CheckpointChoice& choice);
  void read_file(const std::string& path);
  void read_onnx_file(const std::string& path);
  void rename(const std::vector<RenameRule>& rules);

  std::string label_;
  std::vector<std::string> notes_;
  DataNames names_;
  SafetensorsFile file_;
  std::vector<OnnxTensor> onnx_;
  std::vector<TensorView> views_;  // of one of the two
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string, std::size_t> places_;
};

}  // namespace dl
