#include <fmt/format.h>

#include "cli/command.h"
#include "cli/result_file.h"
#include "cli/trained_arguments.h"
#include "core/text.h"
#include "engine/formats/safetensors.h"
#include "engine/onnx/export.h"
#include "engine/train/export_facts.h"
#include "engine/train/updater.h"

namespace dl {
namespace {

struct Words {
  std::string format, output;
  bool preprocessing = false;
};

OnnxModel make_model(const Setup& setup, const WeightStore& store, bool preprocessing,
                     std::vector<std::string>& notes) {
  const ExportFacts facts = export_facts(setup);
  OnnxModel model = export_network(setup.graph, store, setup.config.name, notes,
                                   preprocessing ? &facts.preprocessing : nullptr);
  model.metadata = export_metadata(setup, facts, preprocessing);
  if (preprocessing) notes.insert(notes.end(), facts.outside.begin(), facts.outside.end());
  return model;
}

void write_weights(const WeightStore& store, ResultFile& file) {
  const std::vector<TensorView> tensors = weight_tensors(store);
  file.write(safetensors_header(tensors, {{"format", "pt"}}));
  for (const TensorView& tensor : tensors) {
    file.write({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
}

ExitCode run_export(const TrainedArguments& trained, const Words& words) {
  const WeightChoice choice = trained.choice();
  const bool onnx = words.format == "onnx";
  if (words.preprocessing && !onnx)
    throw UserError(ExitCode::command_line,
                    "--with-preprocessing belongs to --to onnx: weights alone compute nothing");
  std::vector<std::string> notes;
  const Setup setup = load_trained(trained.setup, choice, notes);
  WeightStore store(setup.graph);
  const std::string source = load_chosen_weights(trained.setup.config, choice, store, notes);
  std::string model;  // before there is a file: the network may have no form in ONNX
  if (onnx) model = onnx_bytes(make_model(setup, store, words.preprocessing, notes));
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
  return {
      "export", "Write a trained network as an ONNX model, or its weights alone",
      [](CLI::App& app) {
        const auto trained = trained_arguments(app);
        const auto words = std::make_shared<Words>();
        app.add_option("--to", words->format,
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
        app.add_flag("--with-preprocessing", words->preprocessing,
                     "Put into the model what becomes of a sample before the network and of "
                     "its output behind it: bytes and columns scaled, probabilities, targets in "
                     "their own units");
        return [=] { return run_export(*trained, *words); };
      }};
}

}  // namespace dl
