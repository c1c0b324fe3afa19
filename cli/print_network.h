#pragma once

#include "engine/train/setup.h"
#include "engine/train/transfer.h"

namespace dl {

/// The table of layers on stderr, and what is transferred (null: nothing): what a person sees
/// before training starts.
void print_network(const Setup& setup, const Transfer* transfer);

}  // namespace dl
