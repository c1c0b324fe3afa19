#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace dl {

/// Zeroed memory that starts at a cache line, for tensors. Moves, never grows. Pages are taken from
/// the machine when they are first touched, so that what a run needs can be laid out before it is
/// compared with the limit.
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    block_.reset(std::calloc(bytes + kAlignment, 1));
    if (!block_) throw std::bad_alloc();
    void* start = block_.get();
    std::size_t room = bytes + kAlignment;
    data_ = static_cast<std::byte*>(std::align(kAlignment, bytes, start, room));
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : block_(std::move(other.block_)),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    block_ = std::move(other.block_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }

  std::byte* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };
  std::unique_ptr<void, Free> block_;
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace dl
