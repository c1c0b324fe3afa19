#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "core/text.h"
#include "engine/sinks/network_table.h"
#include "engine/train/start_check.h"

namespace dl {
namespace {

nlohmann::ordered_json diagnostics_json(const UserError& error) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& diagnostic : error.diagnostics()) {
    nlohmann::ordered_json one = {{"message", escaped(diagnostic.message)}};
    if (diagnostic.mark.valid()) {
      one["file"] = escaped(diagnostic.mark.file->path());
      one["line"] = diagnostic.mark.line;
      one["column"] = diagnostic.mark.column;
    }
    if (!diagnostic.hint.empty()) one["hint"] = escaped(diagnostic.hint);
    list.push_back(std::move(one));
  }
  return list;
}

ExitCode check(const SetupOptions& options, bool json) {
  try {
    Setup setup = load_setup(options);
    check_start(setup);
    std::int64_t parameters = 0, layers = 0;
    for (const NetworkRow& row : network_rows(setup.graph)) {
      parameters += row.parameters;
      ++layers;
    }
    if (json) {
      nlohmann::ordered_json notes = nlohmann::ordered_json::array();
      for (const std::string& note : setup.notes) notes.push_back(escaped(note));
      fmt::print("{}\n", nlohmann::ordered_json({{"ok", true},
                                                 {"name", setup.config.name},
                                                 {"layers", layers},
                                                 {"parameters", parameters},
                                                 {"notes", notes}})
                             .dump());
    } else {
      for (const std::string& note : setup.notes)
        print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
      fmt::print("{}: ok, {} layers, {} parameters\n", escaped(options.config), layers,
                 grouped(parameters));
    }
    return ExitCode::finished;
  } catch (const UserError& error) {
    if (!json) throw;
    fmt::print("{}\n", nlohmann::ordered_json({{"ok", false},
                                               {"exit_code", static_cast<int>(error.code())},
                                               {"errors", diagnostics_json(error)}})
                           .dump());
    return error.code();
  }
}

}  // namespace

Command check_command() {
  return {"check", "Check a config without training", [](CLI::App& app) {
            const auto options = config_arguments(app);
            const auto json = std::make_shared<bool>(false);
            app.add_flag("--json", *json, "Print the outcome as one JSON line");
            return [=] { return check(*options, *json); };
          }};
}

}  // namespace dl
