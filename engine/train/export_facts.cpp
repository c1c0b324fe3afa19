#include "engine/train/export_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "engine/train/meter.h"
#include "engine/train/workspace.h"

namespace dl {
namespace {

using nlohmann::ordered_json;
using Function = OnnxPreprocessing::Function;

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// What a config says, its numbers as numbers.
ordered_json json_of(const ConfigNode& node) {
  switch (node.kind()) {
    case ConfigNode::Kind::null:
      return nullptr;
    case ConfigNode::Kind::list: {
      ordered_json list = ordered_json::array();
      for (const ConfigNode& item : node.items()) list.push_back(json_of(item));
      return list;
    }
    case ConfigNode::Kind::map: {
      ordered_json map = ordered_json::object();
      for (const ConfigNode::Entry& entry : node.entries()) map[entry.key] = json_of(entry.value);
      return map;
    }
    case ConfigNode::Kind::scalar:
      break;
  }
  if (!node.quoted()) {
    if (node.text() == "true" || node.text() == "false") return node.text() == "true";
    if (const auto number = parse_int(node.text())) return *number;
    if (const auto number = parse_double(node.text())) return *number;
  }
  return node.text();
}

OnnxPreprocessing::Order order_of(PictureOrder order) {
  switch (order) {
    case PictureOrder::rows:
      return OnnxPreprocessing::Order::rows;
    case PictureOrder::pixels:
      return OnnxPreprocessing::Order::pixels;
    case PictureOrder::planes:
      break;
  }
  return OnnxPreprocessing::Order::planes;
}

/// Of the first input: the columns of a table, or the bytes of an image.
void read_input(const Setup& setup, ExportFacts& facts) {
  const TransformPlan& plan = setup.eval_pipeline->plan();
  const DataSpec& source = setup.eval_pipeline->source();
  OnnxPreprocessing& found = facts.preprocessing;
  const auto count = [](const std::vector<DataColumn>& columns) {
    std::int64_t places = 0;
    for (const DataColumn& column : columns)
      places += column.words.empty() ? 1 : std::ssize(column.words);
    return places;
  };
  found.input = source.inputs[0].name;
  const auto& shape = source.inputs[0].shape;
  if (!shape.empty() && count(source.columns) == shape.back()) {
    for (const DataColumn& column : source.columns)
      found.columns.push_back(
          {column.name, column.words, column.offset, column.scale, column.fill});
  }
  found.bytes = plan.pixels;
  if (plan.normalised) {
    found.mean = plan.mean;
    found.std = plan.std;
  }
  found.order = order_of(plan.order);
  const auto picture = plan.picture();
  if (plan.order != PictureOrder::planes)
    found.image = {plan.unrolled.begin(), plan.unrolled.end()};
  else if (picture && plan.pixels)
    found.image = {picture->begin(), picture->end()};
  if (plan.resize || plan.windowed)
    facts.outside.emplace_back(
        "data.transforms give images their size before the model reads them: resizing and cropping "
        "are not in it");
  if (source.token_rule)
    facts.outside.emplace_back(
        "the model reads tokens, the numbers of the vocabulary: cutting texts into them is not in "
        "it");
}

/// What `predict` makes of the output.
void read_output(const Setup& setup, OnnxPreprocessing& found) {
  const Graph& graph = setup.graph;
  if (graph.losses.empty() || graph.target.node < 0) return;
  const auto task = Meter(graph, setup.eval_pipeline->spec()).task();
  if (task == LossTask::classes) found.function = Function::softmax;
  if (task == LossTask::yes_no) found.function = Function::sigmoid;
  if (task != LossTask::numbers) return;
  const std::string& target = graph.nodes[graph.target.node].name;
  for (const Field& field : setup.eval_pipeline->spec().targets) {
    if ("data." + field.name != target) continue;
    found.target_scale = field.scale;
    found.target_offset = field.offset;
  }
}

ordered_json columns_json(const std::vector<OnnxColumn>& columns) {
  ordered_json list = ordered_json::array();
  for (const OnnxColumn& column : columns) {
    ordered_json one = {{"name", column.name}};
    if (column.words.empty()) {
      one["offset"] = column.offset;
      one["scale"] = column.scale;
      if (column.fill) one["fill"] = *column.fill;
    } else {
      one["words"] = column.words;
    }
    list.push_back(std::move(one));
  }
  return list;
}

ordered_json input_json(const Setup& setup, const OnnxPreprocessing& found) {
  ordered_json input = ordered_json::object();
  if (!found.columns.empty()) input["columns"] = columns_json(found.columns);
  if (found.bytes) input["divide"] = 255;
  if (!found.mean.empty()) {
    input["mean"] = found.mean;
    input["std"] = found.std;
  }
  if (found.order == OnnxPreprocessing::Order::rows) input["order"] = "rows";
  if (found.order == OnnxPreprocessing::Order::pixels) input["order"] = "pixels";
  ordered_json transforms = ordered_json::array();
  for (const TypedNode& transform : setup.config.data.eval_transforms) {
    ordered_json params = json_of(transform.params);
    if (params.empty()) {
      transforms.push_back(transform.type);
    } else {
      ordered_json one = ordered_json::object();
      one[transform.type] = std::move(params);
      transforms.push_back(std::move(one));
    }
  }
  if (!transforms.empty()) input["transforms"] = std::move(transforms);
  const DataSpec& spec = setup.eval_pipeline->source();
  if (spec.token_rule && !spec.tokens.empty()) input["tokens"] = spec.tokens;
  return input;
}

ordered_json output_json(const Setup& setup, const OnnxPreprocessing& found) {
  ordered_json output = ordered_json::object();
  if (found.function == Function::softmax) output["function"] = "softmax";
  if (found.function == Function::sigmoid) output["function"] = "sigmoid";
  if (!found.target_scale.empty()) {
    output["scale"] = found.target_scale;
    output["offset"] = found.target_offset;
  }
  const DataSpec& spec = setup.eval_pipeline->source();
  if (!spec.target_names.empty()) output["columns"] = spec.target_names;
  return output;
}

}  // namespace

ExportFacts export_facts(const Setup& setup) {
  ExportFacts facts;
  if (!setup.eval_pipeline) {
    facts.outside.emplace_back(
        "the config names no data.source, so that nothing is known of what comes before the model");
    return facts;
  }
  read_input(setup, facts);
  read_output(setup, facts.preprocessing);
  return facts;
}

std::vector<std::pair<std::string, std::string>> export_metadata(const Setup& setup,
                                                                 const ExportFacts& facts,
                                                                 bool in_graph) {
  std::vector<std::pair<std::string, std::string>> metadata;
  if (!setup.eval_pipeline) return metadata;
  const DataSpec& spec = setup.eval_pipeline->source();
  if (facts.preprocessing.function == Function::softmax && !spec.token_rule) {
    const Port& port = setup.graph.output;
    const Shape output = infer_shapes(setup.graph, 1)[port.node][port.output];
    const auto names = names_of_classes(*setup.source, static_cast<std::size_t>(output.back()));
    metadata.emplace_back("names", class_names_text(names));
  }
  const ordered_json preprocessing = {{"in_graph", in_graph},
                                      {spec.inputs[0].name, input_json(setup, facts.preprocessing)},
                                      {"output", output_json(setup, facts.preprocessing)}};
  metadata.emplace_back("preprocessing", dump(preprocessing));
  return metadata;
}

}  // namespace dl
