#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "datasets/images/image_codecs.h"

namespace dl {
namespace {

/// libpng reports errors by a function that must not return: it jumps to where setjmp() was called.
/// Between the two there are only its own functions, and nothing with a destructor.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, give_up, [](png_structp, auto) {});
    if (png_) info_ = png_create_info_struct(png_);
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool read_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_size() decides
    // Texts, profiles and the like are not even unpacked.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_palette_to_rgb(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    return true;
  }

  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  int channels() const { return (png_get_color_type(png_, info_) & PNG_COLOR_MASK_COLOR) ? 3 : 1; }

  bool read_pixels(std::uint8_t* pixels) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_update_info(png_, info_);
    const std::size_t stride = static_cast<std::size_t>(width() * channels());
    if (png_get_rowbytes(png_, info_) != stride) png_error(png_, "unexpected form of pixels");
    for (int pass = 0; pass < passes_; ++pass) {
      for (std::int64_t y = 0; y < height(); ++y)
        png_read_row(png_, pixels + static_cast<std::size_t>(y) * stride, nullptr);
    }
    png_read_end(png_, nullptr);
    return true;
  }

  const char* message() const { return message_; }

 private:
  static void give_up(png_structp png, png_const_charp message) {
    auto* self = static_cast<Reader*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof self->message_, "%s", message);
    png_longjmp(png, 1);
  }

  static void read(png_structp png, png_bytep out, std::size_t count) {
    auto* self = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "the file ends early");
    std::memcpy(out, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
  }

  std::span<const std::uint8_t> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  char message_[200] = "";
};

}  // namespace

void decode_png(std::span<const std::uint8_t> file, const SizeCheck& check_size, Picture& out) {
  Reader png(file);
  const auto damaged = [&] {
    return PictureError(std::string("is a damaged PNG: ") + png.message());
  };
  if (!png.read_header()) throw damaged();
  check_size(png.height(), png.width());
  const int channels = png.channels();
  out.reshape(png.height(), png.width(), channels);
  if (!png.read_pixels(out.pixels.data())) throw damaged();
}

}  // namespace dl
