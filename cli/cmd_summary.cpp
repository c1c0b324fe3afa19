#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/threads.h"
#include "core/file_system.h"
#include "engine/sinks/diagnosis.h"
#include "engine/train/measure.h"
#include "engine/train/run_identity.h"
#include "engine/train/run_places.h"

namespace dl {
namespace {

void print_json(const Setup& setup, const NetworkSummary& summary,
                const std::optional<Diagnosis>& diagnosis) {
  nlohmann::ordered_json out = {{"net", setup.config.name},
                                {"batch", setup.config.data.batch},
                                {"parameters", summary.parameters},
                                {"flops", summary.flops}};
  for (const MemoryPart& part : summary.memory) out["memory"][part.what] = part.bytes;
  out["layers"] = nlohmann::ordered_json::array();
  for (const NetworkRow& row : summary.rows) {
    const std::vector<std::int64_t> shape(row.output.dims().begin() + 1, row.output.dims().end());
    out["layers"].push_back({{"name", row.name},
                             {"type", row.type},
                             {"output_shape", shape},
                             {"parameters", row.parameters},
                             {"flops", row.flops}});
  }
  if (diagnosis) out["diagnostics"] = diagnosis_json(*diagnosis);
  fmt::print("{}\n", out.dump());
}

void print_text(const Setup& setup, const NetworkSummary& summary,
                const std::optional<Diagnosis>& diagnosis) {
  fmt::print("{}\nmemory of training with batch {}:\n", network_table(summary.rows),
             setup.config.data.batch);
  const auto print_part = [](const std::string& what, std::size_t bytes) {
    fmt::print("  {:<38}{:>10.1f} MiB\n", what, static_cast<double>(bytes) / (1 << 20));
  };
  for (const MemoryPart& part : summary.memory) print_part(part.what, part.bytes);
  print_part("together", total_bytes(summary.memory));
  if (diagnosis)
    fmt::print("\nstep {}, epoch {}:\n{}", diagnosis->step, diagnosis->epoch,
               diagnosis_table(*diagnosis));
}

/// The newest step that a run was looked at in; none for one that never was, and for a config.
std::optional<Diagnosis> find_diagnosis(const std::string& run) {
  const std::string path = run + "/diagnostics.jsonl";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return newest_diagnosis(read_file(path));
}

ExitCode summary(SetupOptions options, bool json) {
  const std::string given = options.config, resolved = given + "/config.resolved.yaml";
  if (std::filesystem::exists(resolved)) {  // a run's folder
    std::vector<std::string> notes;
    expect_unchanged_run(given, notes);
    for (const std::string& note : notes)
      print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
    options.config = resolved;
  }
  const Setup setup = load_setup(options);
  use_threads_and_tell(setup.config);  // primitives need memory for each
  const NetworkSummary summary = summarise(setup);
  (json ? print_json : print_text)(setup, summary, find_diagnosis(given));
  return ExitCode::finished;
}

}  // namespace

Command summary_command() {
  return {"summary",
          "Show a network: layers, shapes, parameters, FLOPs, memory; of a run its gradients too",
          [](CLI::App& app) {
            const auto options = config_arguments(app);
            app.get_option("config")
                ->description("A config, or a run's folder")
                ->type_name("CONFIG|RUN");
            const auto json = std::make_shared<bool>(false);
            app.add_flag("--json", *json, "Print one JSON line");
            return [=] { return summary(*options, *json); };
          }};
}

}  // namespace dl
