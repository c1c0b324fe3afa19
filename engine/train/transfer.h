#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/setup.h"
#include "engine/train/weight_source.h"

namespace dl {

/// What becomes of a weight of the network.
struct TransferredWeight {
  std::string name;    // in the network
  std::string source;  // the tensor's name in the source; "": it is started anew
  std::string why;     // it is started anew: "not in the source"
  bool frozen = false;
};

/// What is transferred, decided before anything is changed.
struct Transfer {
  std::string from;                        // what the weights were loaded from
  std::vector<TransferredWeight> weights;  // in checkpoint order
  std::vector<std::string> unused;         // tensors of the source
  /// Those that must stay as they are.
  std::vector<std::string> frozen() const;
};

/// Checks what setup.config.finetune says of the network, before any source is looked at. Throws
/// UserError (ExitCode::config) where a head or a glob is not to be found in it.
void check_finetune(const Setup& setup);

/// The layers with weights from which the output and the losses come, at once or through others
/// without: those that another task needs anew.
std::vector<std::string> head_layers(const Graph& graph);

/// What setup.config.finetune names. Throws UserError (ExitCode::weights).
WeightSource open_source(const Setup& setup);

/// Matches the weights of setup.graph with the source's tensors, as setup.config.finetune says.
/// Throws UserError: ExitCode::config where nothing is left to train or what is frozen has no
/// weights there, ExitCode::weights where the source does not fit it, with all that does not.
Transfer plan_transfer(const Setup& setup, const WeightSource& source);

/// Copies what the source has into the store.
void apply_transfer(const Transfer& transfer, const WeightSource& source, WeightStore& store);

/// transfer.json of a run's folder: which source, what came from where, what is frozen.
std::string to_json(const Transfer& transfer);
/// Throws UserError (ExitCode::weights) when `text` is not what to_json writes; `path` is for its
/// message.
Transfer transfer_from_json(const std::string& text, const std::string& path);

}  // namespace dl
