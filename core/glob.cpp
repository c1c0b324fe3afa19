#include "core/glob.h"

#include "core/text.h"

namespace dl {
namespace {

bool part_matches(std::string_view pattern, std::string_view part) {
  // Greedy with one point to come back to: linear in practice, never exponential.
  std::size_t p = 0, s = 0, star = std::string_view::npos, mark = 0;
  while (s < part.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = s;
    } else if (p < pattern.size() && pattern[p] == part[s]) {
      ++p, ++s;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      s = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// reached[j]: the patterns so far match the first j parts. A match of any prefix counts.
bool parts_match(const std::vector<std::string>& patterns, const std::vector<std::string>& parts) {
  std::vector<char> reached(parts.size() + 1, 0);
  reached[0] = 1;
  for (const std::string& pattern : patterns) {
    std::vector<char> next(parts.size() + 1, 0);
    for (std::size_t j = 0; j <= parts.size(); ++j) {
      if (pattern == "**") {
        next[j] = static_cast<char>(reached[j] || (j > 0 && next[j - 1]));
      } else if (j > 0) {
        next[j] = static_cast<char>(reached[j - 1] && part_matches(pattern, parts[j - 1]));
      }
    }
    reached = std::move(next);
  }
  for (std::size_t j = 1; j <= parts.size(); ++j) {
    if (reached[j]) return true;
  }
  return false;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view name) {
  return parts_match(split(pattern, '.'), split(name, '.'));
}

bool globs_match(std::span<const std::string> patterns, std::string_view name) {
  bool matched = false;
  for (const std::string& pattern : patterns) {
    const bool take_back = pattern.starts_with('!');
    if (glob_matches(std::string_view(pattern).substr(take_back ? 1 : 0), name))
      matched = !take_back;
  }
  return matched;
}

}  // namespace dl
