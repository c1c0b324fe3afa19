#include "engine/sinks/sink.h"

#include <fmt/format.h>

#include "core/text.h"
#include "engine/train/metric_spec.h"

namespace dl {

std::string metric_text(const std::string& metric, double value) {
  const bool percentage = metric_spec(metric).format == Format::percentage;
  return percentage ? fmt::format("{:.2f} %", 100 * value) : fmt::format("{:.4f}", value);
}

std::string metrics_text(const Metrics& metrics) {
  std::string out;
  for (const auto& [name, value] : metrics)
    out += (out.empty() ? "" : "  ") + escaped(name) + " " + metric_text(name, value);
  return out;
}

std::string duration_text(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace dl
