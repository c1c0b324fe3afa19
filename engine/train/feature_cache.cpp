#include "engine/train/feature_cache.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "engine/train/environment.h"
#include "engine/train/feature_key.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

std::string bytes_text(std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  return bytes < 1 << 20 ? fmt::format("{:.1f} KiB", size / (1 << 10))
                         : fmt::format("{:.1f} MiB", size / (1 << 20));
}

/// What a row holds: the features, and what else the rest of the network reads.
DataSpec spec_of(const FeatureCut& cut, const DataSpec& data) {
  DataSpec spec = data;
  spec.inputs.clear();
  spec.targets.clear();
  for (std::size_t i = 0; i < cut.ports.size(); ++i) {
    const Node& node = cut.rest.nodes[i];
    spec.inputs.push_back({node.name, DataType::f32, node.input->sample_shape});
  }
  for (const std::size_t input : cut.inputs) {
    if (input < data.inputs.size())
      spec.inputs.push_back(data.inputs[input]);
    else
      spec.targets.push_back(data.targets[input - data.inputs.size()]);
  }
  return spec;
}

/// How many variants of a training sample are kept.
std::uint64_t views_of(const Setup& setup) {
  return setup.train_pipeline->random() ? setup.config.data.augment_views.value_or(1) : 1;
}

/// What one split's features take, one after the other; the largest number where it is none.
struct FeatureSize {
  std::uint64_t train_rows, valid_rows, row_bytes;

  FeatureSize(OpenData& data, std::uint64_t views, const DataSpec& spec)
      : train_rows(data.samples(Split::train) * views),
        valid_rows(data.has(Split::valid) ? data.samples(Split::valid) : 0),
        row_bytes(row_bytes_of(spec)) {}
  std::uint64_t bytes() const {
    std::uint64_t product = 0;
    const bool fits = !__builtin_mul_overflow(train_rows + valid_rows, row_bytes + 8, &product);
    return fits ? product : UINT64_MAX;
  }
};

void expect_memory(const FeatureSize& size, std::size_t left) {
  if (size.bytes() <= left) return;
  throw UserError(ExitCode::memory,
                  "train.cache_features: the features take " + bytes_text(size.bytes()) +
                      " of memory; only " + bytes_text(left) + " are left",
                  "cache_features: disk, or fewer data.augment_views");
}

/// The bytes of one sample of a batch, as a row has them.
void append_row(const Program& program, const Batch& batch, const FeatureCut& cut,
                std::size_t place, std::vector<std::byte>& row) {
  row.clear();
  for (std::size_t i = 0; i < program.feature_count(); ++i) {
    const auto values = program.feature(i);
    const std::size_t each = values.size() / static_cast<std::size_t>(program.batch());
    const auto bytes = std::as_bytes(values.subspan(place * each, each));
    row.insert(row.end(), bytes.begin(), bytes.end());
  }
  for (const std::size_t input : cut.inputs) {
    const BatchField& field = input < batch.inputs.size()
                                  ? batch.inputs[input]
                                  : batch.targets[input - batch.inputs.size()];
    const std::byte* at = field.bytes + place * field.field->bytes();
    row.insert(row.end(), at, at + field.field->bytes());
  }
}

/// Fills a partial batch up to `samples` with copies of its first one: what the buffers, which have
/// room for a whole batch, held before need not be a sample (no sequence has 0 steps).
void fill_up(const Batch& batch, std::size_t samples) {
  for (const auto* fields : {&batch.inputs, &batch.targets}) {
    for (const BatchField& field : *fields) {
      const std::size_t each = field.field->bytes();
      for (std::size_t i = batch.samples; i < samples; ++i)
        std::memcpy(field.bytes + i * each, field.bytes, each);
    }
  }
}

constexpr const char* kOtherPlace =
    "DLTOOL_CACHE names another place; cache_features: off does without";

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The folder itself, or what there is above it.
fs::path nearest_folder(fs::path folder) {
  std::error_code error;
  while (!fs::exists(folder, error) && folder != folder.parent_path())
    folder = folder.parent_path();
  return folder;
}

/// Files of programs that were killed while they wrote them, a day ago or longer.
void remove_leftovers(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const bool unfinished = entry.path().filename().string().find(".tmp-") != std::string::npos;
    const auto age = fs::file_time_type::clock::now() - entry.last_write_time(error);
    if (unfinished && !error && age > std::chrono::hours(24)) fs::remove(entry.path(), error);
  }
}

std::string cache_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (const auto own = variable("DLTOOL_CACHE"); !own.empty()) return own;
  if (const auto xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/dltool";
  const auto home = variable("HOME");
  return (home.empty() ? fs::temp_directory_path().string() : home + "/.cache") + "/dltool";
}

}  // namespace

