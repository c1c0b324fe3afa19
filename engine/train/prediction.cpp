#include "engine/train/prediction.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/file_system.h"
#include "core/text.h"
#include "datasets/images/image_files.h"
#include "engine/train/environment.h"
#include "engine/train/run_memory.h"
#include "engine/train/workspace.h"

namespace dl {
namespace {

/// Turns the outputs of programs into predictions.
class Reader {
 public:
  Reader(const Setup& setup, const Program& program, bool targets, const PredictOptions& options)
      : meter_(setup.graph, setup.eval_pipeline->spec()) {
    const std::size_t each = program.output().size() / static_cast<std::size_t>(program.batch());
    form_.targets = targets;
    form_.verbatim = options.to_file;
    if (!meter_.label_slot()) {
      form_.values = each;
      find_units(setup);
      return;
    }
    const auto classes = static_cast<std::size_t>(program.output_shape().back());
    if (each != classes) {
      throw UserError(ExitCode::config, "this network predicts " + std::to_string(each / classes) +
                                            " classes for each sample; predict writes one");
    }
    form_.class_names = names_of_classes(*setup.source, classes);
    form_.top = std::min(static_cast<std::size_t>(options.top), classes);
  }

  const PredictionForm& form() const { return form_; }

  void read(const Program& program, std::span<const void* const> tensors, std::size_t place,
            Prediction& prediction) const {
    const std::size_t each = program.output().size() / static_cast<std::size_t>(program.batch());
    const std::span<const float> output = program.output().subspan(place * each, each);
    if (!form_.class_names.empty()) {
      prediction.likely = likeliest(output, form_.top);
      const std::int32_t label =
          static_cast<const std::int32_t*>(tensors[*meter_.label_slot()])[place];
      prediction.label = std::nullopt;
      if (label >= 0 && static_cast<std::size_t>(label) < form_.class_names.size())
        prediction.label = static_cast<std::size_t>(label);
      return;
    }
    if (form_.answers) {
      prediction.values.clear();
      for (const float logit : output) prediction.values.push_back(probability_of(logit));
    } else {
      in_units(output, prediction.values);
    }
    if (form_.targets) read_targets(tensors[meter_.target_slot()], place * each, each, prediction);
  }

 private:
  void find_units(const Setup& setup) {
    form_.answers = meter_.task() == LossTask::yes_no;
    form_.targets = form_.targets && meter_.task();
    if (!meter_.task()) return;
    const std::string& target = setup.graph.nodes[setup.graph.target.node].name;
    for (const Field& field : setup.eval_pipeline->spec().targets) {
      if ("data." + field.name != target) continue;
      scale_ = field.scale;
      offset_ = field.offset;
    }
  }

  void read_targets(const void* targets, std::size_t first, std::size_t count,
                    Prediction& prediction) const {
    if (!meter_.has_integer_target()) {
      in_units({static_cast<const float*>(targets) + first, count}, prediction.targets);
      return;
    }
    const auto* numbers = static_cast<const std::int32_t*>(targets) + first;
    prediction.targets.assign(numbers, numbers + count);
  }

  void in_units(std::span<const float> numbers, std::vector<double>& values) const {
    values.clear();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::size_t place = scale_.empty() ? 0 : i % scale_.size();
      values.push_back(scale_.empty() ? in_file_units(numbers[i], 1, 0)
                                      : in_file_units(numbers[i], scale_[place], offset_[place]));
    }
  }

  Meter meter_;
  PredictionForm form_;
  std::vector<double> scale_, offset_;
};

/// One program for whole batches, and one for a last partial one.
void record_programs(Programs& programs, const Batches& batches) {
  add_programs(programs, Purpose::predict, static_cast<std::int64_t>(batches.batch_size()),
               batches.samples_per_epoch(), false);
}

/// A text in which stdin goes by its own name.
std::string shown(const PredictOptions& options, std::string text) {
  const std::string& path = options.standard_input;
  for (std::size_t at = path.empty() ? std::string::npos : text.find(path); at != std::string::npos;
       at = text.find(path, at + 1)) {
    text.replace(at, path.size(), "-");
  }
  return text;
}

UserError shown(const PredictOptions& options, const UserError& error) {
  std::vector<Diagnostic> all = error.diagnostics();
  for (Diagnostic& diagnostic : all) {
    diagnostic.message = shown(options, std::move(diagnostic.message));
    diagnostic.hint = shown(options, std::move(diagnostic.hint));
  }
  return {error.code(), std::move(all)};
}

/// What is to be predicted instead of a split.
std::vector<std::string> files_of(const PredictOptions& options, const DataSpec& spec) {
  if (options.standard_input.empty()) return options.files;
  const std::string text = read_file(options.standard_input);
  const bool list = are_pictures(spec) && !text.empty() && utf8_length(text) > 0;
  if (!list) return {options.standard_input};
  const char end = text.find('\0') == std::string::npos ? '\n' : '\0';
  std::vector<std::string> paths;
  for (std::string& path : split(text, end)) {
    if (path.ends_with('\r')) path.pop_back();
    if (!path.empty()) paths.push_back(std::move(path));
  }
  return paths;
}

void predict_batches(const PredictOptions& options, const Setup& setup, Programs& programs,
                     Batches& batches, const StopFlag& stop,
                     const std::function<void(std::string_view)>& write) {
  std::optional<Reader> reader;
  std::vector<const void*> tensors;
  Prediction prediction;
  batches.start(0);
  programs.reset_states(Purpose::predict);
  while (const Batch* batch = batches.next()) {
    if (stop.requested()) return;
    point_at(*batch, tensors);
    Program& program = programs.get(Purpose::predict, static_cast<std::int64_t>(batch->samples));
    program.run(tensors, {});
    if (!reader) {
      reader.emplace(setup, program, batches.dataset().has_targets(), options);
      if (!options.json) write(prediction_csv_header(reader->form()));
    }
    for (std::size_t place = 0; place < batch->samples; ++place) {
      reader->read(program, tensors, place, prediction);
      const std::size_t sample = batches.sample_of(prediction.sample);
      prediction.name = batches.dataset().sample_id(sample);
      if (prediction.name.empty())
        prediction.name = shown(options, batches.dataset().sample_name(sample));
      write(
          (options.json ? prediction_json_line : prediction_csv_line)(reader->form(), prediction));
      ++prediction.sample;
    }
  }
}

}  // namespace

