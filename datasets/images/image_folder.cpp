#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstring>

#include "core/install_paths.h"
#include "core/parallel.h"
#include "datasets/class_folders.h"
#include "datasets/class_names.h"
#include "datasets/images/bad_images.h"
#include "datasets/images/exif.h"
#include "datasets/images/image_buffers.h"
#include "datasets/images/image_file.h"
#include "datasets/images/image_files.h"
#include "datasets/kinds.h"
#include "datasets/memory_dataset.h"

// JPEG and PNG files in a folder for each class.
namespace dl {
namespace {

enum class OnBad { error, skip };
enum class Orientation { apply, ignore };

}  // namespace

template <>
struct EnumWords<OnBad> {
  static constexpr std::pair<std::string_view, OnBad> words[] = {{"error", OnBad::error},
                                                                 {"skip", OnBad::skip}};
};
template <>
struct EnumWords<Orientation> {
  static constexpr std::pair<std::string_view, Orientation> words[] = {
      {"apply", Orientation::apply}, {"ignore", Orientation::ignore}};
};

namespace {

struct Params : ClassFolderParams {
  std::string path;
  std::int64_t channels = 3;
  Spatial size;
  Orientation orientation = Orientation::apply;
  OnBad on_bad = OnBad::error;
};

ParamTable<Params> param_table() {
  ParamTable<Params> table = {
      data_path(
          required(
              "path", &Params::path,
              "folder of train/, valid/ (or val/, validation/) and test/ with a folder for each "
              "class "
              "in each, or of the class folders themselves; '@data/...' lies in the data folder"))
          .also({"root", "folder", "dir", "directory"}),
      with_default("channels", &Params::channels, between(1, 3), "3: colour, 1: grey"),
      with_default("size", &Params::size, between(1, kMaxSide),
                   "of every file, [height, width] or one for both; without it images may have "
                   "any, and a transform must give them one"),
      with_default("orientation", &Params::orientation,
                   "what to do with EXIF's Orientation, by which cameras tell how an image was "
                   "held: apply turns it upright, as image viewers do; ignore takes the pixels as "
                   "they are stored, as Pillow's open() does"),
      with_default("on_bad", &Params::on_bad,
                   "what to do with a file that is damaged, no image or of another size: stop, "
                   "or look at all files beforehand and leave those out"),
  };
  append(table, class_folder_table());
  return table;
}

class ImageFolder final : public Dataset {
 public:
  /// `all_classes`: each class with files must keep one of them.
  ImageFolder(DataSpec spec, std::string folder, LabelledFiles list, PictureRule rule, OnBad on_bad,
              bool all_classes)
      : spec_(std::move(spec)),
        folder_(std::move(folder)),
        list_(std::move(list)),
        rule_(rule),
        on_bad_(on_bad),
        notes_(std::move(list_.notes)) {
    if (on_bad_ == OnBad::skip) leave_out_bad_ones(all_classes);
  }

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return list_.files.size(); }
  std::string sample_name(std::size_t index) const override {
    return folder_ + "/" + list_.files[index];
  }
  std::vector<std::string> notes() const override { return notes_; }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size());
    std::memcpy(out[1].data(), &list_.labels[index], sizeof(std::int32_t));
  }

  void decode(std::size_t index, PictureBuffers& buffers) const override {
    try {
      decode_picture_file(sample_name(index), rule_, buffers);
    } catch (const PictureError& error) {
      throw UserError(ExitCode::data, sample_name(index) + ": " + error.what(),
                      on_bad_ == OnBad::skip
                          ? "it was good when the data was opened"
                          : "on_bad: skip, in the source, leaves bad files out before training");
    }
  }

  std::string fingerprint() const override {
    std::vector<std::uint32_t> sums(size());
    std::vector<std::uint8_t> turned(size());
    parallel_with<std::vector<std::uint8_t>>(size(), [&](std::size_t i, auto& file) {
      try {
        read_picture_file(sample_name(i), file);
      } catch (const PictureError& error) {
        throw UserError(ExitCode::data, sample_name(i) + ": " + error.what());
      }
      const std::string& name = list_.files[i];
      const auto* text = reinterpret_cast<const Bytef*>(name.data());
      sums[i] = static_cast<std::uint32_t>(
          crc32_z(crc32_z(0, text, name.size()), file.data(), file.size()));
      turned[i] = rule_.upright && exif_orientation(file) != 1;
    });
    const unsigned long sum =
        crc32_z(0, reinterpret_cast<const Bytef*>(sums.data()), sums.size() * sizeof(sums[0]));
    char text[64];
    std::snprintf(text, sizeof text, "%zu pictures, crc32 %08lx", size(), sum);
    const auto count = std::ranges::count(turned, 1);
    return text + (count > 0 ? ", " + std::to_string(count) + " turned upright" : "");
  }

 private:
  /// Decides once which samples there are: those whose files can be decoded now.
  void leave_out_bad_ones(bool all_classes) {
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < size(); ++i) paths.push_back(sample_name(i));
    keep_good_ones(bad_pictures(paths, rule_), all_classes);
  }

  /// `reasons`: why each file is bad, or "".
  void keep_good_ones(const std::vector<std::string>& reasons, bool all_classes) {
    LabelledFiles good;
    std::vector<std::string> bad;
    std::vector<std::size_t> left(spec_.class_names.size()), listed(spec_.class_names.size());
    for (std::size_t i = 0; i < size(); ++i) {
      const auto label = static_cast<std::size_t>(list_.labels[i]);
      ++listed[label];
      if (!reasons[i].empty()) {
        bad.push_back(sample_name(i) + ": " + reasons[i]);
        continue;
      }
      ++left[label];
      good.files.push_back(list_.files[i]);
      good.labels.push_back(list_.labels[i]);
    }
    for (std::size_t label = 0; label < left.size(); ++label) {
      if (all_classes && listed[label] > 0 && left[label] == 0) {
        throw UserError(ExitCode::data,
                        folder_ + ": none of the " + std::to_string(listed[label]) +
                            " images of the class '" + spec_.class_names[label] + "' is good",
                        "the first bad file is " + bad.front());
      }
    }
    if (good.files.empty())
      throw UserError(ExitCode::data, folder_ + ": no image of it is good", bad.front());
    for (std::string& note : left_out_notes(folder_, bad, size(), "on_bad: skip"))
      notes_.push_back(std::move(note));
    list_ = std::move(good);
  }

  DataSpec spec_;
  std::string folder_;
  LabelledFiles list_;
  PictureRule rule_;
  OnBad on_bad_;
  std::vector<std::string> notes_;
};

