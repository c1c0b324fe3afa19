#include "core/glob.h"

#include <doctest/doctest.h>

namespace dl {

TEST_CASE("a glob matches a name and every dotted prefix of it") {
  CHECK(glob_matches("layer1", "layer1.0.conv1.weight"));
  CHECK(glob_matches("layer1.*.conv1", "layer1.0.conv1.weight"));
  CHECK(glob_matches("**.bias", "layer1.0.conv1.bias"));
  CHECK(glob_matches("**.bias", "bias"));
  CHECK(glob_matches("**.bn*", "layer1.0.bn1.weight"));
  CHECK(glob_matches("**", "anything.at.all"));
  CHECK_FALSE(glob_matches("layer1", "layer10.conv.weight"));
  CHECK_FALSE(glob_matches("*.weight", "layer1.0.weight"));
  CHECK_FALSE(glob_matches("conv", "layer1.conv"));
}

TEST_CASE("the last glob that matches decides, and ! takes back") {
  const std::vector<std::string> globs = {"**", "!fc.**"};
  CHECK(globs_match(globs, "conv1.weight"));
  CHECK_FALSE(globs_match(globs, "fc.weight"));
  CHECK_FALSE(globs_match(std::vector<std::string>{}, "fc.weight"));
}

}  // namespace dl
