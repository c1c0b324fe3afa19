#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/text.h"
#include "engine/config/yaml_text.h"

namespace dl {

/// A config that is written line by line.
class ConfigLines {
 public:
  void line(const std::string& text) { text_ += text + "\n"; }
  /// A line of comment; names in it are safe for a terminal.
  void comment(const std::string& text) { line(text.empty() ? "#" : "# " + escaped(text)); }
  /// "   # text", to stand behind a value.
  static std::string remark(const std::string& text) { return "     # " + escaped(text); }
  std::string take() { return std::move(text_); }

  static std::string list(std::span<const std::string> names) {
    std::vector<std::string> quoted;
    for (const std::string& name : names) quoted.push_back(yaml_string(name));
    return "[" + join(quoted, ", ") + "]";
  }

 private:
  std::string text_;
};

/// Epochs in which about `steps` steps are taken.
inline std::int64_t epochs_for(std::size_t steps, std::size_t samples, std::size_t batch) {
  const std::size_t each = std::max<std::size_t>(samples / std::max<std::size_t>(batch, 1), 1);
  return static_cast<std::int64_t>(std::clamp<std::size_t>(steps / each, 10, 200));
}

/// So large that an epoch has some 20 steps, a power of two from 4 to 128.
inline std::size_t batch_for(std::size_t samples) {
  std::size_t batch = 4;
  while (batch < 128 && batch * 2 * 20 <= samples) batch *= 2;
  return batch;
}

}  // namespace dl
