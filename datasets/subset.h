#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// A part of a set whose samples have one class each.
struct SubsetOptions {
  struct Class {
    std::string name;  // or number
    Mark mark;
  };
  std::vector<Class> classes;             // in their new order; empty: all
  std::optional<std::int64_t> per_class;  // training samples of each, by seed
  std::int64_t seed = 0;
  Mark mark;
};

/// The source with nothing but those samples; labels count the chosen classes from 0. All splits
/// have the chosen classes alone, and train only per_class of each. Throws UserError where samples
/// have no class, and when opened where a class is not known.
std::unique_ptr<DataSource> take_subset(std::unique_ptr<DataSource> source, SubsetOptions options);

}  // namespace dl
