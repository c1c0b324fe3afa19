#include "engine/sinks/metrics_files.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace dl {
namespace {

std::string csv_number(double value) { return std::isfinite(value) ? number_text(value) : ""; }

}  // namespace

std::string metrics_json_line(const EpochReport& report) {
  nlohmann::ordered_json line = {
      {"epoch", report.epoch}, {"step", report.step}, {"split", report.split}};
  for (const auto& [name, value] : report.metrics)
    line[name] = value;  // not finite: written as null
  line["lr"] = report.lr;
  line["samples_per_second"] = report.samples_per_second;
  line["seconds"] = report.seconds;
  line["wait_share"] = report.wait_share;
  return line.dump() + "\n";
}

std::string metrics_csv_header(const std::vector<std::string>& metrics) {
  std::string line = "epoch,step,split";
  for (const std::string& name : metrics) line += "," + name;
  return line + ",lr,samples_per_second,seconds,wait_share\n";
}

std::string metrics_csv_line(const EpochReport& report, const std::vector<std::string>& metrics) {
  std::string line =
      std::to_string(report.epoch) + "," + std::to_string(report.step) + "," + report.split;
  for (const std::string& name : metrics) {
    const auto at = std::find_if(report.metrics.begin(), report.metrics.end(),
                                 [&](const auto& m) { return m.first == name; });
    line += "," + (at == report.metrics.end() ? "" : csv_number(at->second));
  }
  for (const double value :
       {report.lr, report.samples_per_second, report.seconds, report.wait_share})
    line += "," + csv_number(value);
  return line + "\n";
}

}  // namespace dl
