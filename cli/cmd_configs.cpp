#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "core/error.h"
#include "engine/config/config_path.h"

namespace dl {
namespace {

void print_json(const std::vector<ShippedConfig>& configs) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const ShippedConfig& config : configs)
    out.push_back({{"path", config.path}, {"summary", config.summary}});
  fmt::print("{}\n", out.dump());
}

void print_list(const std::vector<ShippedConfig>& configs) {
  std::size_t width = 0;
  for (const ShippedConfig& config : configs) width = std::max(width, config.path.size());
  for (const ShippedConfig& config : configs)
    fmt::print("{:<{}}  {}\n", config.path, width, config.summary);
}

ExitCode list_configs(const std::string& word, bool json) {
  std::vector<ShippedConfig> configs = shipped_configs();
  std::erase_if(configs, [&](const ShippedConfig& config) {
    return config.path.find(word) == std::string::npos &&
           config.summary.find(word) == std::string::npos;
  });
  if (configs.empty()) {
    throw UserError(ExitCode::command_line,
                    "configs: none that comes with dltool speaks of '" + word + "'",
                    "dltool configs lists them all");
  }
  (json ? print_json : print_list)(configs);
  return ExitCode::finished;
}

}  // namespace

Command configs_command() {
  return {"configs", "List the configs that come with dltool: dltool train @configs/...",
          [](CLI::App& app) {
            const auto word = std::make_shared<std::string>();
            const auto json = std::make_shared<bool>(false);
            app.add_option("word", *word, "Only those in whose path or summary this stands")
                ->type_name("WORD");
            app.add_flag("--json", *json, "Print one JSON line");
            return [=] { return list_configs(*word, *json); };
          }};
}

}  // namespace dl
