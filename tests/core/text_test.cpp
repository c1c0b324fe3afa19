#include "core/text.h"

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

TEST_CASE("what a terminal obeys or hides is escaped, and every other letter is left") {
  CHECK(escaped("a\x1b[31m\x7f\r\nb") == "a\\x1b[31m\\x7f\\x0d\\x0ab");
  CHECK(escaped("\xc2\x9b") == "\\xc2\\x9b");  // a C1 control: CSI
  for (const char* hidden :
       {"\xe2\x80\xae", "\xe2\x80\xaa", "\xe2\x81\xa6", "\xe2\x81\xa9", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\x8d", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\x8b",
        "\xef\xbb\xbf", "\xc2\xad", "\xd8\x9c", "\xf3\xa0\x81\x81"}) {
    const std::string text = escaped(hidden);
    CHECK(text.size() == 4 * std::string(hidden).size());
    CHECK(text.find("\\x") == 0);
  }
  for (const char* shown : {"\xc3\xbc", "\xe2\x82\xac", "\xd7\x90", "\xd8\xa7", "\xe4\xb8\xad",
                            "\xf0\x9f\x98\x80", "\xc2\xa0"})
    CHECK(escaped(shown) == shown);
  CHECK(escaped("\xe2\x80") == "\\xe2\\x80");  // broken off
  CHECK(escaped_lines("a\x1b\nb\n") == "a\\x1b\nb\n");
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
