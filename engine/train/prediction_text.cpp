#include <cmath>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "engine/train/prediction.h"

// Predictions as lines of CSV and JSON.
namespace dl {
namespace {

using nlohmann::ordered_json;

/// In quotes where RFC 4180 wants them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

template <class Number>
std::string csv_number(Number value) {
  return std::isfinite(value) ? number_text(value) : "";
}

/// "value", or "value_1", "value_2", ... where there are several.
std::string numbered(const std::string& name, std::size_t i, std::size_t count) {
  return count == 1 ? name : name + "_" + std::to_string(i + 1);
}

ordered_json json_number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json json_numbers(const std::vector<double>& values) {
  if (values.size() == 1) return json_number(values[0]);
  ordered_json list = ordered_json::array();
  for (const double value : values) list.push_back(json_number(value));
  return list;
}

/// ASCII alone, so that no name does anything to a terminal and each can be read back.
std::string json_text(const ordered_json& line) {
  return line.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

/// Yes from one half on, as metrics count.
int answer_of(double probability) { return probability > 0.5 ? 1 : 0; }

ordered_json answers_json(const std::vector<double>& probabilities) {
  if (probabilities.size() == 1) return answer_of(probabilities[0]);
  ordered_json list = ordered_json::array();
  for (const double probability : probabilities) list.push_back(answer_of(probability));
  return list;
}

std::string answer_csv(double probability) {
  return "," + std::to_string(answer_of(probability)) + "," +
         csv_number(static_cast<float>(probability));
}

}  // namespace

std::string prediction_csv_header(const PredictionForm& form) {
  std::string line = "sample,name";
  if (!form.class_names.empty()) {
    for (std::size_t i = 0; i < form.top; ++i) {
      const std::string end = i == 0 ? "" : "_" + std::to_string(i + 1);
      line += ",predicted" + end + ",probability" + end;
    }
    return line + (form.targets ? ",target\n" : "\n");
  }
  for (std::size_t i = 0; i < form.values; ++i) {
    line += "," + numbered("predicted", i, form.values);
    if (form.answers) line += "," + numbered("probability", i, form.values);
  }
  if (form.targets) {
    for (std::size_t i = 0; i < form.values; ++i) line += "," + numbered("target", i, form.values);
  }
  return line + "\n";
}

std::string prediction_csv_line(const PredictionForm& form, const Prediction& prediction) {
  const auto field = [&](const std::string& name) {
    return csv_field(form.verbatim ? name : escaped(name));
  };
  std::string line = std::to_string(prediction.sample) + "," + field(prediction.name);
  for (const auto& [label, probability] : prediction.likely)
    line +=
        "," + field(form.class_names[label]) + "," + csv_number(static_cast<float>(probability));
  for (const double value : prediction.values)
    line += form.answers ? answer_csv(value) : "," + csv_number(value);
  if (!form.targets) return line + "\n";
  if (!form.class_names.empty())
    return line + "," + (prediction.label ? field(form.class_names[*prediction.label]) : "") + "\n";
  for (const double target : prediction.targets) line += "," + csv_number(target);
  return line + "\n";
}

std::string prediction_json_line(const PredictionForm& form, const Prediction& prediction) {
  ordered_json line = {{"sample", prediction.sample}, {"name", prediction.name}};
  if (form.class_names.empty()) {
    line["predicted"] =
        form.answers ? answers_json(prediction.values) : json_numbers(prediction.values);
    if (form.answers) line["probability"] = json_numbers(prediction.values);
    if (form.targets) line["target"] = json_numbers(prediction.targets);
    return json_text(line);
  }
  const auto name = [&](std::size_t label) { return form.class_names[label]; };
  line["predicted"] = name(prediction.likely[0].first);
  line["probability"] = json_number(prediction.likely[0].second);
  for (std::size_t i = 0; form.top > 1 && i < prediction.likely.size(); ++i) {
    line["top"].push_back({{"class", name(prediction.likely[i].first)},
                           {"probability", json_number(prediction.likely[i].second)}});
  }
  if (form.targets)
    line["target"] =
        prediction.label ? ordered_json(name(*prediction.label)) : ordered_json(nullptr);
  return json_text(line);
}

}  // namespace dl
