#include "engine/train/monitor.h"

#include <algorithm>

#include "core/text.h"

namespace dl {
namespace {

Monitor named_monitor(const TrainConfig& config, const Meter& meter, bool has_valid,
                      std::optional<std::size_t> samples) {
  const std::size_t slash = std::min(config.monitor.find('/'), config.monitor.size());
  const std::string split = config.monitor.substr(0, slash);
  const std::string metric = config.monitor.substr(std::min(slash + 1, config.monitor.size()));
  if (split == "valid" && !has_valid) {
    throw UserError(config.mark,
                    "train.monitor: '" + config.monitor + "', but there is no validation data",
                    "hold some out with data.split");
  }
  const auto specs =
      split == "train" ? meter.specs(Purpose::train) : meter.specs(Purpose::evaluate, samples);
  const auto at = std::ranges::find(specs, metric, &MetricSpec::name);
  if (at != specs.end()) return {split, *at};
  std::vector<std::string> names;
  for (const MetricSpec& spec : specs) names.push_back(spec.name);
  throw UserError(config.mark,
                  "train.monitor: '" + config.monitor + "' is no metric of this run" +
                      did_you_mean(metric, names),
                  "the metrics of " + split + " are " + join(names, ", "));
}

}  // namespace

Monitor choose_monitor(const Setup& setup, const Meter& meter, bool has_valid,
                       std::optional<std::size_t> samples) {
  const TrainConfig& config = setup.config.train;
  Monitor monitor;
  if (!config.monitor.empty())
    monitor = named_monitor(config, meter, has_valid, samples);
  else if (has_valid)
    monitor = {"valid", meter.main_metric()};
  if (monitor.none() && (config.stop || setup.schedule->watches_metric())) {
    throw UserError(config.mark,
                    "train.stop and the schedule 'plateau' watch a metric, and without validation "
                    "data there is none",
                    "hold some out with data.split, or set train.monitor to train/loss");
  }
  return monitor;
}

}  // namespace dl
