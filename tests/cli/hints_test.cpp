#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/support/data_files.h"
#include "tests/support/followed_hints.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// What the errors of tests/errors advise is done, and the config is then accepted, or what is left
// is no fault of the advice. A new bad_*.yaml must stand in one of the two
// tables of tests/support/followed_hints.cpp.
namespace dl::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Without their places, which edits move.
std::vector<std::string> errors_of(const std::string& text) {
  std::vector<std::string> errors;
  for (const std::string& line : lines_of(text)) {
    const std::size_t at = line.find("error: ");
    if (at != std::string::npos) errors.push_back(line.substr(at));
  }
  return errors;
}

std::vector<std::string> check_arguments(const std::string& file, const std::string& text) {
  std::vector<std::string> arguments = {"check", file};
  const std::string word = "# set: ";
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with(word))
      arguments.insert(arguments.end(), {"--set", line.substr(word.size())});
  }
  return arguments;
}

const fs::path& errors_folder() {
  static const fs::path folder = source_path("tests/errors");
  return folder;
}

/// A copy of what the bad configs extend.
struct Place {
  Place() { fs::copy(errors_folder() / "parts", folder / "parts"); }
  ProgramResult check(const std::string& file, const std::string& text) const {
    write_text(folder / file, text);
    return run_program(dltool_binary(), check_arguments(file, text), folder.path());
  }
  TempFolder folder;
};

/// Where it stands and is not the beginning of a longer word.
std::size_t find_word(const std::string& text, const std::string& word) {
  std::size_t at = text.find(word);
  while (at != std::string::npos && at + word.size() < text.size() &&
         std::isalnum(static_cast<unsigned char>(text[at + word.size()])) != 0)
    at = text.find(word, at + 1);
  return at;
}

/// Each "unknown 'x'; did you mean 'y'?" done. `found`: how many there were.
std::string as_meant(std::string text, const std::string& expected, int& found) {
  const std::string words = "'; did you mean '";
  for (std::size_t at = 0; (at = expected.find(words, at)) != std::string::npos;) {
    const std::size_t start = expected.rfind('\'', at - 1) + 1;
    const std::string wrong = expected.substr(start, at - start);
    at += words.size();
    const std::string right = expected.substr(at, expected.find('\'', at) - at);
    const std::size_t place = find_word(text, wrong);
    REQUIRE(place != std::string::npos);
    text.replace(place, wrong.size(), right);
    ++found;
  }
  return text;
}

}  // namespace

TEST_CASE("a config whose hints are followed is accepted, or fails by something else") {
  const Place place;
  for (const auto& [file, edits, left] : followed_hints()) {
    CAPTURE(file);
    std::string text = text_of(errors_folder() / (file + ".yaml"));
    for (const auto& [before, after] : edits) {
      CAPTURE(before);
      const std::size_t at = text.find(before);
      REQUIRE(at != std::string::npos);
      text.replace(at, before.size(), after);
    }
    const ProgramResult result = place.check(file + ".yaml", text);
    const std::vector<std::string> now = errors_of(result.err);
    if (left.empty()) {
      CHECK_MESSAGE(result.exit_code == 0, result.err);
      continue;
    }
    CHECK(result.exit_code != 0);
    REQUIRE(!now.empty());
    CHECK_MESSAGE(now[0].find(left) != std::string::npos, result.err);
    for (const std::string& error : errors_of(text_of(errors_folder() / (file + ".expected"))))
      CHECK_MESSAGE(std::ranges::find(now, error) == now.end(), error);
  }
}

TEST_CASE("what an error says was meant is known where it stands") {
  const Place place;
  int found = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(errors_folder())) {
    if (entry.path().extension() != ".yaml") continue;
    const std::string file = entry.path().filename().string();
    CAPTURE(file);
    const std::string expected = text_of(fs::path(entry.path()).replace_extension(".expected"));
    int here = 0;
    const std::string text = as_meant(text_of(entry.path()), expected, here);
    if (here == 0) continue;
    found += here;
    const ProgramResult result = place.check(file, text);
    CHECK_MESSAGE(result.err.find("did you mean") == std::string::npos, result.err);
  }
  CHECK(found >= 18);
}

TEST_CASE("every bad config has its hints followed, or is said to have no mechanical way out") {
  std::set<std::string> known = no_mechanical_way();
  for (const FollowedHints& advised : followed_hints()) CHECK(known.insert(advised.file).second);
  for (const fs::directory_entry& entry : fs::directory_iterator(errors_folder())) {
    if (entry.path().extension() != ".yaml") continue;
    CAPTURE(entry.path().string());
    CHECK(known.erase(entry.path().stem().string()) == 1);
  }
  CHECK(known.empty());
}

}  // namespace dl::test
