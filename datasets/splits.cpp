#include "datasets/splits.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "engine/core/random.h"

namespace dl {
namespace {

std::vector<std::uint32_t> all_of(std::size_t count) {
  std::vector<std::uint32_t> samples(count);
  std::iota(samples.begin(), samples.end(), 0U);
  return samples;
}

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
  HoldOut held = hold_out(count, wanted, seed_);
  train_.samples = std::move(held.train);
  held_out_samples_ = std::move(held.valid);
}

}  // namespace dl
