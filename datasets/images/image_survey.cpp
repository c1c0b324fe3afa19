#include "datasets/images/image_survey.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "datasets/images/bad_images.h"
#include "datasets/images/image_files.h"

namespace dl {
namespace {

constexpr std::size_t kLookedAt = 200;

bool is_grey(const Picture& picture) {
  for (std::size_t i = 0; i < picture.bytes(); i += 3) {
    const std::uint8_t* pixel = picture.pixels.data() + i;
    if (pixel[0] != pixel[1] || pixel[1] != pixel[2]) return false;
  }
  return true;
}

void look_at(const std::string& folder, const LabelledFiles& list, PictureSurvey& survey) {
  const std::size_t step = std::max<std::size_t>(1, list.files.size() / kLookedAt);
  PictureBuffers buffers;
  std::vector<std::int64_t> sides;
  survey.grey = true;
  for (std::size_t i = 0; i < list.files.size(); i += step) {
    const std::string path = folder + "/" + list.files[i];
    ++survey.looked_at;
    try {
      decode_picture_file(path, {}, buffers);
    } catch (const PictureError& error) {
      survey.bad.push_back(path + ": " + error.what());
      --survey.train[static_cast<std::size_t>(list.labels[i])];
      continue;
    }
    sides.push_back(std::min(buffers.decoded.height, buffers.decoded.width));
    survey.grey = survey.grey && is_grey(buffers.decoded);
  }
  if (sides.empty())
    throw UserError(ExitCode::data, folder + ": no image of it can be read", survey.bad.front());
  std::sort(sides.begin(), sides.end());
  survey.shorter = sides[sides.size() / 2];
}

}  // namespace

std::size_t PictureSurvey::train_count() const {
  return std::accumulate(train.begin(), train.end(), std::size_t{0});
}

PictureSurvey survey_pictures(const std::string& folder) {
  const ClassFolders folders(kPictures, folder);
  const SplitFolders splits = folders.find_splits();
  if (splits.train.empty())
    throw UserError(ExitCode::data, folder + ": has no train/ beside the other splits");
  PictureSurvey survey;
  survey.classes = folders.classes(splits);
  if (survey.classes.size() < 2) {
    throw UserError(ExitCode::data,
                    folder + ": has images of one class only, '" + survey.classes[0] + "'",
                    folders.one_class_hint());
  }
  survey.notes = splits.notes;
  const auto list = [&](Split split) {
    if (splits.of(split).empty()) return LabelledFiles{};
    LabelledFiles files = folders.list(splits, split, survey.classes);
    survey.notes.insert(survey.notes.end(), files.notes.begin(), files.notes.end());
    return files;
  };
  const LabelledFiles train = list(Split::train);
  survey.train.resize(survey.classes.size());
  for (const std::int32_t label : train.labels) ++survey.train[static_cast<std::size_t>(label)];
  survey.valid = list(Split::valid).files.size();
  survey.test = list(Split::test).files.size();
  look_at(splits.train, train, survey);
  return survey;
}

}  // namespace dl
