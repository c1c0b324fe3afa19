#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/result_file.h"
#include "engine/core/text.h"
#include "engine/onnx/export.h"
#include "engine/train/safetensors.h"
#include "engine/train/trained_network.h"

namespace dl {
namespace {

struct Words {
  std::string format, output, weights;
  bool checkpoint_said = false;
};

WeightChoice choice_of(WeightChoice choice, const Words& words) {
  if (words.weights == "ema" || words.weights == "raw") {
    choice.averaged = words.weights == "ema";
  } else {
    choice.file = words.weights;
  }
  if (!choice.file.empty() && words.checkpoint_said)
    throw UserError(ExitCode::command_line,
                    "--weights FILE and --checkpoint each name the weights: give one of them");
  return choice;
}

void write_weights(const WeightStore& store, ResultFile& file) {
  std::vector<TensorView> tensors;
  for (const StoredWeight& weight : store.weights())
    tensors.push_back(float_tensor(weight.name, weight.shape.dims(), store.values(weight)));
  file.write(safetensors_header(tensors, {{"format", "pt"}}));
  for (const TensorView& tensor : tensors) {
    file.write({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
}

ExitCode run_export(const SetupOptions& options, const WeightChoice& given, const Words& words) {
  const WeightChoice choice = choice_of(given, words);
  const Setup setup = load_trained(options, choice);
  WeightStore store(setup.graph);
  std::vector<std::string> notes;
  const std::string source = load_chosen_weights(options.config, choice, store, notes);
  const bool onnx = words.format == "onnx";
  std::string model;  // before there is a file: the network may have no form in ONNX
  if (onnx) model = onnx_bytes(export_network(setup.graph, store, setup.config.name, notes));
  ResultFile file(words.output);
  if (onnx)
    file.write(model);
  else
    write_weights(store, file);
  file.finish();
  for (const std::string& note : notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  print_if_possible(stderr, fmt::format("{}: {} from {}\n", escaped(words.output),
                                        onnx ? "ONNX model" : "weights", escaped(source)));
  return ExitCode::finished;
}

}  // namespace

Command export_command() {
  return {"export", "Write a trained network as an ONNX model, or its weights alone",
          [](CLI::App& app) {
            const auto options = std::make_shared<SetupOptions>();
            const auto choice = std::make_shared<WeightChoice>();
            const auto words = std::make_shared<Words>();
            app.add_option("target", options->config, "A run's folder, or a config")
                ->required()
                ->type_name("RUN|CONFIG");
            app.add_option(
                   "--to", words->format,
                   "onnx: a model without losses and what only they need, for batches of any "
                   "size; safetensors: every weight and statistic, under PyTorch's names")
                ->required()
                ->check(CLI::IsMember({"onnx", "safetensors"}))
                ->type_name("onnx|safetensors");
            app.add_option(
                   "-o,--output", words->output,
                   "The file that is written, whole or not at all; one that is there is replaced")
                ->required()
                ->type_name("FILE");
            const CLI::Option* checkpoint =
                app.add_option("--checkpoint", choice->checkpoint,
                               "Of a run: best (the default), last, or a checkpoint's folder")
                    ->type_name("WHICH");
            app.add_option("--weights", words->weights,
                           "A safetensors file; or ema or raw: a run's averaged weights, or not")
                ->type_name("FILE|ema|raw");
            app.add_option("--set", options->sets, "Change a key of the config; may be repeated")
                ->type_name("KEY=VALUE")
                ->allow_extra_args(false);
            app.add_option("--data", options->data_dir, "What @data stands for")->type_name("DIR");
            return [=] {
              words->checkpoint_said = checkpoint->count() > 0;
              return run_export(*options, *choice, *words);
            };
          }};
}

}  // namespace dl
