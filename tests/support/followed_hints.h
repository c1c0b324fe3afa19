#pragma once

#include <set>
#include <string>
#include <vector>

namespace dl::test {

/// A text, the first of its kind in the file, and what stands in its place once the hint is
/// followed.
struct Edit {
  std::string before, after;
};
struct FollowedHints {
  std::string file;
  std::vector<Edit> edits;
  std::string left;  // of the first error that is left; "": the config is accepted
};

/// Of the files of tests/errors those whose errors say what to do.
const std::vector<FollowedHints>& followed_hints();

/// Those whose way out is another design, or a smaller one of the same kind.
const std::set<std::string>& no_mechanical_way();

}  // namespace dl::test
