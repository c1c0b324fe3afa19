#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/transfer_arguments.h"
#include "core/file_system.h"
#include "core/text.h"
#include "engine/formats/safetensors.h"
#include "engine/onnx/import.h"
#include "engine/train/finite_weights.h"
#include "engine/train/layer_roles.h"
#include "engine/train/transfer.h"
#include "engine/train/transfer_table.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

struct Words {
  std::string source, output, input_shape;
};

std::vector<std::int64_t> read_shape(const std::string& text) {
  std::vector<std::int64_t> shape;
  if (text.empty()) return shape;
  for (const std::string& part : split(text, ',')) {
    const auto size = parse_int(part);
    if (!size || *size < 1)
      throw UserError(
          ExitCode::command_line,
          "--input-shape: expected sizes of a sample, as 3,224,224, found '" + text + "'");
    shape.push_back(*size);
  }
  return shape;
}

/// The folder is there with both files or not at all.
void write_folder(const ImportedNetwork& network, const std::string& folder) {
  const auto files = real_file_system();
  const std::string temporary = folder + ".tmp-" + std::to_string(::getpid());
  std::vector<TensorView> tensors;
  for (const ImportedTensor& tensor : network.weights)
    tensors.push_back(float_tensor(tensor.name, tensor.dims, tensor.values));
  try {
    files->make_folder(temporary);
    write_safetensors(*files, temporary + "/model.safetensors", tensors, {{"format", "pt"}});
    write_file(*files, temporary + "/config.yaml", network.config);
    files->sync_folder(temporary);
    files->rename(temporary, folder);
  } catch (const FileError&) {
    remove_quietly(*files, temporary);
    throw;
  }
  files->sync_folder(parent_folder(folder));
}

ExitCode import_whole(const Words& words) {
  const std::vector<std::int64_t> input_shape = read_shape(words.input_shape);
  std::string folder = words.output;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  std::error_code error;
  if (fs::exists(fs::symlink_status(folder, error)))
    throw UserError(ExitCode::output, folder + ": exists already; nothing is imported over it");
  if (!fs::exists(words.source, error))
    throw UserError(ExitCode::weights, "no ONNX model at '" + words.source + "'");
  const OnnxModel model = read_onnx(words.source);
  const ImportedNetwork network =
      import_network(model, {.path = words.source,
                             .name = fs::path(words.source).stem().string(),
                             .input_shape = input_shape});
  for (const ImportedTensor& tensor : network.weights)
    expect_finite(tensor.values, Shape(tensor.dims), words.source, tensor.name);
  write_folder(network, folder);
  for (const std::string& note : network.notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  std::int64_t numbers = 0;
  for (const ImportedTensor& tensor : network.weights)
    numbers += static_cast<std::int64_t>(tensor.values.size());
  fmt::print("{}: {} layers, {} tensors of {} numbers\n", escaped(folder + "/config.yaml"),
             network.layers, network.weights.size(), numbers);
  return ExitCode::finished;
}

/// Weights outside of heads that the source lacks are what people mean by weights that do not fit,
/// though finetune would start them anew.
void expect_fit(const Setup& setup, const Transfer& transfer) {
  const std::vector<NodeWeight> weights = graph_weights(setup.graph);
  const std::vector<std::string> heads = head_layers(setup.graph);
  std::vector<std::string> missing;
  std::size_t loaded = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const TransferredWeight& weight = transfer.weights[i];
    loaded += weight.source.empty() ? 0 : 1;
    const bool head = std::ranges::count(heads, setup.graph.nodes[weights[i].node].name) > 0;
    if (weight.why == kNotInSource && !head) missing.push_back("'" + weight.name + "'");
  }
  if (missing.empty()) return;
  constexpr std::size_t kShown = 3;
  std::string names = join(std::span(missing).first(std::min(kShown, missing.size())), ", ");
  if (missing.size() > kShown) names += fmt::format(" and {} more", missing.size() - kShown);
  throw UserError(ExitCode::weights,
                  fmt::format("{}: fits in part: {} of {} weights; not in it: {}", transfer.from,
                              loaded, weights.size(), names),
                  "--rename gives its tensors the names of the network's");
}

/// What finetune would do with these weights, without training.
ExitCode check_fit(SetupOptions options, const TransferArguments& arguments) {
  for (const std::string& set : sets_of(arguments)) options.sets.push_back(set);
  const Setup setup = load_setup(options);
  check_finetune(setup);
  const WeightSource source = open_source(setup);
  const Transfer transfer = plan_transfer(setup, source);
  for (const std::string& note : source.notes())
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  fmt::print("{}", transfer_table(setup.graph, transfer, transfer.frozen()));
  std::fflush(stdout);  // before what is wrong
  expect_fit(setup, transfer);
  return ExitCode::finished;
}

ExitCode run_import(const Words& words, const SetupOptions& options, TransferArguments arguments) {
  if (words.output.empty() == options.config.empty()) {
    throw UserError(ExitCode::command_line, "import needs -o DIR or --config CONFIG, one of them",
                    "-o makes a config of an ONNX model; --config checks whether weights fit one");
  }
  const bool transfers = !sets_of(arguments).empty() || !options.sets.empty();
  if (!words.output.empty() && transfers) {
    throw UserError(ExitCode::command_line,
                    "with -o a whole network is read: --head, --rename, --strict, --checkpoint, "
                    "--weights and --set belong to --config");
  }
  if (words.output.empty() && !words.input_shape.empty()) {
    throw UserError(ExitCode::command_line,
                    "--input-shape belongs to -o: the config says what the input is");
  }
  if (!words.output.empty()) return import_whole(words);
  arguments.from = words.source;
  return check_fit(options, arguments);
}

}  // namespace

Command import_command() {
  return {"import", "Make a config of an ONNX model, or check whether weights fit a config",
          [](CLI::App& app) {
            const auto words = std::make_shared<Words>();
            const auto options = std::make_shared<SetupOptions>();
            app.add_option(
                   "source", words->source,
                   "An .onnx model; with --config also a .safetensors file or a run's folder")
                ->required()
                ->type_name("SOURCE");
            app.add_option("-o,--output", words->output,
                           "A new folder for config.yaml and model.safetensors")
                ->type_name("DIR");
            app.add_option("--input-shape", words->input_shape,
                           "Of one sample, where the model leaves it open: 3,224,224")
                ->type_name("SIZES");
            app.add_option("--config", options->config,
                           "Says what finetune would load into this config, and exits with 5 where "
                           "the weights do not fit")
                ->type_name("CONFIG");
            const auto arguments = transfer_arguments(app);
            app.add_option("--set", options->sets, "Change a key of the config; may be repeated")
                ->type_name("KEY=VALUE")
                ->allow_extra_args(false);
            app.add_option("--data", options->data_dir, "What @data stands for")->type_name("DIR");
            return [=] { return run_import(*words, *options, *arguments); };
          }};
}

}  // namespace dl
