#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// What the places of a network's inputs and outputs stand for, as far as its data say; empty lists
/// are not known. Two networks may have weights of the same shapes whose rows mean different
/// things.
struct DataNames {
  std::vector<std::string> tokens, classes, features, targets;
  bool tells_next_token = false;  // so that the tokens are the classes too
};
DataNames data_names(const DataSpec& spec);

/// The names that the run kept to which `path` belongs: its folder, a checkpoint's in it, or a file
/// in that. Nothing where there is none; `notes` gets a sentence where its config cannot be read.
DataNames names_of_run(const std::string& path, std::vector<std::string>& notes);

/// For each of `here` its place in `there`, or -1.
std::vector<int> places_in(const std::vector<std::string>& here,
                           const std::vector<std::string>& there);

/// Where two lists first differ, in words: "class 0 is 'cat' here, 'dog' in the source"; none where
/// they are equal or one is not known.
std::optional<std::string> first_difference(const std::string& what,
                                            const std::vector<std::string>& here,
                                            const std::vector<std::string>& there);

/// Whether two lists of features differ and yet have columns in common, so that weights would be
/// taken for what they are not. Lists with nothing in common are another matter: series of another
/// origin, say, with columns of their own.
bool mixed_up(const std::vector<std::string>& here, const std::vector<std::string>& there);

}  // namespace dl
