#include "datasets/subset.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "core/random.h"
#include "datasets/checksum.h"
#include "datasets/images/image_buffers.h"
#include "datasets/labels.h"

namespace dl {
namespace {

/// Old labels to new ones; -1: not chosen.
using NewLabels = std::vector<std::int32_t>;

class SubsetDataset final : public Dataset {
 public:
  SubsetDataset(std::unique_ptr<Dataset> whole, DataSpec spec, std::vector<std::uint32_t> samples,
                NewLabels labels, std::vector<std::string> notes)
      : whole_(std::move(whole)),
        spec_(std::move(spec)),
        samples_(std::move(samples)),
        labels_(std::move(labels)),
        notes_(std::move(notes)) {}

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return samples_.size(); }
  void read(std::size_t index, SampleBuffers out) const override {
    whole_->read(samples_[index], out);
    const std::span<std::byte> place = out[spec_.inputs.size()];
    std::int32_t label;
    std::memcpy(&label, place.data(), sizeof(label));
    label = label < 0 ? -1 : labels_[static_cast<std::size_t>(label)];
    std::memcpy(place.data(), &label, sizeof(label));
  }
  void decode(std::size_t index, PictureBuffers& buffers) const override {
    whole_->decode(samples_[index], buffers);
  }
  std::string sample_name(std::size_t index) const override {
    return whole_->sample_name(samples_[index]);
  }
  std::string sample_id(std::size_t index) const override {
    return whole_->sample_id(samples_[index]);
  }
  std::vector<std::string> notes() const override {
    std::vector<std::string> all = whole_->notes();
    all.insert(all.end(), notes_.begin(), notes_.end());
    return all;
  }
  std::vector<std::pair<std::string, double>> baselines() const override {
    return whole_->baselines();
  }
  bool has_targets() const override { return whole_->has_targets(); }
  std::string fingerprint() const override {
    return whole_->fingerprint() + ", subset " +
           std::to_string(checksum(checksum(0, samples_), labels_));
  }

 private:
  std::unique_ptr<Dataset> whole_;
  DataSpec spec_;
  std::vector<std::uint32_t> samples_;
  NewLabels labels_;
  std::vector<std::string> notes_;
};

class SubsetSource final : public DataSource {
 public:
  SubsetSource(std::unique_ptr<DataSource> whole, SubsetOptions options)
      : whole_(std::move(whole)), options_(std::move(options)) {
    const DataSpec& spec = whole_->spec();
    if (!has_labels(spec) || spec.order != SampleOrder::any)
      throw UserError(options_.mark, "subset: takes classes of samples, and these have none");
    std::set<std::string> names;
    for (const SubsetOptions::Class& chosen : options_.classes) {
      if (!names.insert(chosen.name).second)
        throw UserError(chosen.mark, "subset: classes: '" + chosen.name + "' stands there twice");
    }
    describe();
  }

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override { return whole_->has(split); }
  void look_up(const DataPaths& paths) override {
    whole_->look_up(paths);
    describe();
  }
  void complete(ConfigNode& params) const override { whole_->complete(params); }
  std::string one_class_hint(const DataPaths& paths) const override {
    return options_.classes.size() == 1 ? "data.subset: classes: name two or more"
                                        : whole_->one_class_hint(paths);
  }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    std::unique_ptr<Dataset> dataset = whole_->open(split, paths);
    const NewLabels labels = new_labels(dataset->spec());
    std::vector<std::vector<std::uint32_t>> of_class(chosen_count(dataset->spec()));
    LabelReader label_of(*dataset);
    for (std::size_t i = 0; i < dataset->size(); ++i) {
      const std::int32_t label = labels[static_cast<std::size_t>(label_of(i))];
      if (label >= 0)
        of_class[static_cast<std::size_t>(label)].push_back(static_cast<std::uint32_t>(i));
    }
    std::vector<std::string> notes;
    std::vector<std::uint32_t> samples;
    for (std::size_t c = 0; c < of_class.size(); ++c) {
      if (split == Split::train) limit(of_class[c], c, notes);
      samples.insert(samples.end(), of_class[c].begin(), of_class[c].end());
    }
    std::sort(samples.begin(), samples.end());
    DataSpec spec = described(dataset->spec());
    return std::make_unique<SubsetDataset>(std::move(dataset), std::move(spec), std::move(samples),
                                           labels, std::move(notes));
  }

