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

TEST_CASE("names of other tools are known whatever their case, underscores and endings") {
  const std::vector<Word> words = {{"conv", {"convolution"}},
                                   {"linear", {"dense", "fc"}},
                                   {"batch_norm"},
                                   {"step", {"step_decay"}},
                                   {"l1", {"mae"}}};
  CHECK(known_elsewhere("Conv2d", words) == "conv");
  CHECK(known_elsewhere("Convolution2D", words) == "conv");
  CHECK(known_elsewhere("Dense", words) == "linear");
  CHECK(known_elsewhere("BatchNorm2d", words) == "batch_norm");
  CHECK(known_elsewhere("StepLR", words) == "step");
  CHECK(known_elsewhere("L1Loss", words) == "l1");
  CHECK(known_elsewhere("batchnrm", words) == std::nullopt);
  CHECK(did_you_mean("batchnrm", words) == "; did you mean 'batch_norm'?");
  CHECK(did_you_mean("fc", words) == "; did you mean 'linear'?");
}

TEST_CASE("candidates are sorted by how near they are, and equally near ones stay in order") {
  CHECK(nearest_first("ab", std::vector<std::string>{"xyz", "abc", "AB", "abd"}) ==
        std::vector<std::string>{"AB", "abc", "abd", "xyz"});
}

TEST_CASE("words for a shell are quoted where it would read them otherwise") {
  CHECK(shell_word("runs/a-001") == "runs/a-001");
  CHECK(shell_word("a run") == "'a run'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("**.bias") == "'**.bias'");
  CHECK(shell_word("") == "''");
}

}  // namespace dl