std::vector<std::pair<std::size_t, double>> likeliest(std::span<const float> scores,
                                                      std::size_t top) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // As predicted_class() decides: NaN is never preferred to a number.
  const auto before = [&](std::size_t a, std::size_t b) {
    if (std::isnan(scores[a]) != std::isnan(scores[b])) return std::isnan(scores[b]);
    return scores[a] > scores[b] || (!(scores[a] < scores[b]) && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    before);
  const double largest = scores[order[0]];
  double sum = 0;
  for (const float score : scores) sum += std::exp(score - largest);
  std::vector<std::pair<std::size_t, double>> likely;
  for (std::size_t i = 0; i < top; ++i)
    likely.emplace_back(order[i], std::exp(scores[order[i]] - largest) / sum);
  return likely;
}

double probability_of(float logit) { return 1.0 / (1.0 + std::exp(-static_cast<double>(logit))); }

double in_file_units(float number, double scale, double offset) {
  if (!std::isfinite(number)) return number;
  if (scale == 1 && offset == 0) return parse_double(number_text(number)).value_or(number);
  // A float knows 6e-8 of itself: a place within 8 is good for the rounding's last digit.
  const double known = scale * 1e-6 * std::max(1.0, std::abs(number) / 8.0);
  const double value = number * scale + offset;
  if (!std::isfinite(known) || !std::isfinite(value)) return value;
  const int digits = -static_cast<int>(std::ceil(std::log10(known)));  // behind the point
  if (digits < 0) {
    const double place = std::pow(10.0, -digits);
    return std::round(value / place) * place + 0.0;  // no -0
  }
  std::array<char, 800> text;  // the largest double has 309 digits, and 330 follow at most
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return parse_double(text.data()).value_or(value) + 0.0;
}

namespace {

void predict_samples(const PredictOptions& options, const StopFlag& stop,
                     std::vector<std::string>& notes,
                     const std::function<void(std::string_view)>& write) {
  const Setup setup = load_trained(options.setup, options.weights, notes);
  if (!setup.source)
    throw UserError(setup.config.data.mark, "data.source is missing: predictions need data");
  if (setup.streams()) {
    throw UserError(ExitCode::config, "the samples of this run are pieces of a stream",
                    "eval says how well their next tokens are predicted; generate writes on");
  }
  use_threads_of(setup.config, notes);
  const std::vector<std::string> files = files_of(options, setup.source->spec());
  if (options.skip_bad && (files.empty() || !are_pictures(setup.source->spec()))) {
    throw UserError(ExitCode::command_line, "--skip-bad is for files of pictures",
                    "for those of a split, on_bad: skip stands in the source");
  }
  if (options.top > 1 && !Meter(setup.graph, setup.eval_pipeline->spec()).label_slot()) {
    throw UserError(ExitCode::command_line,
                    "--top is for classes, and this network predicts numbers");
  }
  OpenData data(setup, stop);
  const auto batches = files.empty() ? data.evaluation_batches(choose_split(options.split, data))
                                     : data.file_batches(files, options.skip_bad);
  for (std::string& note : data.notes()) notes.push_back(shown(options, std::move(note)));
  const MemoryPart process = process_memory();
  WeightStore store(setup.graph);
  load_chosen_weights(options.setup.config, options.weights, store, notes);
  Programs programs(setup.graph, store);
  record_programs(programs, *batches);
  check_memory(inference_memory(process, store, programs, *batches), memory_limit_bytes());
  programs.bind();
  predict_batches(options, setup, programs, *batches, stop, write);
}

}  // namespace

void predict(const PredictOptions& options, const StopFlag& stop, std::vector<std::string>& notes,
             const std::function<void(std::string_view)>& write) {
  try {
    predict_samples(options, stop, notes, write);
  } catch (const UserError& error) {
    throw shown(options, error);
  }
}

}  // namespace dl
