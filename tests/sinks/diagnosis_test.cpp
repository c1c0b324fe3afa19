#include "engine/sinks/diagnosis.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace dl {
namespace {

Diagnosis diagnosis(std::int64_t step = 200) {
  return {
      .epoch = 3,
      .step = step,
      .layers = {{.layer = "layer1.0.conv1", .type = "conv", .norms = LayerNorms{0.125, 2, 0.0025}},
                 {.layer = "relu1", .type = "relu", .activity = LayerActivity{0.0625, 0.5}},
                 {.layer = "fc", .type = "linear", .norms = LayerNorms{3e-9, 4, 0}}}};
}

constexpr const char* kLines =
    R"({"epoch":3,"step":200,"layer":"layer1.0.conv1","type":"conv","gradient_norm":0.125,)"
    R"("weight_norm":2.0,"update_norm":0.0025,"update_ratio":0.00125})"
    "\n"
    R"({"epoch":3,"step":200,"layer":"relu1","type":"relu","dead":0.0625,"flat":0.5})"
    "\n"
    R"({"epoch":3,"step":200,"layer":"fc","type":"linear","gradient_norm":3e-09,)"
    R"("weight_norm":4.0,"update_norm":0.0,"update_ratio":0.0})"
    "\n";

}  // namespace

TEST_CASE("lines of diagnostics.jsonl have the names that other programs rely on") {
  CHECK(diagnosis_json_lines(diagnosis()) == kLines);
}

TEST_CASE("norms that are not finite are null, and read back as what they are not") {
  Diagnosis bad = diagnosis();
  bad.layers[0].norms = {std::numeric_limits<double>::infinity(), 0, 0};
  const std::string lines = diagnosis_json_lines(bad);
  CHECK(lines.find(
            R"("gradient_norm":null,"weight_norm":0.0,"update_norm":0.0,"update_ratio":null)") !=
        std::string::npos);
  const auto read = newest_diagnosis(lines);
  REQUIRE(read.has_value());
  CHECK(std::isnan(read->layers[0].norms->gradient));
  CHECK(diagnosis_table(*read).find("nan") != std::string::npos);
}

TEST_CASE("the newest step is read, whatever came before it") {
  const auto newest = newest_diagnosis(diagnosis_json_lines(diagnosis(100)) + kLines);
  REQUIRE(newest.has_value());
  CHECK(diagnosis_json_lines(*newest) == kLines);
}

TEST_CASE("a step whose lines are not whole does not count") {
  const std::string before = diagnosis_json_lines(diagnosis(100)), lines = kLines;
  for (std::size_t cut = 1; cut < lines.size(); ++cut) {
    CAPTURE(cut);
    const auto newest = newest_diagnosis(before + lines.substr(0, cut));
    REQUIRE(newest.has_value());
    CHECK(newest->step == (cut == lines.size() - 1 ? 200 : 100));  // only its last end is missing
  }
  CHECK(newest_diagnosis(before + "garbage\n" + lines)->step == 100);
  CHECK(newest_diagnosis(before + "{\"step\":\"x\"}\n" + lines)->step == 100);
  CHECK_FALSE(newest_diagnosis("").has_value());
  CHECK_FALSE(newest_diagnosis("{\"epoch\":1").has_value());
}

TEST_CASE("the table shows a line a layer, in columns") {
  CHECK(diagnosis_table(diagnosis()) ==
        "layer           type     gradient     weight     update  update/weight    dead     flat\n"
        "layer1.0.conv1  conv    1.250e-01  2.000e+00  2.500e-03      1.250e-03\n"
        "relu1           relu                                                    6.25 %  50.00 %\n"
        "fc              linear  3.000e-09  4.000e+00  0.000e+00      0.000e+00\n");
}

TEST_CASE("names in the table are escaped") {
  Diagnosis evil = diagnosis();
  evil.layers[1].layer = "an \x1b[31mevil name";
  CHECK(diagnosis_table(evil).find('\x1b') == std::string::npos);
}

}  // namespace dl