class ImageFolderSource final : public DataSource {
 public:
  explicit ImageFolderSource(Params params) : params_(std::move(params)) {
    rule_.channels = params_.channels;
    rule_.upright = params_.orientation == Orientation::apply;
    const std::vector<std::int64_t>& size = params_.size.sizes;
    if (!size.empty()) rule_.size = {{size.front(), size.back()}};
    const auto [height, width] = rule_.size.value_or(std::array<std::int64_t, 2>{0, 0});
    spec_ = labelled_pictures({rule_.channels, height, width}, 0);
    spec_.inputs[0].encoded = true;
    spec_.inputs[0].upright = rule_.upright;
    set_classes(spec_, params_.classes);
  }

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override {
    return split == Split::train || !found_.of(split).empty();
  }

  void look_up(const DataPaths& paths) override {
    const ClassFolders folders = folders_at(paths);
    found_ = folders.find_splits();
    if (!spec_.classes) set_classes(spec_, folders.classes(found_));
  }

  std::vector<std::string> notes() const override { return found_.notes; }
  std::string one_class_hint(const DataPaths& paths) const override {
    return folders_at(paths).one_class_hint();
  }
  void complete(ConfigNode& params) const override { complete_classes(spec_, params); }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    const ClassFolders folders = folders_at(paths);
    const SplitFolders splits = folders.find_splits();
    DataSpec spec = spec_;
    if (!spec.classes)  // nothing was there when the config was read
      set_classes(spec, folders.classes(splits));
    LabelledFiles list = folders.list(splits, split, spec.class_names);
    return std::make_unique<ImageFolder>(std::move(spec), splits.of(split), std::move(list), rule_,
                                         params_.on_bad, split == Split::train);
  }

 private:
  ClassFolders folders_at(const DataPaths& paths) const {
    const bool ours = params_.path == "@data/cifar10_images";
    return ClassFolders(kPictures, paths.resolve(params_.path), params_,
                        ours ? get_data_hint("cifar10_images")
                             : "it holds train/ and test/ with a folder for each class in each, or "
                               "the class folders themselves");
  }

  Params params_;
  PictureRule rule_;
  DataSpec spec_;
  SplitFolders found_;
};

void check_consistency(const ConfigNode& node, const Params& params) {
  if (params.channels == 2)
    throw UserError(node.find("channels")->mark(), "channels: is 2, must be 1 or 3");
  if (params.size.sizes.size() > 2)
    throw UserError(node.find("size")->mark(), "size: expected one int or [height, width]");
  check_classes(node, params.classes, true);
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  return std::make_unique<ImageFolderSource>(std::move(params));
}

}  // namespace

DataKind image_folder_kind() {
  return {"image_folder",
          "JPEG and PNG files of any size, in a folder for each class",
          specs_of(param_table()),
          make,
          {"folder", "images", "directory"}};
}

}  // namespace dl
