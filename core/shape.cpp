#include "core/shape.h"

#include <algorithm>

#include "core/error.h"

namespace dl {

std::optional<std::int64_t> checked_product(std::span<const std::int64_t> sizes) {
  const bool negative = std::ranges::any_of(sizes, [](std::int64_t size) { return size < 0; });
  if (negative) return std::nullopt;
  if (std::ranges::find(sizes, 0) != sizes.end()) return 0;
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) {
    if (size > kMaxTensorElements / product) return std::nullopt;
    product *= size;
  }
  return product;
}

void require_size(std::string_view what, std::span<const std::int64_t> dims) {
  if (checked_product(dims)) return;
  throw ShapeError(std::string(what) + " of " + sizes_text(dims) +
                   " numbers is too large: a tensor has at most 2^40");
}

std::string sizes_text(std::span<const std::int64_t> sizes) {
  std::string out;
  for (const std::int64_t size : sizes) out += (out.empty() ? "" : "x") + std::to_string(size);
  return out;
}

std::int64_t Shape::elements() const {
  require_size("a tensor", dims_);
  return *checked_product(dims_);
}

std::string Shape::text() const {
  if (rank() < 2) return "one value";
  std::string out;
  for (std::size_t i = 1; i < rank(); ++i) out += (i > 1 ? "x" : "") + std::to_string(dims_[i]);
  return out;
}

}  // namespace dl
