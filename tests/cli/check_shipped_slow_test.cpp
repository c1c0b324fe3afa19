#include <doctest/doctest.h>

#include "tests/support/agreement.h"
#include "tests/support/data_files.h"
#include "tests/support/shipped_configs.h"

// Of check_and_train_test.cpp what takes long: all configs that dltool comes with.
namespace dl::test {

TEST_CASE("every shipped config is accepted by check, trained, counted and timed") {
  const TempFolder folder;
  write_shipped_data(folder / "data");
  int accepted = 0;
  for (const auto& config : shipped_configs()) {
    std::vector<std::string> arguments = {config.string(), "--data", folder / "data"};
    for (const std::string& set : sets_for(config, 1)) arguments.push_back(set);
    const Agreement agreement(arguments, folder / "run");
    CHECK(agreement.check() == 0);
    ++accepted;
  }
  CHECK(accepted >= 50);
}

}  // namespace dl::test
