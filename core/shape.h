#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// No tensor has more elements: 4 TiB of f32, and small enough that bytes and sums of bytes stay
/// within 64 bits.
constexpr std::int64_t kMaxTensorElements = std::int64_t{1} << 40;

/// The product of sizes; none where one is negative or the product is more than kMaxTensorElements.
/// What a config or a file says is multiplied by this function alone.
std::optional<std::int64_t> checked_product(std::span<const std::int64_t> sizes);
/// Throws ShapeError unless a tensor of those dimensions has at most kMaxTensorElements.
void require_size(std::string_view what, std::span<const std::int64_t> dims);

/// "3x5"
std::string sizes_text(std::span<const std::int64_t> sizes);

/// Dimensions of a tensor, the batch first: (N, C, H, W), (N, F), (N, T, F). A scalar (a loss) is
/// (1).
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  std::size_t rank() const { return dims_.size(); }
  std::int64_t operator[](std::size_t axis) const { return dims_[axis]; }
  std::int64_t& operator[](std::size_t axis) { return dims_[axis]; }
  std::int64_t back() const { return dims_.back(); }
  const std::vector<std::int64_t>& dims() const { return dims_; }
  /// Spatial axes of a picture or a series: all but N and C.
  std::size_t spatial_rank() const { return rank() < 2 ? 0 : rank() - 2; }
  /// Throws ShapeError where there are more than kMaxTensorElements.
  std::int64_t elements() const;
  bool operator==(const Shape&) const = default;

  /// One sample, without the batch: "16x28x28"; what users know of a shape.
  std::string text() const;

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace dl
