#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/exit_code.h"

namespace CLI {
class App;
}

namespace dl {

/// A verb of the program.
struct Command {
  std::string_view name, summary;
  /// Declares the verb's arguments and returns what to do once they are parsed.
  std::function<std::function<ExitCode()>(CLI::App& app)> declare;
  bool computes = false;  // on a team of threads
};

Command bench_command();
Command check_command();
Command compare_command();
Command configs_command();
Command docs_command();
Command eval_command();
Command export_command();
Command finetune_command();
Command generate_command();
Command import_command();
Command init_command();
Command predict_command();
Command resume_command();
Command summary_command();
Command train_command();

}  // namespace dl
