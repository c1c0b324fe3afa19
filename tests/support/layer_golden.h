#pragma once

#include <string>

namespace dl::test {

/// Runs every case of tests/goldens/layers/<file>.json: each through the real recorder and plan,
/// with row-major and with blocked sources, and compares results, gradients and statistics with
/// PyTorch's (DESIGN.md, "Exactness": 1e-5 and 1e-4 of the largest value), and gradients with
/// numeric ones.
void check_layer_goldens(const std::string& file);

}  // namespace dl::test
