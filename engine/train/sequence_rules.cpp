#include "engine/train/sequence_rules.h"

#include <algorithm>

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

struct Obstacle {
  std::string what, hint;
};

/// Why the samples of a batch do not go on where those of the batch before ended; none: they do, or
/// the config says that samples in order, one a batch, are meant to.
std::optional<Obstacle> obstacle_to_states(const Setup& setup) {
  if (setup.streams()) return std::nullopt;
  const std::string text = "; the source text makes such batches of a text";
  if (setup.shuffles())
    return Obstacle{"these are shuffled", "shuffle: false keeps the samples in their order" + text};
  if (setup.config.data.batch != 1 || setup.eval_batch() != 1) {
    return Obstacle{
        "of " + std::to_string(std::max(setup.config.data.batch, setup.eval_batch())) +
            " samples side by side, each in its place follows on one that is not before it",
        "batch: 1 gives each sample the state of the one before it" + text};
  }
  const DataSpec& spec = setup.source->spec();
  if (spec.order == SampleOrder::in_time && !spec.adjoining)
    return Obstacle{"the windows of these overlap, or leave rows out between them",
                    "stride, in the source, must be as long as its window"};
  return std::nullopt;
}

void check_state(const Setup& setup, const Node& node, Problems& problems) {
  if (!node.kind->carries_state(*node.layer)) return;
  const auto obstacle = obstacle_to_states(setup);
  if (!obstacle) return;
  problems.add(node.mark,
               prefix_of(node) + "stateful: true wants batches that follow one another, but " +
                   obstacle->what,
               obstacle->hint);
}

/// Which axis of each node's first result holds the steps of a sequence; 0: none is known to.
std::vector<std::size_t> axes_of_steps(const Graph& graph,
                                       const std::vector<std::vector<Shape>>& shapes) {
  constexpr std::size_t kSteps = 1, kSequence = 3;  // (N, T, F)
  std::vector<std::size_t> axes(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const Shape& shape = shapes[i][0];
    if (node.input) {
      axes[i] =
          shape.rank() == kSequence || (node.input->integer && shape.rank() == 2) ? kSteps : 0;
      continue;
    }
    const Port& port = node.src[0];
    const Shape& src = shapes[port.node][port.output];
    const std::size_t before = port.output == 0 ? axes[port.node] : 0;
    if (node.kind->over_time || before == 0 || node.kind->reads_channels) {
      axes[i] = node.kind->over_time && shape.rank() == kSequence ? kSteps : 0;
      continue;
    }
    const std::size_t axis =
        node.kind->moves_axis ? node.kind->moves_axis(*node.layer, before) : before;
    const bool is_last = axis + 1 == shape.rank();  // where features would be
    const bool replaced = is_last && node.kind->units == LayerKind::Units::features;
    axes[i] = axis < shape.rank() && shape[axis] == src[before] && !replaced ? axis : 0;
  }
  return axes;
}

/// Series come as (steps, features), and what recurrent layers give: whoever wants channels first
/// takes the steps for them, and nothing fails.
void note_steps_as_channels(const Graph& graph, std::vector<std::string>& notes) {
  const auto shapes = infer_shapes(graph, 1);
  const std::vector<std::size_t> axes = axes_of_steps(graph, shapes);
  for (const Node& node : graph.nodes) {
    if (node.input || !node.kind->reads_channels) continue;
    const Port& port = node.src[0];
    const Shape& src = shapes[port.node][port.output];
    if (port.output != 0 || axes[port.node] != 1 || src.rank() != 3) continue;
    notes.push_back(prefix_of(node) + "takes the " + std::to_string(src[1]) + " steps of '" +
                    graph.nodes[port.node].name +
                    "' for channels: put permute: {dims: [0, 2, 1]} before it where its features "
                    "are meant");
  }
}

std::optional<std::string> unread_lengths(const Setup& setup) {
  if (setup.source->spec().equal_lengths) return std::nullopt;
  const int length = setup.graph.find("data.length");
  const auto reads = [&](const Node& node) {
    return std::ranges::any_of(node.src, [&](const Port& port) { return port.node == length; });
  };
  if (length < 0 || std::ranges::any_of(setup.graph.nodes, reads)) return std::nullopt;
  return "nothing reads data.length: where a sample is shorter than others, its padding is taken "
         "for "
         "data (a recurrent layer reads it as second source, a loss over all steps as mask)";
}

}  // namespace

void check_sequence_rules(const Setup& setup, Problems& problems) {
  if (!setup.source) return;
  for (const Node& node : setup.graph.nodes) {
    if (!node.layer || !node.kind->over_time) continue;
    check_direction(setup, node, problems);
    check_state(setup, node, problems);
  }
}

std::vector<std::string> sequence_notes(const Setup& setup) {
  std::vector<std::string> notes;
  if (!setup.source) return notes;
  if (auto note = unread_lengths(setup)) notes.push_back(*std::move(note));
  note_steps_as_channels(setup.graph, notes);
  return notes;
}

}  // namespace dl
