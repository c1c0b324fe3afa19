#include "datasets/class_index.h"

#include <algorithm>

#include "core/text.h"

namespace dl {
namespace {

bool all_numbers(std::span<const std::string> names) {
  return std::ranges::all_of(names,
                             [](const auto& name) { return parse_double(name).has_value(); });
}

}  // namespace

ClassIndex::ClassIndex(std::span<const std::string> names) {
  const bool numbers = all_numbers(names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto number = static_cast<std::int32_t>(i);
    by_name_.emplace(names[i], number);
    if (numbers) by_value_.emplace(*parse_double(names[i]), number);
  }
}

std::optional<std::int32_t> ClassIndex::find(std::string_view label) const {
  if (const auto at = by_name_.find(label); at != by_name_.end()) return at->second;
  if (by_value_.empty()) return std::nullopt;
  const auto value = parse_double(label);
  const auto at = value ? by_value_.find(*value) : by_value_.end();
  return at == by_value_.end() ? std::nullopt : std::optional(at->second);
}

std::vector<std::string> sorted_classes(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (!all_numbers(names)) return names;
  const auto value = [](const std::string& name) { return *parse_double(name); };
  std::ranges::stable_sort(names, {}, value);
  const auto same = [&](const auto& a, const auto& b) { return value(a) == value(b); };
  names.erase(std::unique(names.begin(), names.end(), same), names.end());
  return names;
}

}  // namespace dl
