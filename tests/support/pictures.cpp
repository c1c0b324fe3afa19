#include "tests/support/pictures.h"

#include <cstdio>
#include <cstdlib>

// After <cstdio>, which it needs.
#include <jpeglib.h>
#include <png.h>

#include <filesystem>
#include <stdexcept>

namespace dl::test {

Bytes from_hex(const std::string& hex) {
  Bytes bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return bytes;
}

Bytes jpeg_bytes(int height, int width, int channels, const Bytes& pixels, int quality) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &out, &size);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels.data() + y * width * channels);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  const Bytes bytes(out, out + size);
  jpeg_destroy_compress(&jpeg);
  std::free(out);
  return bytes;
}

Bytes png_bytes(int height, int width, int channels, const Bytes& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height);
  image.width = static_cast<png_uint_32>(width);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  Bytes bytes(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = bytes.size();
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr))
    throw std::runtime_error(image.message);
  bytes.resize(size);
  return bytes;
}

Bytes striped_picture(std::size_t sample, int label, int height, int width) {
  Bytes pixels(static_cast<std::size_t>(3 * height * width));
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const int row = static_cast<int>(i) / (3 * width);
    pixels[i] = row * 8 / height == label % 8 ? 230 : test_pixel(sample, i) / 4;
  }
  return pixels;
}

void write_pictures(const std::string& folder, const std::vector<std::string>& classes,
                    std::size_t per_class, int height, int width, std::size_t first) {
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::string of_class = folder + "/" + classes[label];
    std::filesystem::create_directories(of_class);
    for (std::size_t i = 0; i < per_class; ++i) {
      const Bytes pixels =
          striped_picture(first + label * per_class + i, static_cast<int>(label), height, width);
      char name[32];
      std::snprintf(name, sizeof name, "/%04zu.%s", i, i % 2 == 0 ? "jpg" : "png");
      write_bytes(of_class + name, i % 2 == 0 ? jpeg_bytes(height, width, 3, pixels)
                                              : png_bytes(height, width, 3, pixels));
    }
  }
}

}  // namespace dl::test
