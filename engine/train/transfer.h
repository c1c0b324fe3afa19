#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/train/setup.h"
#include "engine/train/weight_source.h"

namespace dl {

/// Why a weight is started anew, most often.
inline constexpr const char* kNotInSource = "not in the source";

/// What becomes of a weight of the network.
struct TransferredWeight {
  std::string name;    // in the network
  std::string source;  // the tensor's name in the source; "": it is started anew
  std::string why;     // it is started anew: "not in the source"
  bool frozen = false;
  /// Where rows stand for tokens, and the source has others: its row for each, -1 for one that is
  /// started anew. Empty: all as they are.
  std::vector<int> rows = {};
  std::string part = {};  // of rows that are not all there: "38 of 42 tokens"

  /// No part of it is started anew.
  bool whole() const { return !source.empty() && part.empty(); }
};

/// What is transferred, decided before anything is changed.
struct Transfer {
  std::string from;                        // what the weights were loaded from
  std::vector<TransferredWeight> weights;  // in checkpoint order
  std::vector<std::string> unused;         // tensors of the source
  std::vector<std::string> warnings = {};  // sentences; for the table, and not kept
  /// Those that must stay as they are.
  std::vector<std::string> frozen() const;
};

/// Checks what setup.config.finetune says of the network, before any source is looked at. Throws
/// UserError (ExitCode::config) where a head or a glob is not to be found in it. Returns what its
/// globs freeze, whatever the source will be.
std::vector<std::string> check_finetune(const Setup& setup);

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
