#include "engine/train/sequence_rules.h"

namespace dl {
namespace {

std::string prefix_of(const Node& node) {
  return "layer '" + node.name + "' (" + std::string(node.kind->name) + "): ";
}

/// Of a stream the target is the next token, which whoever reads backwards has seen.
void check_direction(const Setup& setup, const Node& node, Problems& problems) {
  if (!setup.streams() || !node.kind->reads_backwards(*node.layer)) return;
  problems.add(node.mark,
               prefix_of(node) +
                   "bidirectional: true reads the text backwards too, and so sees the tokens that "
                   "are to be predicted",
               "leave out bidirectional; the source labelled_text classifies whole texts, where "
               "both directions are of use");
}

}  // namespace

void check_sequence_rules(const Setup& setup, Problems& problems) {
  if (!setup.source) return;
  for (const Node& node : setup.graph.nodes) {
    if (!node.layer || !node.kind->over_time) continue;
    check_direction(setup, node, problems);
  }
}

}  // namespace dl
