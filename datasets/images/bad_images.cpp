#include "datasets/images/bad_images.h"

#include <algorithm>

#include "core/parallel.h"
#include "datasets/images/image_file.h"

namespace dl {
namespace {

constexpr std::size_t kShown = 100;

}  // namespace

void decode_picture_file(const std::string& path, const PictureRule& rule,
                         PictureBuffers& buffers) {
  read_picture_file(path, buffers.file);
  decode_picture(buffers.file, rule, buffers.decoded);
}

std::vector<std::string> bad_pictures(std::span<const std::string> paths, const PictureRule& rule) {
  std::vector<std::string> reasons(paths.size());
  parallel_with<PictureBuffers>(paths.size(), [&](std::size_t i, PictureBuffers& buffers) {
    try {
      decode_picture_file(paths[i], rule, buffers);
    } catch (const PictureError& error) {
      reasons[i] = error.what();
    }
  });
  return reasons;
}

std::vector<std::string> left_out_notes(const std::string& place, std::span<const std::string> bad,
                                        std::size_t total, std::string_view asked) {
  std::vector<std::string> notes;
  if (bad.empty()) return notes;
  notes.push_back(place + ": " + std::to_string(bad.size()) + " of " + std::to_string(total) +
                  " files are left out (" + std::string(asked) + ")");
  const std::size_t shown = std::min(bad.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) notes.push_back("left out: " + bad[i]);
  if (bad.size() > shown)
    notes.push_back("left out: " + std::to_string(bad.size() - shown) + " more");
  return notes;
}

}  // namespace dl
