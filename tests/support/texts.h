#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/exit_code.h"
#include "datasets/dataset.h"
#include "tests/support/data_files.h"

namespace dl::test {

using SourceParams = std::vector<std::pair<std::string, std::string>>;

/// A source with the keys, looked up.
std::unique_ptr<DataSource> looked_up(const std::string& type, const SourceParams& params);

/// What `act` ends with, which must be a UserError of that code; or "nothing was thrown".
std::string user_error(const std::function<void()>& act, ExitCode code = ExitCode::data);

/// Integers of a sample, by field: inputs, then targets.
std::vector<std::vector<std::int32_t>> read_integers(const Dataset& data, std::size_t index);

}  // namespace dl::test
