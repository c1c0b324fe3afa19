#include "engine/train/held_checkpoint.h"

#include <cstring>
#include <vector>

namespace dl {
namespace {

/// Calls body(tensor) for each one that must be copied: averages and carried states always change.
template <class Content, class Body>
void for_each_changing(Content& content, const HeldCheckpoint::IsFixed& is_fixed,
                       const Body& body) {
  for (auto& tensor : content.model) {
    if (!is_fixed(tensor.name)) body(tensor);
  }
  for (auto& tensor : content.optim) {
    const std::string_view name = tensor.name;
    if (!is_fixed(name.substr(name.find('/') + 1))) body(tensor);
  }
  for (auto& tensor : content.ema) body(tensor);
  for (auto& tensor : content.carried) body(tensor);
}

}  // namespace

std::size_t HeldCheckpoint::bytes_of(const CheckpointContent& content, const IsFixed& is_fixed) {
  std::size_t bytes = 0;
  for_each_changing(content, is_fixed,
                    [&](const TensorView& tensor) { bytes += tensor.bytes.size(); });
  return bytes;
}

void HeldCheckpoint::take(std::int64_t step, const CheckpointContent& content,
                          const IsFixed& is_fixed) {
  const std::size_t bytes = bytes_of(content, is_fixed);
  empty_ = true;
  if (copy_.bytes() != bytes) copy_ = AlignedBuffer(bytes);
  content_ = content;
  std::byte* at = copy_.data();
  for_each_changing(content_, is_fixed, [&](TensorView& tensor) {
    if (tensor.bytes.empty()) return;
    std::memcpy(at, tensor.bytes.data(), tensor.bytes.size());
    tensor.bytes = {at, tensor.bytes.size()};
    at += tensor.bytes.size();
  });
  step_ = step;
  empty_ = false;
}

}  // namespace dl
