#include "engine/train/target_rules.h"

#include <algorithm>

#include "core/text.h"
#include "datasets/batches.h"
#include "layers/registry.h"

namespace dl {
namespace {

std::optional<LossTask> task_of(const LossDecl& loss) {
  const auto kind = std::ranges::find(all_layers(), loss.kind.type, &LayerKind::name);
  if (kind == all_layers().end() || !kind->loss) return std::nullopt;  // the graph reports it
  return kind->loss->task;
}

/// It compares with the data's targets, and not with what another layer predicts, nor with what
/// the network is given.
bool reads_targets(const LossDecl& loss, const DataSpec& data) {
  const std::string& name = loss.target.name;
  const auto is_it = [&](const Field& input) { return "data." + input.name == name; };
  return name.empty() || (name.starts_with("data.") && std::ranges::none_of(data.inputs, is_it));
}

/// Whether `node`, a number or a list of some, holds nothing but `value`.
bool holds_only(const ConfigNode& node, double value) {
  const auto is_value = [&](const ConfigNode& item) { return parse_double(item.text()) == value; };
  return node.is_list() ? std::ranges::all_of(node.items(), is_value) : is_value(node);
}

/// The keys of sources that scale targets; each with what leaves them as they are.
void refuse_scaling(const ConfigNode& params, const std::string& loss) {
  const auto refuse = [&](const std::string& key) {
    throw UserError(params.find_entry(key)->key_mark,
                    key + ": " + loss +
                        " reads the targets as probabilities from 0 to 1, which "
                        "cannot be scaled",
                    "leave it out; loss: mse predicts numbers of any size");
  };
  const ConfigNode* said = params.find("scale_target");
  if (said && said->is_scalar() && said->text() == "true") refuse("scale_target");
  for (const auto& [key, value] :
       {std::pair("target_scales", 1.0), std::pair("target_scale", 1.0),
        std::pair("target_offsets", 0.0), std::pair("target_offset", 0.0)}) {
    const ConfigNode* list = params.find(key);
    if (list && !holds_only(*list, value)) refuse(key);
  }
}

std::string prefix_of(const LossDecl& loss) {
  return "loss '" + loss.name + "' (" + loss.kind.type + "): ";
}

bool all_numbers(const std::vector<std::string>& names) {
  return std::ranges::all_of(names,
                             [](const auto& name) { return parse_double(name).has_value(); });
}

/// Of the first batch, what is outside of 0 to 1 in an input or target, by its number among both.
std::optional<float> improbable_value(Batches& batches, std::size_t field) {
  batches.start(0);
  const Batch* batch = batches.next();
  if (!batch) return std::nullopt;
  const std::size_t inputs = batch->inputs.size();
  const BatchField& read = field < inputs ? batch->inputs[field] : batch->targets[field - inputs];
  const auto is_outside = [](auto value) { return value < 0 || value > 1; };
  const auto first = [&](auto values) -> std::optional<float> {
    const auto at = std::ranges::find_if(values, is_outside);
    if (at == values.end()) return std::nullopt;
    return static_cast<float>(*at);
  };
  return read.field->type == DataType::f32 ? first(read.floats()) : first(read.ints());
}

using Fault = std::optional<Advice>;

/// Numbers where classes are predicted.
Fault class_fault(const Setup& setup) {
  auto advice = setup.source->no_classes();
  if (!advice || setup.source->spec().targets[0].type != DataType::f32) return std::nullopt;
  return Advice{"predicts classes, but " + advice->what, advice->hint};
}

/// Labels of more than two classes, each of which would have to be 0 or 1.
Fault yes_no_fault(const Setup& setup) {
  const std::int64_t classes = setup.data.classes.value_or(0);
  if (classes <= 2) return std::nullopt;
  return Advice{"reads targets from 0 to 1, but the data has labels of " + std::to_string(classes) +
                    " classes",
                "loss: cross_entropy predicts one of several classes, with an output for each; "
                "one_hot, in "
                "data.transforms, gives each of them a target of its own"};
}

/// Labels of classes that are words, which have no distance.
Fault number_fault(const Setup& setup) {
  const std::vector<std::string>& names = setup.source->spec().class_names;
  if (names.size() < 2 || all_numbers(names)) return std::nullopt;
  return Advice{"predicts numbers, but the data has labels of " + std::to_string(names.size()) +
                    " classes: '" + names[0] + "', '" + names[1] + "', ...",
                "loss: cross_entropy predicts classes, with an output for each"};
}

}  // namespace

void prepare_targets(DataSource& source, const TypedNode& node,
                     const std::vector<LossDecl>& losses) {
  for (const LossDecl& loss : losses) {
    const auto task = task_of(loss);
    if (!task || *task == LossTask::numbers || !reads_targets(loss, source.spec())) continue;
    refuse_scaling(node.params, loss.kind.type);
    source.expect_targets({.min = 0, .max = 1, .loss = loss.kind.type});
    return;
  }
}

void fit_target(Setup& setup) {
  if (setup.source || setup.data.targets.empty() || setup.config.losses.empty()) return;
  const auto task = task_of(setup.config.losses[0]);
  if (!task || *task == LossTask::classes) return;
  RunConfig network = setup.config;
  network.losses.clear();
  Problems problems;  // those that there are come up again where the graph is built
  const Graph graph = build_graph(network, setup.data, problems);
  if (!problems.empty() || graph.output.node < 0) return;
  const Shape output = infer_shapes(graph, 1)[graph.output.node][graph.output.output];
  setup.data.targets[0].tensor = {{output.dims().begin() + 1, output.dims().end()}, false};
}

bool check_targets(const Setup& setup, Problems& problems) {
  const std::vector<DataTensor>& targets = setup.data.targets;
  if (!setup.source || setup.streams() || targets.empty()) return true;
  const GraphInput& target = targets[0].tensor;
  const bool labels = target.integer && target.sample_shape.empty();
  bool readable = true;
  for (const LossDecl& loss : setup.config.losses) {
    const auto task = task_of(loss);
    if (!task || !reads_targets(loss, setup.source->spec())) continue;
    Fault fault;
    if (*task == LossTask::classes && !target.integer) fault = class_fault(setup);
    if (*task == LossTask::yes_no && labels) fault = yes_no_fault(setup);
    if (*task == LossTask::numbers && labels) fault = number_fault(setup);
    if (!fault) continue;
    problems.add(loss.kind.type_mark, prefix_of(loss) + fault->what, fault->hint);
    readable = false;
  }
  return readable;
}

void check_target_values(const Setup& setup, Batches& batches, Split split) {
  for (std::size_t i = 0; i < setup.graph.losses.size(); ++i) {
    const Node& loss = setup.graph.nodes[static_cast<std::size_t>(setup.graph.losses[i])];
    const bool masked = loss.src.size() > 2;  // what is covered may hold anything
    if (!loss.kind->loss || loss.kind->loss->task != LossTask::yes_no || masked) continue;
    const auto read = static_cast<std::size_t>(loss.src[1].node);
    if (!setup.graph.nodes[read].input) continue;
    const auto wrong = improbable_value(batches, read);
    if (!wrong) continue;
    throw UserError(
        ExitCode::data,
        {{loss.mark,
          "loss '" + loss.name + "' (" + std::string(loss.kind->name) +
              "): reads targets from 0 to 1, but " + setup.graph.nodes[read].name + " of " +
              std::string(split_name(split)) + " holds " + number_text(*wrong),
          "loss: mse predicts any number; data.transforms may have scaled what was from 0 to 1"}});
  }
}

std::vector<std::string> target_notes(const Setup& setup) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < setup.graph.losses.size() && i < setup.config.losses.size(); ++i) {
    const auto task = task_of(setup.config.losses[i]);
    if (!task || *task == LossTask::numbers) continue;
    const Node& loss = setup.graph.nodes[static_cast<std::size_t>(setup.graph.losses[i])];
    const Node& source = setup.graph.nodes[static_cast<std::size_t>(loss.src[0].node)];
    if (!source.kind) continue;
    const bool sigmoid =
        source.kind->activation &&
        source.kind->activation(*source.layer).algorithm == dnnl::algorithm::eltwise_logistic;
    if (!sigmoid && source.kind->name != "softmax") continue;
    notes.push_back("loss '" + loss.name + "' reads '" + source.name + "', which makes " +
                    "probabilities of scores; " + std::string(loss.kind->name) +
                    " takes the scores and does so itself: leave the layer out");
  }
  return notes;
}

}  // namespace dl
