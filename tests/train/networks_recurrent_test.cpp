#include <doctest/doctest.h>

#include "tests/support/network_golden.h"

// The recurrent networks of configs/mnist and configs/text against PyTorch
// (tests/goldens/networks_recurrent.py); the language models carry their states.

namespace dl {

TEST_CASE("an LSTM over a digit's rows trains as PyTorch's does") {
  test::check_network_golden("lstm_rows");
}

TEST_CASE("a GRU over a digit's rows trains as PyTorch's does") {
  test::check_network_golden("gru_rows");
}

TEST_CASE("a language model of LSTMs trains as PyTorch's does") {
  test::check_network_golden("char_lstm");
}

TEST_CASE("a language model of GRUs trains as PyTorch's does") {
  test::check_network_golden("char_gru");
}

}  // namespace dl
