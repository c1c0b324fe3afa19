#include <map>

#include "engine/onnx/importer.h"

namespace dl {
namespace {

std::map<std::string_view, ImportOperator> make_table() {
  std::map<std::string_view, ImportOperator> table;
  for (const auto& rows : {activation_operators(), affine_operators(), constant_operators(),
                           layer_operators(), norm_operators(), part_operators(), pool_operators(),
                           recurrent_operators(), reduction_operators(), shape_operators()}) {
    for (const OperatorRow& row : rows) table.emplace(row.op, row.import);
  }
  return table;
}

}  // namespace

ImportOperator find_operator(const OnnxNode& node) {
  static const std::map<std::string_view, ImportOperator> table = make_table();
  if (!node.domain.empty()) return nullptr;
  const auto at = table.find(node.op);
  return at == table.end() ? nullptr : at->second;
}

ImportedNetwork import_network(const OnnxModel& model, const ImportOptions& options) {
  return Importer(model, options).run();
}

}  // namespace dl
