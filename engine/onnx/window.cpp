#include "engine/onnx/window.h"

#include <algorithm>

namespace dl {
namespace {

constexpr std::int64_t kMost = 1 << 16;  // what layers take

void require_sizes(const std::vector<std::int64_t>& sizes, std::size_t count, std::int64_t least,
                   const char* what) {
  const auto fits = [&](std::int64_t size) { return size >= least && size <= kMost; };
  if (sizes.size() != count || !std::ranges::all_of(sizes, fits))
    throw NotCovered(std::string(what) + " are not one number of a possible size for each axis");
}

/// As many as make the result as large as the source divided by the stride.
void pad_automatically(OnnxWindow& window, const Shape& src, bool more_after) {
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t reach = window.dilation[i] * (window.kernel[i] - 1) + 1;
    const std::int64_t places = (src[i + 2] + window.stride[i] - 1) / window.stride[i];
    const std::int64_t total =
        std::max<std::int64_t>(0, (places - 1) * window.stride[i] + reach - src[i + 2]);
    window.before[i] = more_after ? total / 2 : total - total / 2;
    window.after[i] = total - window.before[i];
  }
}

}  // namespace

std::vector<std::int64_t> OnnxWindow::padding() const {
  return symmetric() ? before : std::vector<std::int64_t>(before.size(), 0);
}

LayerPort OnnxWindow::pad(Importer& in, const LayerPort& src, float value) const {
  std::vector<std::int64_t> sides;  // the last axis first
  for (std::size_t i = before.size(); i-- > 0;) sides.insert(sides.end(), {before[i], after[i]});
  ImportedLayer layer{
      .type = "pad", .params = {parameter("padding", list_node(sides))}, .from = {src}};
  if (value != 0) layer.params.push_back(parameter("value", value));
  return in.add(std::move(layer));
}

OnnxWindow read_window(const OnnxNode& node, const std::vector<std::int64_t>& kernel,
                       const Shape& src) {
  const std::size_t rank = kernel.size();
  const std::vector<std::int64_t> ones(rank, 1), zeros(rank, 0);
  if (node.integers("kernel_shape", kernel) != kernel)
    throw NotCovered("kernel_shape differs from the weight's");
  if (src.rank() != rank + 2)
    throw NotCovered("its kernel has another number of axes than its input");
  OnnxWindow window{.kernel = kernel,
                    .stride = node.integers("strides", ones),
                    .dilation = node.integers("dilations", ones),
                    .before = zeros,
                    .after = zeros};
  require_sizes(window.kernel, rank, 1, "sizes of the kernel");
  require_sizes(window.stride, rank, 1, "strides");
  require_sizes(window.dilation, rank, 1, "dilations");
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    pad_automatically(window, src, automatic == "SAME_UPPER");
    return window;
  }
  if (automatic != "NOTSET" && automatic != "VALID" && !automatic.empty())
    throw NotCovered("unknown auto_pad");
  if (automatic == "VALID") return window;
  const std::vector<std::int64_t> pads =
      node.integers("pads", std::vector<std::int64_t>(2 * rank, 0));
  require_sizes(pads, 2 * rank, 0, "pads");
  std::copy_n(pads.begin(), rank, window.before.begin());
  std::copy_n(pads.begin() + static_cast<std::ptrdiff_t>(rank), rank, window.after.begin());
  return window;
}

}  // namespace dl
