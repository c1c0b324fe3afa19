#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// More are a mistake: of numbers taken for names.
inline constexpr std::size_t kMaxClasses = 100'000;

/// The numbers of classes by their names. Where all names are numbers, so are the labels: "1.0" is
/// the class "1".
class ClassIndex {
 public:
  explicit ClassIndex(std::span<const std::string> names);
  std::optional<std::int32_t> find(std::string_view label) const;

 private:
  std::map<std::string, std::int32_t, std::less<>> by_name_;
  std::map<double, std::int32_t> by_value_;  // empty: not all are numbers
};

/// The different ones, in the order of numbers where all are numbers (of several spellings of one
/// number the first by its bytes), else of bytes.
std::vector<std::string> sorted_classes(std::vector<std::string> names);

}  // namespace dl