  /// All of the file: what is none of the chosen classes has no known one.
  std::unique_ptr<Dataset> open_file(const std::string& path) const override {
    std::unique_ptr<Dataset> dataset = whole_->open_file(path);
    std::vector<std::uint32_t> samples(dataset->size());
    std::iota(samples.begin(), samples.end(), 0U);
    DataSpec spec = described(dataset->spec());
    const NewLabels labels = new_labels(dataset->spec());
    return std::make_unique<SubsetDataset>(std::move(dataset), std::move(spec), std::move(samples),
                                           labels, std::vector<std::string>());
  }

 private:
  /// What is known of the whole set, with the chosen classes instead of all.
  DataSpec described(const DataSpec& whole) const {
    DataSpec spec = whole;
    if (options_.classes.empty()) return spec;
    spec.classes = static_cast<std::int64_t>(options_.classes.size());
    spec.class_names.clear();
    for (const SubsetOptions::Class& chosen : options_.classes) {
      const auto number = index_of(whole, chosen);
      const bool named = number && *number < whole.class_names.size();
      spec.class_names.push_back(named ? whole.class_names[*number] : chosen.name);
    }
    return spec;
  }
  /// Classes are looked at as soon as the whole set knows how many it has.
  void describe() {
    if (whole_->spec().classes) new_labels(whole_->spec());
    spec_ = described(whole_->spec());
  }

  std::size_t chosen_count(const DataSpec& whole) const {
    return options_.classes.empty() ? static_cast<std::size_t>(*whole.classes)
                                    : options_.classes.size();
  }

  static std::optional<std::size_t> index_of(const DataSpec& whole,
                                             const SubsetOptions::Class& chosen) {
    const auto at = std::ranges::find(whole.class_names, chosen.name);
    if (at != whole.class_names.end())
      return static_cast<std::size_t>(at - whole.class_names.begin());
    const auto number = parse_double(chosen.name);
    if (!number || *number < 0 || *number >= static_cast<double>(whole.classes.value_or(0)) ||
        *number != static_cast<double>(static_cast<std::size_t>(*number)))
      return std::nullopt;
    return static_cast<std::size_t>(*number);
  }

  NewLabels new_labels(const DataSpec& whole) const {
    NewLabels labels(static_cast<std::size_t>(*whole.classes), -1);
    if (options_.classes.empty()) std::iota(labels.begin(), labels.end(), 0);
    for (std::size_t c = 0; c < options_.classes.size(); ++c) {
      const SubsetOptions::Class& chosen = options_.classes[c];
      const auto number = index_of(whole, chosen);
      if (!number) {
        throw UserError(
            chosen.mark,
            "subset: classes: no class is called '" + chosen.name + "'" +
                did_you_mean(chosen.name, whole.class_names),
            "a number from 0 to " + std::to_string(*whole.classes - 1) + " does as well");
      }
      if (labels[*number] >= 0)
        throw UserError(chosen.mark, "subset: classes: '" + chosen.name + "' stands there twice");
      labels[*number] = static_cast<std::int32_t>(c);
    }
    return labels;
  }

  /// Keeps per_class samples, if that is said; a function of seed and class alone.
  void limit(std::vector<std::uint32_t>& samples, std::size_t label,
             std::vector<std::string>& notes) const {
    const std::string name =
        label < spec_.class_names.size() ? spec_.class_names[label] : std::to_string(label);
    if (samples.empty()) {
      throw UserError(ExitCode::data, "data.subset: class '" + name + "' has no training samples");
    }
    if (!options_.per_class) return;
    const auto wanted = static_cast<std::size_t>(*options_.per_class);
    if (samples.size() < wanted) {
      notes.push_back("subset: class '" + name + "' has " + std::to_string(samples.size()) +
                      " training samples, fewer than per_class");
      return;
    }
    const std::vector<std::uint32_t> order =
        shuffled(samples.size(),
                 Random(static_cast<std::uint64_t>(options_.seed), RandomStream::split, 1 + label));
    std::vector<std::uint32_t> kept;
    for (std::size_t i = 0; i < wanted; ++i) kept.push_back(samples[order[i]]);
    samples = std::move(kept);
  }

  std::unique_ptr<DataSource> whole_;
  SubsetOptions options_;
  DataSpec spec_;
};

}  // namespace

std::unique_ptr<DataSource> take_subset(std::unique_ptr<DataSource> source, SubsetOptions options) {
  return std::make_unique<SubsetSource>(std::move(source), std::move(options));
}

}  // namespace dl
