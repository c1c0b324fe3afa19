#include "engine/train/prediction.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace dl {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("the likeliest classes stand first, equal ones in their order, NaN last") {
  const std::vector<float> scores = {1, 3, 3, -2};
  const auto likely = likeliest(scores, 3);
  REQUIRE(likely.size() == 3);
  CHECK(likely[0].first == 1);
  CHECK(likely[1].first == 2);
  CHECK(likely[2].first == 0);
  const double sum = std::exp(-2.0) + 2 + std::exp(-5.0);
  CHECK(likely[0].second == doctest::Approx(1 / sum));
  CHECK(likely[2].second == doctest::Approx(std::exp(-2.0) / sum));
  CHECK(likeliest(std::vector<float>{kNan, 1, kNan}, 1)[0].first == 1);
  CHECK(likeliest(std::vector<float>{1000, 0}, 1)[0].second == 1);
}

TEST_CASE("classes are written as CSV and as JSON") {
  const PredictionForm form{.class_names = {"a", "b, \"c\"", "d\n"}, .top = 2};
  Prediction prediction{
      .sample = 4, .name = "x,y.csv:7", .likely = {{1, 0.75}, {0, 0.25}}, .label = 2};
  CHECK(prediction_csv_header(form) ==
        "sample,name,predicted,probability,predicted_2,probability_2,target\n");
  CHECK(prediction_csv_line(form, prediction) ==
        "4,\"x,y.csv:7\",\"b, \"\"c\"\"\",0.75,a,0.25,d\\x0a\n");
  CHECK(
      prediction_json_line(form, prediction) ==
      R"({"sample":4,"name":"x,y.csv:7","predicted":"b, \"c\"","probability":0.75,)"
      R"("top":[{"class":"b, \"c\"","probability":0.75},{"class":"a","probability":0.25}],"target":"d\n"})"
      "\n");
  prediction.label.reset();
  CHECK(prediction_csv_line(form, prediction).ends_with(",0.25,\n"));
  CHECK(prediction_json_line(form, prediction).ends_with("\"target\":null}\n"));
}

TEST_CASE("a file gets names as they are, and JSON names that can be read back") {
  const std::string turned =
      "a\xe2\x80\xae"
      "b";
  const PredictionForm form{.class_names = {turned}, .targets = false, .verbatim = true};
  const Prediction prediction{.name = "x", .likely = {{0, 1}}};
  CHECK(prediction_csv_line(form, prediction) == "0,x," + turned + ",1\n");
  CHECK(prediction_json_line(form, prediction) ==
        "{\"sample\":0,\"name\":\"x\",\"predicted\":\"a\\u202eb\",\"probability\":1.0}\n");
}

TEST_CASE("numbers are written as CSV and as JSON") {
  const PredictionForm two{.values = 2};
  const Prediction prediction{.name = "s", .values = {0.1, 1e6}, .targets = {kNone, -2}};
  CHECK(prediction_csv_header(two) == "sample,name,predicted_1,predicted_2,target_1,target_2\n");
  CHECK(prediction_csv_line(two, prediction) == "0,s,0.1,1e+06,,-2\n");
  const PredictionForm one{.values = 1, .targets = false};
  CHECK(prediction_csv_header(one) == "sample,name,predicted\n");
  CHECK(prediction_csv_line(one, {.name = "s", .values = {2.5}}) == "0,s,2.5\n");
  CHECK(prediction_json_line(one, {.name = "s", .values = {2.5}}) ==
        "{\"sample\":0,\"name\":\"s\",\"predicted\":2.5}\n");
  CHECK(prediction_json_line(two, {.name = "s", .values = {1, kNone}, .targets = {3, 4}}) ==
        "{\"sample\":0,\"name\":\"s\",\"predicted\":[1.0,null],\"target\":[3.0,4.0]}\n");
}

TEST_CASE("answers to yes and no are written beside their probabilities and targets") {
  CHECK(probability_of(0) == 0.5);
  CHECK(probability_of(-1000) == 0);
  const PredictionForm one{.values = 1, .answers = true};
  CHECK(prediction_csv_header(one) == "sample,name,predicted,probability,target\n");
  CHECK(prediction_csv_line(one, {.name = "s", .values = {0.75}, .targets = {0}}) ==
        "0,s,1,0.75,0\n");
  CHECK(prediction_json_line(one, {.name = "s", .values = {0.5}, .targets = {1}}) ==
        R"({"sample":0,"name":"s","predicted":0,"probability":0.5,"target":1.0})"
        "\n");
  const PredictionForm two{.values = 2, .answers = true, .targets = false};
  CHECK(prediction_csv_header(two) ==
        "sample,name,predicted_1,probability_1,predicted_2,probability_2\n");
  CHECK(prediction_csv_line(two, {.name = "s", .values = {0.25, 1}}) == "0,s,0,0.25,1,1\n");
  CHECK(prediction_json_line(two, {.name = "s", .values = {0.25, 1}}) ==
        R"({"sample":0,"name":"s","predicted":[0,1],"probability":[0.25,1.0]})"
        "\n");
}

TEST_CASE("a number in the units of the file has the digits that a float of it can tell") {
  const auto echoed = [](double value, double scale, double offset) {
    return in_file_units(static_cast<float>((value - offset) / scale), scale, offset);
  };
  for (const double value : {1700000864.0, 1700000000.0, 1700000333.0, 1700000900.5})
    CHECK(echoed(value, 288.7, 1700000450.25) == value);
  for (const double value : {6.261, 0.003, -12.5, 0.0, 19.999}) {
    CHECK(echoed(value, 4.97, 5.013) == value);
    CHECK(echoed(value, 1, 0) == value);
  }
  CHECK(echoed(6.7e12, 1e12, 5e12) == 6.7e12);
  CHECK(echoed(1.25e-9, 3e-10, 1e-9) == 1.25e-9);
  CHECK(echoed(5e6, 1.5, 3) == 5e6);  // far from what the scale was fitted on
  CHECK(std::isnan(in_file_units(kNan, 2, 3)));
  CHECK_FALSE(std::signbit(in_file_units(-1e-9F, 10, 0)));
  const PredictionForm form{.values = 1};
  const Prediction time{.name = "s", .values = {1700000864.5}, .targets = {1700000864}};
  CHECK(prediction_csv_line(form, time) == "0,s,1700000864.5,1700000864\n");
  CHECK(prediction_json_line(form, time).ends_with(":1700000864.5,\"target\":1700000864.0}\n"));
}

}  // namespace dl
