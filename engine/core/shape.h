#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

namespace dl {

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
  std::int64_t elements() const;
  bool operator==(const Shape&) const = default;

  /// One sample, without the batch: "16x28x28"; what users know of a shape.
  std::string text() const;

 private:
  std::vector<std::int64_t> dims_;
};

}  // namespace dl
