#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "engine/sinks/console.h"
#include "engine/sinks/metrics_files.h"
#include "engine/sinks/network_table.h"

namespace dl {
namespace {

EpochReport report() {
  return {.epoch = 2,
          .step = 80,
          .split = "valid",
          .metrics = {{"loss", 0.25}, {"top1", 0.9375}},
          .lr = 0.05,
          .samples_per_second = 1000,
          .seconds = 1.5,
          .wait_share = 0.01};
}

struct Lines final : AppendTarget {
  std::string text;
  void append(const std::string& line) override { text += line; }
};

}  // namespace

TEST_CASE("a line of metrics.jsonl has the names that other programs rely on") {
  CHECK(metrics_json_line(report()) ==
        R"({"epoch":2,"step":80,"split":"valid","loss":0.25,"top1":0.9375,"lr":0.05,)"
        R"("samples_per_second":1000.0,"seconds":1.5,"wait_share":0.01})"
        "\n");
}

TEST_CASE("numbers that are not finite are null in JSON and empty in CSV") {
  EpochReport bad = report();
  bad.metrics[0].second = std::numeric_limits<double>::quiet_NaN();
  CHECK(metrics_json_line(bad).find("\"loss\":null") != std::string::npos);
  CHECK(metrics_csv_line(bad, {"loss", "top1"}) == "2,80,valid,,0.9375,0.05,1000,1.5,0.01\n");
}

TEST_CASE("a metric that a split lacks leaves its column empty") {
  CHECK(metrics_csv_header({"loss", "aux", "top1"}) ==
        "epoch,step,split,loss,aux,top1,lr,samples_per_second,seconds,wait_share\n");
  CHECK(metrics_csv_line(report(), {"loss", "aux", "top1"}) ==
        "2,80,valid,0.25,,0.9375,0.05,1000,1.5,0.01\n");
}

TEST_CASE("the log escapes what comes from data and configs") {
  Lines lines;
  const auto log = log_sink(lines);
  log->on_note("an \x1b[31mevil\x1b[0m name");
  CHECK(lines.text.find('\x1b') == std::string::npos);
  CHECK(lines.text.ends_with("an \\x1b[31mevil\\x1b[0m name\n"));
}

TEST_CASE("times and shares read as people write them") {
  CHECK(duration_text(4.53) == "4.5 s");
  CHECK(duration_text(123) == "2:03");
  CHECK(duration_text(3723) == "1:02:03");
  CHECK(metrics_text({{"loss", 0.12345}, {"top1", 0.975}}) == "loss 0.1235  top1 97.50 %");
  CHECK(grouped(0) == "0");
  CHECK(grouped(1234567) == "1,234,567");
}

}  // namespace dl