/// Makes a cache; a class only so that the steps share it.
class FeatureMaker {
 public:
  FeatureMaker(const FeatureRequest& request, FeatureCut cut)
      : request_(request),
        setup_(request.setup),
        cut_(std::move(cut)),
        views_(views_of(setup_)),
        spec_(spec_of(cut_, setup_.train_pipeline->spec())),
        size_(request.data, views_, spec_) {}

  FeatureCache::Result run(std::unique_ptr<FeatureCache>& cache) {
    where_ = choose_place();
    if (where_ == FeatureCacheChoice::off) return FeatureCache::Result::not_wanted;
    auto made = std::make_unique<FeatureCache>();
    if (!fill(Split::train, made->train_)) return FeatureCache::Result::stopped;
    // Averages of what is frozen are the weights themselves, so that evaluation reads these too.
    if (size_.valid_rows > 0 && !fill(Split::valid, made->valid_))
      return FeatureCache::Result::stopped;
    attach(*made);
    cache = std::move(made);
    return FeatureCache::Result::made;
  }

 private:
  static void expect_disk(const std::string& folder, std::uint64_t bytes) {
    std::error_code error;
    const fs::space_info disk = fs::space(folder, error);
    if (error || bytes <= disk.available) return;
    throw UserError(ExitCode::output,
                    "train.cache_features: the features take " + bytes_text(bytes) + "; " + folder +
                        " has room for " + bytes_text(disk.available),
                    "DLTOOL_CACHE names another place; fewer data.augment_views take less");
  }

  FeatureCacheChoice choose_place() const {
    const FeatureCacheChoice said = setup_.config.train.cache_features.where;
    if (said != FeatureCacheChoice::automatic) return said;
    if (request_.epochs <= static_cast<std::int64_t>(views_)) return FeatureCacheChoice::off;
    if (size_.bytes() <= request_.memory_left / 2) return FeatureCacheChoice::ram;
    std::error_code error;
    const fs::space_info disk = fs::space(nearest_folder(cache_folder()), error);
    if (!error && size_.bytes() <= disk.available / 2) return FeatureCacheChoice::disk;
    request_.tell("features are not cached: they take " + bytes_text(size_.bytes()) +
                  ", more than half of what is left of memory and disk");
    return FeatureCacheChoice::off;
  }

  std::size_t rows_of(Split split) const {
    return split == Split::train ? size_.train_rows : size_.valid_rows;
  }

  /// Computes a split's rows, or finds them. False: stopped.
  bool fill(Split split, FeatureCache::Part& part) {
    return where_ == FeatureCacheChoice::ram ? fill_in_memory(split, part)
                                             : fill_on_disk(split, part);
  }

  bool fill_in_memory(Split split, FeatureCache::Part& part) {
    expect_memory(size_, request_.memory_left);
    FeatureMemory memory(rows_of(split), size_.row_bytes);
    if (!compute(split, memory, "in memory")) return false;
    part.rows = std::make_unique<FeatureRows>(spec_, request_.data.dataset(split), memory.take(),
                                              rows_of(split));
    return true;
  }

  bool fill_on_disk(Split split, FeatureCache::Part& part) {
    const std::string key = feature_key(setup_, cut_, request_.data, request_.store, split, views_);
    const std::string folder = cache_folder() + "/features", path = folder + "/" + key;
    const std::string what = "features of " + std::string(split_name(split));
    const FeatureFile::State state =
        FeatureFile::look_at(path, key, rows_of(split), size_.row_bytes);
    if (state == FeatureFile::State::damaged)
      request_.tell("the " + what + " in " + path + " are damaged: they are computed again");
    if (state == FeatureFile::State::whole) {
      request_.tell(what + " are there already: " + path);
    } else {
      try {
        fs::create_directories(folder);
        remove_leftovers(folder);
        expect_disk(folder, FeatureFile::bytes_of(rows_of(split), size_.row_bytes));
        FeatureFile file(request_.files, path, key, rows_of(split), size_.row_bytes);
        if (!compute(split, file, path)) return false;
        file.finish();
      } catch (const fs::filesystem_error& error) {
        throw UserError(ExitCode::output,
                        "train.cache_features: cannot make the folder " + folder + ": " +
                            error.code().message(),
                        kOtherPlace);
      } catch (const FileError& error) {
        throw UserError(ExitCode::output, std::string("train.cache_features: ") + error.what(),
                        kOtherPlace);
      }
    }
    part.rows =
        std::make_unique<FeatureRows>(spec_, request_.data.dataset(split), path, rows_of(split));
    return true;
  }

