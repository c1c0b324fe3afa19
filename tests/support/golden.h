#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace dl::test {

/// The JSON file tests/goldens/<name>.json. Fails the test when it is missing.
nlohmann::json read_golden(const std::string& name);

/// Compares a tensor with what samples() of tests/goldens/formula.py kept of it: the size, and the
/// largest error as a share of the largest magnitude (DESIGN.md, "Exactness"). A failure names
/// `what`, the index and both values.
void check_samples(const std::string& what, std::span<const float> found,
                   const nlohmann::json& golden, double bound);

}  // namespace dl::test
