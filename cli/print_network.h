#pragma once

#include "engine/train/setup.h"

namespace dl {

/// The table of layers on stderr: what a person sees before training starts.
void print_network(const Setup& setup);

}  // namespace dl
