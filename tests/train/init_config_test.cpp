#include "engine/train/init_config.h"

#include <doctest/doctest.h>

#include "tests/support/network.h"

namespace dl {
namespace {

PictureSurvey survey_of(std::vector<std::size_t> train, std::int64_t shorter) {
  PictureSurvey survey{.classes = {}, .train = std::move(train), .shorter = shorter, .bad = {}};
  for (std::size_t i = 0; i < survey.train.size(); ++i)
    survey.classes.push_back("class" + std::to_string(i));
  return survey;
}

std::string config_of(const PictureSurvey& survey, const PictureNetwork& network,
                      const std::string& from = "") {
  const InitRequest request{
      .folder = "/nowhere/pictures", .name = "p", .file = "c.yaml", .from = from};
  return init_config(request, survey, network);
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("every config that init writes passes check") {
  for (const std::int64_t shorter : {20, 60, 130, 500}) {
    for (const std::size_t each : {2, 40, 5000}) {
      CAPTURE(shorter);
      CAPTURE(each);
      const PictureSurvey survey = survey_of({each, 5 * each, each}, shorter);
      PictureNetwork network = network_for(shorter);
      const std::string text = config_of(survey, network);
      CHECK(test::setup_error(text) == "");
      CHECK(holds(text, "sampler: balanced"));
      network.heads = {"fc"};
      const std::string tuned = config_of(survey, network, "w.safetensors");
      CHECK(test::setup_error(tuned) == "");
      CHECK(holds(tuned, "freeze: true") == (each < 5000));
      CHECK(holds(tuned, "\nphases:") == (each == 5000));
    }
  }
}

TEST_CASE("of a handful of pictures none is held out, of more a fifth") {
  const auto text = [](std::vector<std::size_t> train) {
    return config_of(survey_of(std::move(train), 40), network_for(40));
  };
  CHECK(test::setup_of(text({1, 1})).config.data.split.valid.amount == 0);
  CHECK(holds(text({1, 1}), "none to validate"));
  CHECK(test::setup_of(text({3, 2})).config.data.split.valid.amount == 0.2);
}

TEST_CASE("the size of the input follows the pictures, within what a network is for") {
  const auto input = [](std::int64_t shorter) {
    const Setup setup =
        test::setup_of(config_of(survey_of({40, 40}, shorter), network_for(shorter)));
    return *setup.config.model.input;
  };
  CHECK(input(20) == std::vector<std::int64_t>{3, 32, 32});
  CHECK(input(49) == std::vector<std::int64_t>{3, 96, 96});
  CHECK(input(140) == std::vector<std::int64_t>{3, 128, 128});
  CHECK(input(900) == std::vector<std::int64_t>{3, 224, 224});
}

}  // namespace dl
