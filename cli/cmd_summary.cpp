#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "engine/train/measure.h"

namespace dl {
namespace {

void print_json(const Setup& setup, const NetworkSummary& summary) {
  nlohmann::ordered_json out = {{"net", setup.config.name},
                                {"batch", setup.config.data.batch},
                                {"parameters", summary.parameters},
                                {"flops", summary.flops}};
  for (const auto& [kind, bytes] : summary.memory) out["memory"][kind] = bytes;
  out["layers"] = nlohmann::ordered_json::array();
  for (const NetworkRow& row : summary.rows) {
    const std::vector<std::int64_t> shape(row.output.dims().begin() + 1, row.output.dims().end());
    out["layers"].push_back({{"name", row.name},
                             {"type", row.type},
                             {"output_shape", shape},
                             {"parameters", row.parameters},
                             {"flops", row.flops}});
  }
  fmt::print("{}\n", out.dump());
}

void print_text(const Setup& setup, const NetworkSummary& summary) {
  fmt::print("{}\nmemory of training with batch {}:\n", network_table(summary.rows),
             setup.config.data.batch);
  std::size_t total = 0;
  for (const auto& [kind, bytes] : summary.memory) {
    fmt::print("  {:<36}{:>10.1f} MiB\n", kind, static_cast<double>(bytes) / (1 << 20));
    total += bytes;
  }
  fmt::print("  {:<36}{:>10.1f} MiB\n", "together", static_cast<double>(total) / (1 << 20));
}

/// A run's folder stands for its config.
void accept_run(SetupOptions& options) {
  const std::string resolved = options.config + "/config.resolved.yaml";
  if (std::filesystem::is_directory(options.config) && std::filesystem::exists(resolved))
    options.config = resolved;
}

}  // namespace

Command summary_command() {
  return {"summary", "Show a network: layers, shapes, parameters, FLOPs, memory",
          [](CLI::App& app) {
            const auto options = config_arguments(app);
            app.get_option("config")
                ->description("A config, or a run's folder")
                ->type_name("CONFIG|RUN");
            const auto json = std::make_shared<bool>(false);
            app.add_flag("--json", *json, "Print one JSON line");
            return [=]() -> ExitCode {
              accept_run(*options);
              const Setup setup = load_setup(*options);
              const NetworkSummary summary = summarise(setup);
              (*json ? print_json : print_text)(setup, summary);
              return ExitCode::finished;
            };
          }};
}

}  // namespace dl
