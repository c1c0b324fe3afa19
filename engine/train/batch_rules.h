#pragma once

#include <cstddef>
#include <optional>

namespace dl {

struct Setup;

/// Throws UserError (ExitCode::config) where a layer that is trained cannot be trained on batches
/// of data.batch samples, or on the last batch of an epoch of `samples` (none: not known, or not
/// asked), in any phase: a batch norm over one value per channel.
void check_training_batches(const Setup& setup, std::optional<std::size_t> samples);

/// Whether no layer that is trained asks how many samples a batch has.
bool trains_on_any_batch(const Setup& setup);

}  // namespace dl
