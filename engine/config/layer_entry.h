#pragma once

#include <string>
#include <string_view>

#include "core/config_node.h"

namespace dl {

/// One entry of `layers`, taken apart; the pointers are into the config and null where nothing is
/// written.
struct LayerEntry {
  enum class Kind { typed, repeat, condition, group };

  Kind kind = Kind::typed;
  std::string type;                    // of a layer or block
  Mark mark;                           // of the type, or of the word `repeat`, `if`, `layers`
  const ConfigNode* params = nullptr;  // typed: a map
  const ConfigNode* name = nullptr;
  const ConfigNode* from = nullptr;
  const ConfigNode* value = nullptr;  // how often, or whether
  const ConfigNode* as = nullptr;
  const ConfigNode* layers = nullptr;  // a list
};

/// Throws UserError when the entry has no such form.
LayerEntry read_layer_entry(const ConfigNode& node);

/// Words that mean something in an entry, and so can name no block.
bool is_entry_word(std::string_view word);

/// Throws UserError when this can be no name: parts of letters, digits, _ and -, joined by dots.
void check_name(const std::string& name, const Mark& mark);
/// The same of a layer's name, which cannot be one of the words that stand for the data either.
void check_layer_name(const std::string& name, const Mark& mark);

}  // namespace dl
