#include "engine/core/shape.h"

namespace dl {

std::int64_t Shape::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims_) product *= dim;
  return product;
}

std::string Shape::text() const {
  if (rank() < 2) return "one value";
  std::string out;
  for (std::size_t i = 1; i < rank(); ++i) out += (i > 1 ? "x" : "") + std::to_string(dims_[i]);
  return out;
}

}  // namespace dl
