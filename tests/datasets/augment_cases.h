#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "datasets/memory_dataset.h"
#include "datasets/transforms/transform.h"
#include "tests/support/pictures.h"

// Decoded pictures and what transforms make of them.
namespace dl::test {

using Transforms = std::vector<TypedNode>;

inline DataSpec encoded(std::int64_t channels, std::int64_t height = 0, std::int64_t width = 0) {
  DataSpec spec = labelled_pictures({channels, height, width}, 10);
  spec.inputs[0].encoded = true;
  return spec;
}

/// As `noise` of tests/goldens/augment.py makes them, channels side by side.
inline Picture noise(std::size_t sample, std::int64_t height, std::int64_t width,
                     std::int64_t channels) {
  Picture picture;
  picture.reshape(height, width, channels);
  for (std::size_t i = 0; i < picture.bytes(); ++i) picture.pixels[i] = test_pixel(sample, i);
  return picture;
}

/// Bytes side by side in planes, and back.
inline Bytes to_planes(const Bytes& pixels, std::size_t channels) {
  Bytes planes;
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = c; i < pixels.size(); i += channels) planes.push_back(pixels[i]);
  return planes;
}

inline std::vector<float> as_floats(const Bytes& pixels, std::int64_t channels) {
  std::vector<float> floats;
  for (const std::uint8_t byte : to_planes(pixels, static_cast<std::size_t>(channels)))
    floats.push_back(static_cast<float>(byte) / 255.0F);
  return floats;
}

inline std::vector<float> apply(const Pipeline& pipeline, const Picture& picture,
                                PictureBuffers& buffers, std::uint64_t sample = 0,
                                std::uint64_t epoch = 0) {
  buffers.decoded = picture;
  std::int32_t label = 1, kept = 0;
  std::vector<float> image(pipeline.spec().inputs[0].elements());
  const std::span<std::byte> raw[] = {{}, std::as_writable_bytes(std::span(&label, 1))};
  const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(image)),
                                      std::as_writable_bytes(std::span(&kept, 1))};
  pipeline.apply(raw, out, 1, epoch, sample, buffers);
  return image;
}

inline std::vector<float> apply(const Pipeline& pipeline, const Picture& picture,
                                std::uint64_t sample = 0, std::uint64_t epoch = 0) {
  PictureBuffers buffers;
  return apply(pipeline, picture, buffers, sample, epoch);
}

inline std::string message_of(const DataSpec& source, const Transforms& transforms,
                              Randomness randomness = Randomness::allowed) {
  try {
    const Pipeline pipeline(source, transforms, {}, randomness);
  } catch (const UserError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace dl::test
