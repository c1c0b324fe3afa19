#include "engine/train/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "datasets/checksum.h"
#include "datasets/data_file.h"
#include "datasets/images/image_files.h"
#include "datasets/labels.h"
#include "engine/train/environment.h"

namespace dl {
namespace {

/// Decoding is worth a thread for each core; copying is not.
std::size_t reading_threads(const Setup& setup) {
  const int said = setup.config.data.workers.count;
  if (said > 0) return static_cast<std::size_t>(said);
  const bool decodes = setup.source->spec().inputs[0].encoded;
  return decodes ? static_cast<std::size_t>(usable_cores()) : 1;
}

}  // namespace

OpenData::OpenData(const Setup& setup, const StopFlag& stop)
    : setup_(setup),
      stop_(stop),
      data_(*setup.source, setup.paths, setup.config.data.split.valid.amount,
            static_cast<std::uint64_t>(setup.config.data.split.seed)) {}

std::string OpenData::missing() {
  try {
    samples(Split::train);
    return "";
  } catch (const MissingData& error) {
    return error.diagnostics()[0].message;
  }
}

std::string OpenData::fingerprint(Split split) {
  const SampleSet set = data_.open(split);
  const std::string whole = set.dataset->fingerprint();
  if (set.samples.size() == set.dataset->size()) return whole;
  const std::vector<std::uint32_t> samples(set.samples.begin(), set.samples.end());
  return fmt::format("{}, {} of them {:08x}", whole, samples.size(), checksum(0, samples));
}

BatchOptions OpenData::training_options() const {
  const DataConfig& data = setup_.config.data;
  return {.batch = static_cast<std::size_t>(data.batch),
          .shuffle = setup_.shuffles(),
          .drop_last = data.drop_last,
          .augment_views = static_cast<std::uint64_t>(data.augment_views.value_or(0)),
          .seed = setup_.config.seed,
          .prefetch = static_cast<std::size_t>(data.prefetch)};
}

/// Not empty where the classes are drawn alike.
std::vector<std::vector<std::uint32_t>> OpenData::drawn_classes() {
  const Sampler& sampler = setup_.config.data.sampler;
  if (sampler.kind != SamplerKind::balanced) return {};
  return samples_by_class(data_.open(Split::train), sampler.mark);
}

std::unique_ptr<Batches> OpenData::training_batches() {
  BatchOptions options = training_options();
  options.classes = drawn_classes();
  // Where several batches make a step, none is left out for a signal: half a step cannot be saved.
  const StopFlag* stop = setup_.batches_per_step() > 1 ? nullptr : &stop_;
  return batches_of(Split::train, *setup_.train_pipeline, std::move(options), stop);
}

std::unique_ptr<Batches> OpenData::evaluation_batches(Split split) {
  const BatchOptions options{.batch = static_cast<std::size_t>(setup_.eval_batch())};
  return batches_of(split, *setup_.eval_pipeline, options, &stop_);
}

std::unique_ptr<Batches> OpenData::ordered_training_batches() {
  BatchOptions options = training_options();
  options.shuffle = options.drop_last = false;
  options.workers = reading_threads(setup_);
  return std::make_unique<Batches>(data_.open(Split::train), *setup_.train_pipeline, options,
                                   &stop_);
}

std::unique_ptr<Batches> OpenData::cached_training_batches(SampleSet set, const Pipeline& pipeline,
                                                           bool holds_views) {
  BatchOptions options = training_options();
  options.holds_views = holds_views;
  options.classes = drawn_classes();
  const auto samples = data_.open(Split::train).samples;
  for (std::vector<std::uint32_t>& of_class : options.classes) {
    for (std::uint32_t& sample : of_class)  // which row it has become
      sample =
          static_cast<std::uint32_t>(std::ranges::lower_bound(samples, sample) - samples.begin());
  }
  const StopFlag* stop = setup_.batches_per_step() > 1 ? nullptr : &stop_;
  return std::make_unique<Batches>(set, pipeline, options, stop);
}

std::unique_ptr<Batches> OpenData::cached_evaluation_batches(SampleSet set,
                                                             const Pipeline& pipeline) {
  const BatchOptions options{.batch = static_cast<std::size_t>(setup_.eval_batch()),
                             .prefetch = static_cast<std::size_t>(setup_.config.data.prefetch)};
  return std::make_unique<Batches>(set, pipeline, options, &stop_);
}

std::unique_ptr<Batches> OpenData::batches_of(Split split, const Pipeline& pipeline,
                                              BatchOptions options, const StopFlag* stop) {
  options.streams = setup_.streams();
  options.seed = setup_.config.seed;
  options.prefetch = static_cast<std::size_t>(setup_.config.data.prefetch);
  options.workers = reading_threads(setup_);
  const SampleSet set = data_.open(split);
  const std::string name(split_name(split));
  if (options.streams && set.samples.size() < options.batch) {
    const std::string key = split == Split::train ? "data.batch" : "data.eval_batch";
    throw UserError(
        ExitCode::data,
        {{setup_.config.data.batch_mark,
          fmt::format("{} has {} samples of the stream, fewer than the {} places of a batch, which "
                      "follow one each",
                      name, set.samples.size(), options.batch),
          "a smaller " + key + ", or a smaller length in the source"}});
  }
  if (options.drop_last && set.samples.size() < options.batch) {
    throw UserError(
        ExitCode::data,
        {{setup_.config.data.batch_mark,
          fmt::format("data: batch: {} has {} samples, fewer than one batch of {}", name,
                      set.samples.size(), options.batch),
          "a smaller data.batch; or data.drop_last: false, which trains on a batch that "
          "is not full"}});
  }
  auto batches = std::make_unique<Batches>(set, pipeline, options, stop);
  const std::size_t over = set.samples.size() - batches->samples_per_epoch();
  if (over > 0 && options.streams) {
    left_out_.push_back(
        fmt::format("{}: the last {} of {} samples are left out: the {} places of a batch share "
                    "the others evenly",
                    name, over, set.samples.size(), options.batch));
  } else if (over > 0) {
    left_out_.push_back(fmt::format(
        "the last {} samples of each epoch's order are left out (data.drop_last: true)", over));
  }
  return batches;
}

std::unique_ptr<Batches> OpenData::file_batches(std::span<const std::string> paths, bool skip_bad) {
  const Pipeline* pipeline = &*setup_.eval_pipeline;
  if (are_pictures(setup_.source->spec())) {
    file_ = open_pictures(paths, setup_.source->spec(), pipeline->takes_any_size(), skip_bad);
    const DataConfig& data = setup_.config.data;
    pipeline = &file_pipeline_.emplace(file_->spec(), data.eval_transforms, data.source->type_mark);
  } else if (paths.size() == 1) {
    file_ = setup_.source->open_file(paths[0]);
  } else {
    throw UserError(ExitCode::command_line, "samples of '" + setup_.config.data.source->type +
                                                "' come from one file at a time, not from " +
                                                std::to_string(paths.size()));
  }
  file_samples_.resize(file_->size());
  std::iota(file_samples_.begin(), file_samples_.end(), 0U);
  const BatchOptions options{.batch = static_cast<std::size_t>(setup_.eval_batch()),
                             .seed = setup_.config.seed,
                             .prefetch = static_cast<std::size_t>(setup_.config.data.prefetch),
                             .workers = reading_threads(setup_)};
  return std::make_unique<Batches>(SampleSet{file_.get(), file_samples_}, *pipeline, options,
                                   &stop_);
}

std::vector<std::string> OpenData::notes() const {
  std::vector<std::string> all = data_.notes();
  if (file_) {
    for (std::string& note : file_->notes()) all.push_back(std::move(note));
  }
  all.insert(all.end(), left_out_.begin(), left_out_.end());
  return all;
}

Split choose_split(std::optional<Split> said, const OpenData& data) {
  const Split split = said.value_or(data.has(Split::test)    ? Split::test
                                    : data.has(Split::valid) ? Split::valid
                                                             : Split::train);
  if (!data.has(split)) {
    throw UserError(ExitCode::data, "there is no " + std::string(split_name(split)) + " data",
                    "--split says which part is evaluated");
  }
  return split;
}

std::vector<std::string> names_of_classes(const DataSource& source, std::size_t classes) {
  std::vector<std::string> names = source.spec().class_names;
  for (std::size_t c = names.size(); c < classes; ++c) names.push_back(std::to_string(c));
  return names;
}

void add_programs(Programs& programs, Purpose purpose, std::int64_t batch, std::size_t samples,
                  bool drop_last) {
  const auto rest = static_cast<std::int64_t>(samples) % batch;
  if (static_cast<std::int64_t>(samples) >= batch) programs.add(purpose, batch);
  if (rest > 0 && !drop_last) programs.add(purpose, rest);
}

void add_run_programs(Programs& programs, const Setup& setup, OpenData* data) {
  const std::int64_t batch = setup.config.data.batch;
  if (!data) {
    programs.add(Purpose::train, batch);
    const bool judged = setup.config.data.split.valid.amount > 0 ||
                        (setup.source && setup.source->has(Split::valid)) ||
                        (setup.source && setup.source->has(Split::test));
    if (judged) programs.add(Purpose::evaluate, setup.eval_batch());
    return;
  }
  add_programs(programs, Purpose::train, batch, data->samples(Split::train),
               setup.config.data.drop_last);
  for (const Split split : {Split::valid, Split::test}) {
    if (data->has(split))
      add_programs(programs, Purpose::evaluate, setup.eval_batch(), data->samples(split),
                   setup.streams());
  }
}

}  // namespace dl
