#include <csetjmp>
#include <cstddef>
#include <cstdio>

// After <cstdio>, which it needs.
#include <jpeglib.h>

#include <jerror.h>

#include "datasets/images/image_codecs.h"

namespace dl {
namespace {

constexpr int kMaxScans = 1000;  // each takes the time of a whole picture, for a few bytes

/// libjpeg reports errors by a function that must not return: it jumps to `out`. Between the
/// setjmp() and the jump there are only its own functions, and nothing with a destructor.
struct Errors {
  jpeg_error_mgr base{};
  jpeg_progress_mgr progress{};
  std::jmp_buf out{};
  char message[JMSG_LENGTH_MAX] = "";
};

Errors& errors_of(j_common_ptr jpeg) { return *static_cast<Errors*>(jpeg->client_data); }

[[noreturn]] void give_up(j_common_ptr jpeg) {
  Errors& errors = errors_of(jpeg);
  jpeg->err->format_message(jpeg, errors.message);
  std::longjmp(errors.out, 1);
}

/// Warnings of lost or garbled pixels: libjpeg would fill in something grey and go on.
bool means_damage(int code) {
  switch (code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
      return true;
    default:
      return false;
  }
}

void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && means_damage(jpeg->err->msg_code)) give_up(jpeg);
}

void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  Errors& errors = errors_of(jpeg);
  std::snprintf(errors.message, sizeof errors.message, "more than %d scans", kMaxScans);
  std::longjmp(errors.out, 1);
}

/// A decompressor that cleans up after itself. Steps return false when libjpeg gave up.
class Decompressor {
 public:
  Decompressor() {
    jpeg_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = give_up;
    errors_.base.emit_message = on_message;
    errors_.progress.progress_monitor = on_progress;
  }
  ~Decompressor() { jpeg_destroy_decompress(&jpeg_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool read_header(std::span<const std::uint8_t> file) {
    jpeg_.client_data = &errors_;
    if (setjmp(errors_.out) != 0) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &errors_.progress;
    jpeg_mem_src(&jpeg_, file.data(), file.size());
    jpeg_read_header(&jpeg_, TRUE);
    return true;
  }

  /// Of the picture: 1 grey, 3 red, green, blue, 4 inks; others are not known.
  int channels() const { return jpeg_.num_components; }
  std::int64_t height() const { return jpeg_.image_height; }
  std::int64_t width() const { return jpeg_.image_width; }

  bool read_pixels(std::uint8_t* pixels) {
    if (setjmp(errors_.out) != 0) return false;
    jpeg_.out_color_space = jpeg_.num_components == 1   ? JCS_GRAYSCALE
                            : jpeg_.num_components == 3 ? JCS_RGB
                                                        : JCS_CMYK;
    // What Pillow decodes with: these are libjpeg's defaults.
    jpeg_.dct_method = JDCT_ISLOW;
    jpeg_.do_fancy_upsampling = TRUE;
    jpeg_start_decompress(&jpeg_);
    const std::size_t stride = static_cast<std::size_t>(jpeg_.output_width) *
                               static_cast<std::size_t>(jpeg_.output_components);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = pixels + jpeg_.output_scanline * stride;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_decompress(&jpeg_);  // reads to the end of the file, which must be there
    return true;
  }

  const char* message() const { return errors_.message; }

 private:
  Errors errors_;
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

void decode_jpeg(std::span<const std::uint8_t> file, const SizeCheck& check_size, Picture& out) {
  Decompressor jpeg;
  const auto damaged = [&] {
    return PictureError(std::string("is a damaged JPEG: ") + jpeg.message());
  };
  if (!jpeg.read_header(file)) throw damaged();
  if (jpeg.channels() != 1 && jpeg.channels() != 3 && jpeg.channels() != 4) {
    throw PictureError("is a JPEG of " + std::to_string(jpeg.channels()) +
                       " channels, expected 1, 3 or 4");
  }
  check_size(jpeg.height(), jpeg.width());
  out.reshape(jpeg.height(), jpeg.width(), jpeg.channels());
  if (!jpeg.read_pixels(out.pixels.data())) throw damaged();
  if (jpeg.channels() == 4) {  // programs write inks inverted, and Pillow counts on it
    for (std::size_t i = 0; i < out.bytes(); ++i) out.pixels[i] = 255 - out.pixels[i];
  }
}

}  // namespace dl
