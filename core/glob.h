#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// Whether `pattern` matches `name` or a dotted prefix of it ("layer1" matches
/// "layer1.0.conv1.weight").
/// `*` stands for any text within a part, `**` for any number of parts.
bool glob_matches(std::string_view pattern, std::string_view name);

/// A list of globs, read in order: the last that matches decides, and `!` before a glob takes back.
bool globs_match(std::span<const std::string> patterns, std::string_view name);

}  // namespace dl
