#include "engine/train/init_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "engine/config/yaml_text.h"

namespace dl {
namespace {

constexpr std::size_t kFew = 2000;        // training pictures; with fewer only the head is trained
constexpr std::size_t kOutOfBalance = 3;  // times as many in the largest class as in the smallest
constexpr std::size_t kClassesShown = 12;

/// Writes the parts of a config one after the other; a class only so that they share it.
class Writer {
 public:
  Writer(const InitRequest& request, const PictureSurvey& survey, const PictureNetwork& network)
      : request_(request), survey_(survey), network_(network) {
    channels_ = network.model ? network.channels : survey.grey && request.from.empty() ? 1 : 3;
    size_ = network.size;
    constexpr std::int64_t kStep = 32, kLeast = 96;
    if (network.any_size) size_ = std::clamp(survey.shorter / kStep * kStep, kLeast, network.size);
    const auto held_out = survey_.valid > 0 ? 0 : survey_.train_count() / 5;
    holds_out_ = held_out > 0;
    constexpr std::size_t kBatch = 32, kLeastBatches = 4;
    batch_ = std::clamp<std::size_t>((survey_.train_count() - held_out) / kLeastBatches, 1, kBatch);
    few_ = survey_.train_count() < kFew;
    steps_ = std::max<std::size_t>((survey_.train_count() - held_out) / batch_, 1);
  }

  std::string text() {
    head();
    data();
    model();
    training();
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }

  std::string classes_text() const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < std::min(survey_.classes.size(), kClassesShown); ++i)
      parts.push_back(fmt::format("{} {}", escaped(survey_.classes[i]), survey_.train[i]));
    if (survey_.classes.size() > kClassesShown) parts.push_back("...");
    return join(parts, ", ");
  }

  void head() {
    const bool tunes = !request_.from.empty();
    line(fmt::format("# {} on {} classes of pictures: {} to train on ({}),", network_.title,
                     survey_.classes.size(), survey_.train_count(), classes_text()));
    line(fmt::format("# {} to validate and {} to test. Written by dltool init.",
                     survey_.valid > 0 ? std::to_string(survey_.valid)
                     : holds_out_      ? "a fifth of them"
                                       : "none",
                     survey_.test > 0 ? std::to_string(survey_.test) : "none"));
    line("#");
    line(fmt::format("#   dltool {} {}", tunes ? "finetune" : "train", escaped(request_.file)));
    line(fmt::format("#   dltool predict runs/{}-001 PICTURE... --top 3", escaped(request_.name)));
    line("version: 1");
    if (!network_.extends.empty()) {
      line(fmt::format("extends: {}     # the network; dltool summary {} shows it",
                       yaml_string(network_.extends), escaped(request_.file)));
    }
    line("name: " + yaml_string(request_.name));
    if (!network_.vars.empty()) line("vars: " + network_.vars);
  }

  void data() {
    const auto [least, most] = std::minmax_element(survey_.train.begin(), survey_.train.end());
    line("data:");
    line(fmt::format("  source: {{image_folder: {{path: {}{}{}}}}}", yaml_string(request_.folder),
                     channels_ == 1 ? ", channels: 1" : "",
                     survey_.bad.empty() ? "" : ", on_bad: skip"));
    line(fmt::format("  classes: {}", survey_.classes.size()));
    line(fmt::format("  batch: {}", batch_));
    if (survey_.valid > 0)
      line("  split: {valid: 0}     # the folder for validation says which epoch is best");
    else if (!holds_out_)
      line("  split: {valid: 0}     # a fifth of so few pictures would be none");
    else
      line("  split: {valid: 0.2}     # held out of each class; they say which epoch is best");
    if (*most > kOutOfBalance * *least) {
      line(
          fmt::format("  sampler: balanced     # the largest class has {} pictures, the smallest "
                      "{}: all are shown equally often",
                      *most, *least));
    }
    if (frozen()) {
      line(
          "  augment_views: 8     # so many variants of each picture: what the frozen part "
          "computes of them is kept");
    }
    transforms();
  }

