#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "core/text.h"
#include "engine/train/environment.h"

namespace dl {

/// The threads of a config, for verbs that have no notes of their own.
inline void use_threads_and_tell(const RunConfig& config) {
  std::vector<std::string> notes;
  use_threads_of(config, notes);
  for (const std::string& note : notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
}

}  // namespace dl
