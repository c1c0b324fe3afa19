#include "engine/core/text.h"

#include <doctest/doctest.h>

namespace dl {

TEST_CASE("the nearest word is found whatever its case, and none for a letter that is another") {
  const std::vector<std::string> words = {"lstm", "gru", "a", "b", "relu6", "ReLU"};
  CHECK(nearest("LSTM", words) == "lstm");
  CHECK(nearest("Lstn", words) == "lstm");
  CHECK(nearest("relu", words) == "ReLU");
  CHECK(nearest("RElu6", words) == "relu6");
  CHECK(nearest("A", words) == "a");
  CHECK_FALSE(nearest("c", words));
  CHECK_FALSE(nearest("convolution", words));
  CHECK(did_you_mean("c", words).empty());
  CHECK(did_you_mean("GRU", words) == "; did you mean 'gru'?");
  const std::vector<std::string> both = {"Conv", "conv", "CONV"};
  CHECK(nearest("convv", both) == "conv");
}

}  // namespace dl
