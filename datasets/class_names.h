#pragma once

#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"

namespace dl {

/// Throws UserError at a class in the source's `classes` that stands there twice or, where classes
/// are folders, cannot be one.
void check_classes(const ConfigNode& node, std::span<const std::string> classes, bool folders);
/// Puts classes into the spec; none: they are not known.
void set_classes(DataSpec& spec, std::vector<std::string> names);
/// Puts the spec's classes into the source's entry of the config, unless they stand there.
void complete_classes(const DataSpec& spec, ConfigNode& params);

}  // namespace dl
