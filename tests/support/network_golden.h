#pragma once

#include <string>

namespace dl::test {

/// Trains a network of configs/ beside PyTorch's results in tests/goldens/networks/<name>.json,
/// which says which config and how it is set: outputs, losses of every step, the first step's
/// gradients, evaluation after the first step and at the end, and running statistics. The bounds
/// are those of DESIGN.md, "Exactness".
void check_network_golden(const std::string& name);

}  // namespace dl::test
