#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/threads.h"
#include "core/text.h"
#include "engine/train/measure.h"

namespace dl {
namespace {

struct Arguments {
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  std::string precision = "f32";
  bool layers = false, json = false;
};

double round1(double value) { return std::round(value * 10) / 10; }

void print_json(const Setup& setup, const Measurement& m) {
  nlohmann::ordered_json out = {{"net", setup.config.name},
                                {"dtype", "f32"},
                                {"threads", m.threads},
                                {"batch", m.batch},
                                {"per_second", round1(m.per_second)},
                                {"step_ms", std::round(m.step_ms * 100) / 100},
                                {"gflops_per_second", round1(m.gflops_per_second)},
                                {"peak_mib", m.peak_mib},
                                {"params", m.parameters}};
  for (const StepTime& time : m.layers) {
    out["layers"].push_back({{"layer", time.layer},
                             {"type", time.type},
                             {"pass", time.section},
                             {"calls", time.calls},
                             {"ms", time.ms},
                             {"implementation", time.implementation}});
  }
  fmt::print("{}\n", out.dump());
}

void print_layers(const std::vector<StepTime>& times) {
  std::size_t width = 26;
  for (const StepTime& time : times) width = std::max(width, escaped(time.layer).size());
  width += 2;
  fmt::print("\n{:<{}}{:<18}{:<10}{:>6}{:>10}  implementation\n", "layer", width, "type", "pass",
             "calls", "ms");
  std::map<std::string, double> by_type;
  for (const StepTime& time : times) {
    const bool slow = time.implementation.starts_with("ref");
    fmt::print("{:<{}}{:<18}{:<10}{:>6}{:>10.3f}  {}{}\n", escaped(time.layer), width, time.type,
               time.section, time.calls, time.ms, time.implementation, slow ? "   <- slow" : "");
    by_type[time.type + " " + time.section] += time.ms;
  }
  fmt::print("\n{:<40}{:>9}\n", "together", "ms");
  for (const auto& [type, ms] : by_type) fmt::print("{:<40}{:>9.3f}\n", type, ms);
}

ExitCode bench(SetupOptions options, const Arguments& arguments) {
  if (arguments.batch > 0) options.sets.push_back("data.batch=" + std::to_string(arguments.batch));
  if (arguments.precision != "f32")
    options.sets.push_back("train.precision=" + arguments.precision);
  const Setup setup = load_setup(options);
  if (setup.config.losses.empty())
    throw UserError(setup.config.model.mark, "loss is missing: a training step needs one");
  use_threads_and_tell(setup.config);
  const Measurement m = measure_training(setup, arguments.steps, arguments.layers);
  if (arguments.json) {
    print_json(setup, m);
    return ExitCode::finished;
  }
  fmt::print(
      "{}: {:.2f} ms a training step of {} samples (median of {}), {:.1f} samples/s, {:.1f} "
      "GFLOP/s, {} threads, peak {} MiB\n",
      escaped(setup.config.name), m.step_ms, m.batch, m.steps, m.per_second, m.gflops_per_second,
      m.threads, m.peak_mib);
  if (arguments.layers) print_layers(m.layers);
  return ExitCode::finished;
}

}  // namespace

Command bench_command() {
  return {"bench", "Time a training step, on made-up data in memory", [](CLI::App& app) {
            const auto options = config_arguments(app);
            const auto arguments = std::make_shared<Arguments>();
            app.add_option("--steps", arguments->steps,
                           "Steps to time (default: about five seconds' worth)")
                ->check(CLI::Range(1, 1'000'000'000))
                ->type_name("N");
            app.add_option("--batch", arguments->batch,
                           "Samples in a batch (default: the config's)")
                ->check(CLI::Range(1, 1'000'000'000))
                ->type_name("N");
            app.add_option("--precision", arguments->precision, "f32")->type_name("TYPE");
            app.add_flag("--layers", arguments->layers,
                         "Time every layer, forward and backward, and name its implementation");
            app.add_flag("--json", arguments->json, "Print one JSON line");
            return [=] { return bench(*options, *arguments); };
          }};
}

}  // namespace dl
