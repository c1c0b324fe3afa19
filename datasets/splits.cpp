#include "datasets/splits.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "core/random.h"
#include "datasets/labels.h"

namespace dl {
namespace {

std::vector<std::uint32_t> all_of(std::size_t count) {
  std::vector<std::uint32_t> samples(count);
  std::iota(samples.begin(), samples.end(), 0U);
  return samples;
}

/// How many of each class are held out: between `least` and `most`, and `valid` together.
class Quotas {
 public:
  /// `sizes`: samples of each class.
  Quotas(const std::vector<std::size_t>& sizes, std::size_t valid, std::uint64_t seed)
      : order_(shuffled(sizes.size(), Random(seed, RandomStream::split, 0, 1))) {
    const std::size_t count = std::accumulate(sizes.begin(), sizes.end(), std::size_t{0});
    const auto pairs = static_cast<std::size_t>(
        std::ranges::count_if(sizes, [](std::size_t size) { return size >= 2; }));
    const auto filled = static_cast<std::size_t>(
        std::ranges::count_if(sizes, [](std::size_t size) { return size >= 1; }));
    for (const std::size_t size : sizes) {
      // Where too few would be left to train on for each class, none is spared.
      most_.push_back(size - (size > 0 && valid + filled <= count ? 1 : 0));
      least_.push_back(size >= 2 && valid >= pairs ? 1 : 0);
      exact_.push_back(static_cast<double>(size) * static_cast<double>(valid) /
                       static_cast<double>(count));
      const auto whole = static_cast<std::size_t>(exact_.back());
      of_class_.push_back(std::clamp(whole, least_.back(), std::max(least_.back(), most_.back())));
    }
    reach(valid);
  }
  std::size_t of(std::size_t label) const { return of_class_[label]; }

 private:
  /// One more, or one fewer, of those that are furthest from their share, until it comes out even.
  void reach(std::size_t valid) {
    std::size_t sum = std::accumulate(of_class_.begin(), of_class_.end(), std::size_t{0});
    while (sum != valid) {
      const bool more = sum < valid;
      std::ranges::stable_sort(order_, [&](std::uint32_t a, std::uint32_t b) {
        return more ? missing(a) > missing(b) : missing(a) < missing(b);
      });
      for (const std::uint32_t label : order_) {
        if (sum == valid) return;
        if (more ? of_class_[label] >= most_[label] : of_class_[label] <= least_[label]) continue;
        of_class_[label] += more ? 1 : -1;
        sum += more ? 1 : -1;
      }
    }
  }
  double missing(std::uint32_t label) const {
    return exact_[label] - static_cast<double>(of_class_[label]);
  }

  std::vector<std::uint32_t> order_;  // by chance where shares are equal
  std::vector<std::size_t> least_, most_, of_class_;
  std::vector<double> exact_;
};

}  // namespace

HoldOut hold_out(std::size_t count, std::size_t valid, std::uint64_t seed) {
  assert(valid <= count);
  const std::vector<std::uint32_t> order = shuffled(count, Random(seed, RandomStream::split));
  HoldOut held{.train = {order.begin() + static_cast<std::ptrdiff_t>(valid), order.end()},
               .valid = {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(valid)}};
  std::sort(held.train.begin(), held.train.end());
  std::sort(held.valid.begin(), held.valid.end());
  return held;
}

HoldOut hold_out_by_class(std::span<const std::int32_t> labels, std::size_t classes,
                          std::size_t valid, std::uint64_t seed) {
  assert(valid <= labels.size());
  std::vector<std::vector<std::uint32_t>> of_class(classes);
  for (std::size_t i = 0; i < labels.size(); ++i)
    of_class[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::uint32_t>(i));
  std::vector<std::size_t> sizes;
  for (const auto& samples : of_class) sizes.push_back(samples.size());
  const Quotas quotas(sizes, valid, seed);
  HoldOut held;
  for (std::size_t label = 0; label < classes; ++label) {
    const auto order = shuffled(sizes[label], Random(seed, RandomStream::split, 1 + label, 1));
    for (std::size_t i = 0; i < order.size(); ++i)
      (i < quotas.of(label) ? held.valid : held.train).push_back(of_class[label][order[i]]);
  }
  std::ranges::sort(held.train);
  std::ranges::sort(held.valid);
  return held;
}

RunData::RunData(const DataSource& source, DataPaths paths, double valid, std::uint64_t seed)
    : source_(source), paths_(std::move(paths)), held_out_(valid), seed_(seed) {
  if (held_out_ > 0 && source.has(Split::valid)) {
    throw UserError(ExitCode::config, "data.split: this source has a valid set of its own");
  }
}

bool RunData::has(Split split) const {
  return source_.has(split) || (split == Split::valid && held_out_ > 0);
}

SampleSet RunData::open(Split split) {
  assert(has(split));
  if (split == Split::train || (split == Split::valid && held_out_ > 0)) {
    if (!train_.dataset) open_train();
    return {train_.dataset.get(), split == Split::train ? train_.samples : held_out_samples_};
  }
  Opened& opened = split == Split::valid ? valid_ : test_;
  if (!opened.dataset) {
    opened.dataset = source_.open(split, paths_);
    opened.samples = all_of(opened.dataset->size());
  }
  return {opened.dataset.get(), opened.samples};
}

std::vector<std::string> RunData::notes() const {
  std::vector<std::string> all;
  for (const Opened* opened : {&train_, &valid_, &test_}) {
    if (!opened->dataset) continue;
    for (std::string& note : opened->dataset->notes()) {
      if (std::ranges::find(all, note) == all.end()) all.push_back(std::move(note));
    }
  }
  return all;
}

void RunData::open_train() {
  train_.dataset = source_.open(Split::train, paths_);
  const std::size_t count = train_.dataset->size();
  if (held_out_ <= 0) {
    train_.samples = all_of(count);
    return;
  }
  const double exact = held_out_ < 1 ? held_out_ * static_cast<double>(count) : held_out_;
  const auto wanted = static_cast<std::size_t>(std::round(exact));
  if (wanted < 1 || wanted >= count) {
    throw UserError(ExitCode::data, "data.split: cannot hold " + std::to_string(wanted) +
                                        " out of " + std::to_string(count) + " training samples");
  }
  HoldOut held = held_out(wanted);
  train_.samples = std::move(held.train);
  held_out_samples_ = std::move(held.valid);
}

HoldOut RunData::held_out(std::size_t wanted) const {
  const Dataset& dataset = *train_.dataset;
  const DataSpec& spec = dataset.spec();
  if (!has_labels(spec) || !spec.classes) return hold_out(dataset.size(), wanted, seed_);
  std::vector<std::int32_t> labels(dataset.size());
  LabelReader label_of(dataset);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = label_of(i);
  return hold_out_by_class(labels, static_cast<std::size_t>(*spec.classes), wanted, seed_);
}

}  // namespace dl
