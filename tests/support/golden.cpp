#include "tests/support/golden.h"
#include "tests/support/paths.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

namespace dl::test {

nlohmann::json read_golden(const std::string& name) {
  std::ifstream stream(dl::test::source_path("tests/goldens/") + name + ".json");
  REQUIRE_MESSAGE(stream.good(), "missing golden file ", name, ".json");
  return nlohmann::json::parse(stream);
}

void check_samples(const std::string& what, std::span<const float> found,
                   const nlohmann::json& golden, double bound) {
  std::size_t size = 1;
  for (const auto& dim : golden["shape"]) size *= dim.get<std::size_t>();
  REQUIRE_MESSAGE(found.size() == size, what, ": size ", found.size(), " instead of ", size);
  const std::size_t stride = golden["stride"];
  const double scale = std::max(golden["max"].get<double>(), 1e-30);
  double worst = 0;
  std::size_t worst_at = 0;
  for (std::size_t i = 0; i < golden["values"].size(); ++i) {
    const double error = std::abs(found[i * stride] - golden["values"][i].get<double>()) / scale;
    if (error <= worst) continue;
    worst = error;  // NaN too
    worst_at = i;
    if (std::isnan(error)) break;
  }
  CHECK_MESSAGE(worst <= bound, what, "[", worst_at * stride, "] is ", found[worst_at * stride],
                ", PyTorch has ", golden["values"][worst_at].get<double>(), "; error ", worst,
                " of the largest value");
}

}  // namespace dl::test
