#pragma once

#include <string>
#include <vector>

#include "engine/train/setup.h"

namespace dl {

/// Tells the source, before it looks at its files, what the losses read its targets as. Throws
/// UserError at a key of its entry, `node`, that has numbers scaled which a loss takes for
/// probabilities.
void prepare_targets(DataSource& source, const TypedNode& node,
                     const std::vector<LossDecl>& losses);

/// Where nothing says what the target looks like, it is what the first loss asks for: a label, or
/// as many numbers as the network gives.
void fit_target(Setup& setup);

/// Adds to `problems` each loss that cannot read what the data brings: a label, a number; false:
/// there are such. The shapes are the graph's affair.
bool check_targets(const Setup& setup, Problems& problems);

/// Throws UserError (ExitCode::data), before anything is trained, where a loss reads values of the
/// data that it cannot mean, as far as a first batch of `split` shows them: probabilities outside
/// of 0 to 1.
void check_target_values(const Setup& setup, Batches& batches, Split split);

/// What is no mistake for certain, but may be one: predictions that are probabilities already.
std::vector<std::string> target_notes(const Setup& setup);

}  // namespace dl
