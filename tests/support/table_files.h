#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"

// Sources of tables and series in tests.
namespace dl::test {

/// The entry of a config as YAML says it: "csv: {train: a.csv}".
TypedNode typed_yaml(const std::string& text);

/// One sample, decoded: floats and whole numbers both as doubles, inputs first.
std::vector<std::vector<double>> sample_of(const Dataset& data, std::size_t index);

/// The source after look_up() in that folder, which `@data` stands for.
std::unique_ptr<DataSource> found_source(const TypedNode& node, const std::string& folder);

/// The first message of the UserError (of ExitCode::data) that looking up or opening throws,
/// without the folder's name; "nothing was thrown".
std::string data_error(const TypedNode& node, const std::string& folder,
                       Split split = Split::train);

/// The node as complete() leaves it, as YAML.
std::string completed(const TypedNode& node, const std::string& folder);

}  // namespace dl::test
