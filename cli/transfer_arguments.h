#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "engine/config/yaml_text.h"

namespace dl {

/// What finetune and import say of weights that come from elsewhere.
struct TransferArguments {
  std::string from, checkpoint, weights;
  std::vector<std::string> renames, heads;
  bool strict = false;
};

inline std::string list_of(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(yaml_string(text));
  return "[" + join(parts, ", ") + "]";
}

/// --head, --rename and --strict; `from` is each verb's own.
inline std::shared_ptr<TransferArguments> transfer_arguments(CLI::App& app) {
  auto arguments = std::make_shared<TransferArguments>();
  app.add_option("--head", arguments->heads,
                 "A layer that is started anew, whatever the source has; may be repeated")
      ->type_name("LAYER")
      ->allow_extra_args(false);
  app.add_option("--rename", arguments->renames,
                 "Whose names the source's tensors have: torchvision or timm; or what to replace "
                 "in them: '^module\\.='; may be repeated")
      ->type_name("PRESET|REGEX=REPLACEMENT")
      ->allow_extra_args(false);
  app.add_option("--checkpoint", arguments->checkpoint,
                 "Of a run: best (the default), last, or a checkpoint's folder")
      ->type_name("WHICH");
  app.add_option("--weights", arguments->weights,
                 "Of a run: ema or raw, its averaged weights or not")
      ->type_name("ema|raw");
  app.add_flag("--strict", arguments->strict,
               "All but the head must be in the source, and all in it must be used");
  return arguments;
}

/// One preset, or rules in their order.
inline std::string rename_text(const std::vector<std::string>& renames) {
  std::vector<std::string> rules;
  for (const std::string& rename : renames) {
    const std::size_t sign = rename.rfind('=');  // an expression may have one, as in (?=...)
    if (sign == std::string::npos && renames.size() == 1) return yaml_string(rename);
    if (sign == std::string::npos || sign == 0) {
      throw UserError(
          ExitCode::command_line,
          "--rename " + rename + ": expected a preset alone, or rules REGEX=REPLACEMENT");
    }
    rules.push_back(yaml_string(rename.substr(0, sign)) + ": " +
                    yaml_string(rename.substr(sign + 1)));
  }
  return "{" + join(rules, ", ") + "}";
}

/// The config says the same: what the arguments say is set there, so that a run remembers it.
inline std::vector<std::string> sets_of(const TransferArguments& arguments) {
  std::vector<std::string> sets;
  if (!arguments.from.empty()) sets.push_back("finetune.from=" + yaml_string(arguments.from));
  if (!arguments.heads.empty()) sets.push_back("finetune.head=" + list_of(arguments.heads));
  if (!arguments.renames.empty())
    sets.push_back("finetune.rename=" + rename_text(arguments.renames));
  if (!arguments.checkpoint.empty())
    sets.push_back("finetune.checkpoint=" + yaml_string(arguments.checkpoint));
  if (!arguments.weights.empty())
    sets.push_back("finetune.weights=" + yaml_string(arguments.weights));
  if (arguments.strict) sets.push_back("finetune.strict=true");
  return sets;
}

}  // namespace dl
