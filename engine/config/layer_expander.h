#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text.h"
#include "engine/config/expression.h"
#include "engine/config/findings.h"
#include "engine/config/layer_decl.h"
#include "engine/config/layer_entry.h"

namespace dl {

/// Turns the entries of `layers` (layers, blocks, repeats, ifs, groups) into the flat list of
/// layers, with full names and resolved sources.
class LayerExpander {
 public:
  /// `blocks` may be null; `globals` holds the vars. An empty `layer_types` means: do not check
  /// types.
  /// `layer_results`: what layers call their results behind the first.
  LayerExpander(const ConfigNode* blocks, const std::vector<Word>& layer_types,
                const std::vector<std::string>& layer_results, const Scope& globals, Budget& budget,
                Findings& findings);

  /// The model's list. Once only.
  std::vector<LayerDecl> expand_model(const ConfigNode& layers);

  /// A name as it is used beside the model (output, loss): a layer's full name, "input" or
  /// "data.x". What is unknown goes to findings, with `what` in front, and leaves an empty name.
  LayerDecl::Source resolve(const std::string& name, const Mark& mark, const std::string& what);

 private:
  struct Block {
    ConfigNode params;
    ConfigNode layers;
  };
  /// Where names live: a model, a block, one round of a repeat, or a group with a name.
  struct Space {
    const Space* outer = nullptr;  // names are looked for further out, up to the block's own space
    std::string prefix;            // "layer1.0."
    std::string input;             // what `input` stands for
    std::map<std::string, int> numbers = {};  // of automatic names, by type
    std::set<std::string> written = {};       // names that automatic ones must keep away from
  };
  /// Where an entry is: what it follows, the names it sees, the expressions' scope, and the name
  /// that a lone entry without one bears (its group's).
  struct Place {
    Space& space;
    const Scope& scope;
    std::string_view lone_name = {};
  };
  struct Named {
    std::string source;  // the layer that the name stands for
    Mark mark;
  };
  struct Unresolved {
    std::vector<std::string> prefixes;
    std::string name;
    Mark mark;
    std::size_t layer;  // which one asked
  };

  void read_blocks(const ConfigNode& blocks);
  static Block read_block(const ConfigNode::Entry& entry);
  std::string expand_list(const ConfigNode& layers, std::string current, const Place& place);
  std::string expand_entry(const ConfigNode& node, const std::string& current, const Place& place);
  std::string expand_layer(const LayerEntry& entry, const std::string& current, const Place& place);
  std::string expand_block(const LayerEntry& entry, const Block& block, const std::string& current,
                           const Place& place);
  std::string expand_repeat(const LayerEntry& entry, const std::string& current,
                            const Place& place);
  std::int64_t rounds_of(const LayerEntry& entry, const Place& place);
  std::string expand_if(const LayerEntry& entry, const std::string& current, const Place& place);
  std::string expand_group(const LayerEntry& entry, const std::string& current, const Place& place);
  std::string expand_round(const LayerEntry& entry, const std::string& name, std::string current,
                           const Place& place, const Scope& scope);

  std::optional<Scope> bind_params(const LayerEntry& entry, const Block& block,
                                   const Scope& caller);
  void collect_written(const ConfigNode& layers, const Place& place);
  bool is_in_broken(const std::string& full) const;
  bool is_result(const std::string& word) const;
  void remember_absent(const ConfigNode& layers, const std::string& prefix);
  void check_type(const LayerEntry& entry);

  /// The entry's full name; an automatic one (type and number) when it has none.
  std::string name_of(const LayerEntry& entry, const Place& place);
  std::optional<std::string> written_name(const LayerEntry& entry, const Scope& scope, bool report);
  bool claim(const std::string& full, const Mark& mark);
  void stand_for(const std::string& full, const std::string& source, const Mark& mark);

  std::vector<LayerDecl::Source> sources_of(const LayerEntry& entry, const std::string& current,
                                            const Place& place);
  /// The single source of a block or group.
  std::string source_of(const LayerEntry& entry, const std::string& current, const Place& place);
  LayerDecl::Source look_up(const std::string& name, const Mark& mark, const Space& space);
  void report_unresolved();
  void report(const Unresolved& missing);
  std::vector<std::string> way_back(std::size_t from, std::size_t to) const;

  ConfigNode expanded(const ConfigNode& node, const Scope& scope) {
    return expand(node, scope, budget_, findings_);
  }

  const std::vector<Word>& layer_types_;
  const std::vector<std::string>& layer_results_;
  const Scope& globals_;
  Budget& budget_;
  Findings& findings_;
  std::map<std::string, Block, std::less<>> blocks_;
  std::vector<std::string> block_names_;
  std::vector<LayerDecl> layers_;
  std::unordered_map<std::string, Named> names_;
  std::unordered_map<std::string, Mark> absent_;         // names inside of ifs that are false
  std::unordered_map<std::string, std::size_t> places_;  // of layers in the list, by name
  std::vector<Unresolved> unresolved_;
  std::set<std::string>
      broken_;  // "aux1.": groups that could not be expanded; names in them are not missed
  std::vector<std::string> block_stack_;
  std::size_t visits_ = 0;
  int depth_ = 0;
};

}  // namespace dl