  bool compute(Split split, FeatureSink& sink, const std::string& where) {
    const auto began = std::chrono::steady_clock::now();
    const bool training = split == Split::train;
    const auto batches = training ? request_.data.ordered_training_batches()
                                  : request_.data.evaluation_batches(split);
    const std::uint64_t views = training ? views_ : 1;
    const Purpose purpose = training ? Purpose::train_features : Purpose::evaluate_features;
    const auto batch = static_cast<std::int64_t>(batches->batch_size());
    const std::size_t samples = batches->samples_per_epoch();
    Programs programs(setup_.graph, request_.store);
    add_programs(programs, purpose, batch, samples, false);
    programs.bind();
    // Where training mixes the order, a sample of the last batch here is in a whole one there.
    const bool whole = training && setup_.shuffles() && samples >= batches->batch_size();
    const std::string what = "computing features of " + std::string(split_name(split));
    std::vector<const void*> tensors;
    std::vector<std::byte> row;
    for (std::uint64_t view = 0; view < views; ++view) {
      batches->start(view);
      std::size_t seen = 0;
      while (const Batch* next = batches->next()) {
        if (request_.stop.requested()) return false;
        point_at(*next, tensors);
        const auto size = static_cast<std::int64_t>(next->samples);
        if (whole) fill_up(*next, batches->batch_size());
        Program& program = programs.get(purpose, whole ? batch : size);
        program.run(tensors, {.seed = setup_.config.seed});
        for (std::size_t place = 0; place < next->samples; ++place) {
          append_row(program, *next, cut_, place, row);
          sink.add(row);
        }
        seen += next->samples;
        request_.work({.what = what,
                       .done = static_cast<std::int64_t>(view * samples + seen),
                       .total = static_cast<std::int64_t>(views * samples),
                       .seconds = seconds_since(began)});
      }
      if (seen < samples) return false;  // a signal ends batches early
    }
    request_.tell(fmt::format("features of {} samples ({}{}) computed in {:.1f} s: {}, {}", samples,
                              split_name(split), views > 1 ? fmt::format(", {} views", views) : "",
                              seconds_since(began), bytes_text(samples * views * size_.row_bytes),
                              where));
    return true;
  }

  void attach(FeatureCache& cache) {
    for (auto* part : {&cache.train_, &cache.valid_}) {
      if (!part->rows) continue;
      const std::size_t samples =
          part == &cache.train_ ? request_.data.samples(Split::train) : size_.valid_rows;
      part->samples.resize(samples);
      std::iota(part->samples.begin(), part->samples.end(), 0U);
      part->pipeline = std::make_unique<Pipeline>(spec_, std::span<const TypedNode>{});
    }
    const auto set = [](const FeatureCache::Part& part) {
      return SampleSet{part.rows.get(), part.samples};
    };
    cache.train_.batches = request_.data.cached_training_batches(
        set(cache.train_), *cache.train_.pipeline, views_ > 1);
    if (size_.valid_rows > 0)
      cache.valid_.batches =
          request_.data.cached_evaluation_batches(set(cache.valid_), *cache.valid_.pipeline);
    cache.meter_ = std::make_unique<Meter>(cut_.rest, spec_);
    cache.programs_ = std::make_unique<Programs>(cut_.rest, request_.store);
    const DataConfig& data = setup_.config.data;
    add_programs(*cache.programs_, Purpose::train, data.batch, request_.data.samples(Split::train),
                 data.drop_last);
    if (size_.valid_rows > 0)
      add_programs(*cache.programs_, Purpose::evaluate, setup_.eval_batch(), size_.valid_rows,
                   false);
    cache.programs_->bind();
  }

  const FeatureRequest& request_;
  const Setup& setup_;
  FeatureCut cut_;
  std::uint64_t views_;
  DataSpec spec_;
  FeatureSize size_;
  FeatureCacheChoice where_ = FeatureCacheChoice::off;
};

std::string obstacle_to_features(const Setup& setup) {
  const Pipeline& pipeline = *setup.train_pipeline;
  if (setup.streams()) return "the samples are pieces of one stream";
  if (setup.config.diagnostics) return "diagnostics look at the whole network";
  if (pipeline.mixes()) return "data.transforms mix the samples of a batch anew each time";
  if (pipeline.random() && !setup.config.data.augment_views)
    return "data.transforms.train give other samples each epoch; data.augment_views: K shows only "
           "K variants of each";
  return "";
}

void expect_feature_memory(const Setup& setup, OpenData& data, const WeightStore& store,
                           std::size_t left) {
  if (setup.config.train.cache_features.where != FeatureCacheChoice::ram) return;
  const auto cut = cut_at_features(setup.graph, store);
  if (!cut) return;
  const DataSpec spec = spec_of(*cut, setup.train_pipeline->spec());
  expect_memory(FeatureSize(data, views_of(setup), spec), left);
}

FeatureCache::Result FeatureCache::make(const FeatureRequest& request,
                                        std::unique_ptr<FeatureCache>& cache) {
  auto cut = cut_at_features(request.setup.graph, request.store);
  if (!cut) return Result::not_wanted;
  if (const std::string obstacle = obstacle_to_features(request.setup); !obstacle.empty()) {
    request.tell("the frozen part is computed anew each epoch: " + obstacle);
    return Result::not_wanted;
  }
  return FeatureMaker(request, std::move(*cut)).run(cache);
}

}  // namespace dl
