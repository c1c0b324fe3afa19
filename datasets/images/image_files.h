#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/folder_files.h"
#include "datasets/images/image_file.h"

namespace dl {

inline constexpr std::string_view kPictureEndings[] = {".jpg", ".jpeg", ".jfif", ".jpe", ".png"};
inline constexpr std::string_view kOtherPictureEndings[] = {
    ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif",
    ".avif", ".jp2", ".jxl", ".ppm", ".pgm",  ".pnm",  ".ico"};
inline constexpr FileKind kPictures{
    "image", kPictureEndings, kOtherPictureEndings, is_picture_file,
    "images are read from JPEG and PNG files: convert the others, for example with ImageMagick, "
    "'mogrify -format png *.webp'"};

/// Whether samples are pictures of bytes, so that those of any file could stand in for them.
bool are_pictures(const DataSpec& spec);

/// JPEG and PNG files without labels, to be predicted in place of the samples of `like`; of that
/// size, or of any. Folders stand for the pictures in them and in their folders, sorted by the
/// bytes of their paths; notes() count their other files. `skip_bad`: all are decoded once
/// beforehand, and those that cannot be are left out and told in notes(). Throws UserError
/// (ExitCode::data) for a path that is not there, or a folder without a picture.
std::unique_ptr<Dataset> open_pictures(std::span<const std::string> paths, DataSpec like,
                                       bool any_size, bool skip_bad);

}  // namespace dl
