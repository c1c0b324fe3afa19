#include "tests/support/layer_errors.h"

#include <nlohmann/json.hpp>

#include "layers/layer.h"
#include "tests/support/layer_run.h"

namespace dl::test {

std::string shape_error(const std::string& layer, const nlohmann::json& params,
                        const std::vector<Shape>& src) {
  const LayerKind& kind = kind_named(layer);
  const std::unique_ptr<Layer> made = kind.make(node_from_json(params));
  try {
    made->infer(src);
  } catch (const ShapeError& error) {
    return error.what() + (error.hint().empty() ? "" : " | " + error.hint());
  }
  return "accepted";
}

}  // namespace dl::test
