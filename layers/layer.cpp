#include "layers/layer.h"

namespace dl {
namespace {

std::string with_shapes(const std::string& difference, std::span<const Shape> src,
                        const std::vector<std::size_t>& sources) {
  std::vector<std::string> parts;
  for (const std::size_t i : sources)
    parts.push_back("source " + std::to_string(i + 1) + " is " + src[i].text());
  return difference + ": " + join(parts, ", ");
}

}  // namespace

SourcesDiffer::SourcesDiffer(std::string difference, std::span<const Shape> src,
                             std::vector<std::size_t> sources, std::string hint)
    : ShapeError(with_shapes(difference, src, sources), std::move(hint)),
      difference_(std::move(difference)),
      sources_(std::move(sources)) {}

}  // namespace dl
