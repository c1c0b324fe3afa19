#include "datasets/images/image_files.h"

#include <cassert>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "datasets/images/bad_images.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

class PictureFiles final : public Dataset {
 public:
  PictureFiles(DataSpec spec, std::vector<std::string> files, std::vector<std::string> notes,
               bool skip_bad)
      : spec_(std::move(spec)), files_(std::move(files)), notes_(std::move(notes)) {
    const std::vector<std::int64_t>& shape = spec_.inputs[0].shape;
    rule_.channels = shape[0];
    if (shape[1] > 0) rule_.size = {{shape[1], shape[2]}};
    rule_.upright = spec_.inputs[0].upright;
    spec_.inputs[0].encoded = true;
    if (skip_bad) leave_out_bad_ones();
  }

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return files_.size(); }
  std::string sample_name(std::size_t index) const override { return files_[index]; }
  bool has_targets() const override { return false; }

  void read(std::size_t, SampleBuffers out) const override {
    for (std::size_t i = 1; i < out.size(); ++i) {  // labels: -1
      std::memset(out[i].data(), 0xFF, out[i].size());
    }
  }

  void decode(std::size_t index, PictureBuffers& buffers) const override {
    try {
      const PictureRule any_size{.channels = rule_.channels, .size = {}, .upright = rule_.upright};
      decode_picture_file(files_[index], any_size, buffers);
    } catch (const PictureError& error) {
      throw UserError(ExitCode::data, files_[index] + ": " + error.what(),
                      "--skip-bad leaves bad pictures out");
    }
    expect_size(index, buffers.decoded);
  }

  std::vector<std::string> notes() const override { return notes_; }
  std::string fingerprint() const override { return std::to_string(size()) + " pictures"; }

 private:
  /// The run's own data need not have any way to say a size, so that the way out is told instead.
  void expect_size(std::size_t index, const Picture& picture) const {
    if (!rule_.size) return;
    const auto [height, width] = *rule_.size;
    if (picture.height == height && picture.width == width) return;
    const std::string sizes = std::to_string(height) + ", " + std::to_string(width);
    throw UserError(ExitCode::data,
                    files_[index] + ": is " + size_text(picture.height, picture.width) +
                        " (height x width), expected " + size_text(height, width),
                    "transforms that resize take any size: --set 'data.transforms.eval=[resize: "
                    "{size: [" +
                        sizes +
                        "]}, ...]', with those of the run behind it; --skip-bad "
                        "leaves such pictures out");
  }

  void leave_out_bad_ones() {
    const std::vector<std::string> reasons = bad_pictures(files_, rule_);
    std::vector<std::string> good, bad;
    for (std::size_t i = 0; i < files_.size(); ++i) {
      if (reasons[i].empty())
        good.push_back(files_[i]);
      else
        bad.push_back(files_[i] + ": " + reasons[i]);
    }
    if (good.empty())
      throw UserError(ExitCode::data, "no image can be read", "the first is " + bad.front());
    for (std::string& note : left_out_notes("images", bad, files_.size(), "--skip-bad"))
      notes_.push_back(std::move(note));
    files_ = std::move(good);
  }

  DataSpec spec_;
  std::vector<std::string> files_, notes_;
  PictureRule rule_;
};

}  // namespace

bool are_pictures(const DataSpec& spec) {
  if (spec.inputs.size() != 1) return false;
  const Field& input = spec.inputs[0];
  return input.type == DataType::u8 && input.shape.size() == 3 &&
         (input.shape[0] == 1 || input.shape[0] == 3);
}

std::unique_ptr<Dataset> open_pictures(std::span<const std::string> paths, DataSpec like,
                                       bool any_size, bool skip_bad) {
  assert(are_pictures(like));
  if (any_size) like.inputs[0].shape = {like.inputs[0].shape[0], 0, 0};
  std::vector<std::string> files, notes;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
      throw UserError(ExitCode::data, path + ": there is no such file or folder");
    if (!fs::is_directory(status)) {
      files.push_back(path);
      continue;
    }
    const FolderFiles inside = some_files_in(path, kPictures);
    for (const std::string& found : inside.found) files.push_back(below(path, found));
    std::string note = unread_note(path, inside.unread, inside.found.size(), kPictures);
    if (!note.empty()) notes.push_back(std::move(note));
  }
  return std::make_unique<PictureFiles>(std::move(like), std::move(files), std::move(notes),
                                        skip_bad);
}

}  // namespace dl
