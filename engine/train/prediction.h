#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/stop_flag.h"
#include "engine/train/trained_network.h"

namespace dl {

struct PredictOptions {
  SetupOptions setup;  // of a run's folder, or of a config with a file of weights
  WeightChoice weights;
  std::optional<Split> split;      // test if there is one, else valid, unless said
  std::vector<std::string> files;  // instead: of the source's format, or pictures and folders
  /// Instead of `files`: what came through stdin, as a file. Rows of the source's format; where
  /// samples are images, one of them, or their paths, a line or a NUL each. It is called '-'.
  std::string standard_input;
  bool skip_bad = false;  // pictures that cannot be read are left out and told
  std::int64_t top = 1;   // of a classification: so many of the likeliest classes
  bool json = false;      // a line of JSON for each sample, instead of CSV
  bool to_file = false;   // names are written as they are: no terminal reads them
};

/// What is known of all predictions of a run.
struct PredictionForm {
  std::vector<std::string> class_names = {};  // of a classification; empty: numbers are predicted
  std::size_t top = 1;                        // classes that are told of each sample
  std::size_t values = 0;                     // numbers that are told of each sample
  bool answers = false;                       // they are probabilities of yes
  bool targets = true;                        // the data has what should have been predicted
  bool verbatim = false;  // names in CSV as they are, also what a terminal would hide
};

/// What a network says of one sample.
struct Prediction {
  std::size_t sample = 0;                                   // in its split or file, from 0
  std::string name = {};                                    // where it comes from
  std::vector<std::pair<std::size_t, double>> likely = {};  // classes and probabilities, best first
  std::optional<std::size_t> label = {};                    // none: not known
  std::vector<double> values = {}, targets = {};  // in the units of the data; NaN: not known
};

// A table of predictions as text, each line with its end.
std::string prediction_csv_header(const PredictionForm& form);
std::string prediction_csv_line(const PredictionForm& form, const Prediction& prediction);
std::string prediction_json_line(const PredictionForm& form, const Prediction& prediction);

/// The softmax of a row of scores: its `top` likeliest classes, of equal ones the lowest first.
std::vector<std::pair<std::size_t, double>> likeliest(std::span<const float> scores,
                                                      std::size_t top);

/// The sigmoid: how probable yes is.
double probability_of(float logit);

/// What a scaled number stands for in the units of the files, rounded to what a float of its size
/// can tell: a target that is 6.261 in the file comes out as 6.261.
double in_file_units(float number, double scale, double offset);

/// Predicts a split or a file, and gives the text to `write`, line by line. Sentences on weights
/// that were passed over and on the data go to `notes`. Throws UserError when there is nothing to
/// predict, or no one thing for each sample.
void predict(const PredictOptions& options, const StopFlag& stop, std::vector<std::string>& notes,
             const std::function<void(std::string_view)>& write);

}  // namespace dl