  void transforms() {
    const std::int64_t before = size_ + size_ / 7;  // torchvision's 256 for 224
    const std::string normalize = network_.model   ? network_.normalize
                                  : channels_ == 1 ? "normalize: {mean: 0.5, std: 0.5}"
                                                   : network_.normalize;
    line("  transforms:");
    line("    train:");
    line(
        fmt::format("      - random_resized_crop: {{size: {}, scale: [0.35, 1]}}     # another "
                    "part of the picture each time",
                    size_));
    line("      - random_flip     # not where left and right differ, as in letters");
    if (!normalize.empty()) line("      - " + normalize);
    line("    eval:");
    if (size_ <= 32)
      line(fmt::format("      - resize: {{size: [{}, {}]}}", size_, size_));
    else
      line(fmt::format("      - resize: {{size: {}}}\n      - center_crop: {{size: {}}}", before,
                       size_));
    if (!normalize.empty()) line("      - " + normalize);
  }

  void model() {
    if (network_.model) {
      out_ += yaml_text(*network_.model);
    } else {
      line(fmt::format("model: {{input: [{}, {}, {}]}}", channels_, size_, size_));
    }
  }

  /// The networks for ImageNet make steps of several batches, which is not meant for this.
  std::string own_batch() const {
    return network_.extends.starts_with("@configs/imagenet/") ? ", effective_batch: ~" : "";
  }

  /// Only the new head is trained.
  bool frozen() const { return !request_.from.empty() && few_; }

  /// A head on kept features is trained in seconds, and a few steps an epoch are little: 200
  /// pictures come to 60 epochs of 5 steps, 1,000 and more to 30.
  std::size_t head_epochs() const {
    constexpr std::size_t kSteps = 300, kLeast = 30, kMost = 60;
    return std::clamp(kSteps / steps_, kLeast, kMost);
  }

  std::string heads() const {
    std::vector<std::string> all;
    for (const std::string& head : network_.heads) all.push_back(yaml_string(head));
    return "[" + join(all, ", ") + "]";
  }

  void training() {
    const bool tunes = !request_.from.empty();
    line(fmt::format("optimizer: {{adamw: {{lr: {}, weight_decay: {}}}}}", frozen() ? 0.002 : 0.001,
                     tunes ? 0.01 : 0.05));
    line("schedule: {cosine: {by: step}, warmup: {epochs: 1}}");
    if (!tunes) {
      line(fmt::format("train: {{epochs: {}{}}}", few_ ? 60 : 30, own_batch()));
      return;
    }
    const std::string rename = network_.rename.empty() ? "" : ", rename: " + network_.rename;
    const std::string from = fmt::format("finetune: {{from: {}, head: {}{}",
                                         yaml_string(request_.from), heads(), rename);
    if (frozen()) {
      line(fmt::format("train: {{epochs: {}{}}}", head_epochs(), own_batch()));
      line(
          "# With so few pictures only the new head is trained. More may be gained by training all "
          "of it behind that, slowly:");
      line(
          fmt::format("# leave out augment_views and freeze, write epochs: ~ and "
                      "phases: [{{epochs: 10, freeze: ['**', {}]}}, "
                      "{{epochs: 10, freeze: [], lr_mult: {{'**': 0.1}}}}]",
                      take_backs()));
      line(from + ", freeze: true}");
      return;
    }
    line(network_.extends.empty()
             ? "train: {}     # the phases say how long"
             : fmt::format("train: {{epochs: ~{}}}     # the phases say how long", own_batch()));
    line(from + "}");
    line("phases:");
    line(
        fmt::format("  - {{epochs: 3, freeze: ['**', {}]}}     # the new head, on a network as it "
                    "is",
                    take_backs()));
    line("  - {epochs: 12, freeze: [], lr_mult: {'**': 0.1}}     # then all of it, slowly");
  }

  std::string take_backs() const {
    std::vector<std::string> all;
    for (const std::string& head : network_.heads) all.push_back(yaml_string("!" + head));
    return join(all, ", ");
  }

  const InitRequest& request_;
  const PictureSurvey& survey_;
  const PictureNetwork& network_;
  std::int64_t channels_ = 3, size_ = 0;
  std::size_t batch_ = 0, steps_ = 1;  // of an epoch
  bool few_ = false, holds_out_ = false;
  std::string out_;
};

}  // namespace

std::string init_config(const InitRequest& request, const PictureSurvey& survey,
                        const PictureNetwork& network) {
  return Writer(request, survey, network).text();
}

}  // namespace dl
