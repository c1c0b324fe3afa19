#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/onnx/preprocessing.h"
#include "engine/train/setup.h"

namespace dl {

/// What a setup knows of a network's ends that its graph does not: for an exported model.
struct ExportFacts {
  OnnxPreprocessing preprocessing;
  /// Sentences on what of the way from a file to a prediction no model can do.
  std::vector<std::string> outside;
};
ExportFacts export_facts(const Setup& setup);

/// Facts as an ONNX file holds them: "names" of the classes, as ultralytics writes them, and
/// "preprocessing", JSON that says what each input is and what becomes of it before the network, in
/// the model (`in_graph`) or to be done before. The same of the output.
std::vector<std::pair<std::string, std::string>> export_metadata(const Setup& setup,
                                                                 const ExportFacts& facts,
                                                                 bool in_graph);

}  // namespace dl
