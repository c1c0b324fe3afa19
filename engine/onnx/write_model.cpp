#include <onnx.pb.h>

#include <algorithm>

#include "core/error.h"
#include "core/version.h"
#include "engine/onnx/model.h"

namespace dl {
namespace {

using onnx::AttributeProto;

constexpr std::int64_t kFormat = 8;  // of opset 17
constexpr std::int64_t kTablesOpset = 3;

void write_tensor(const OnnxTensor& tensor, onnx::TensorProto& proto) {
  proto.set_name(tensor.name);
  proto.set_data_type(static_cast<std::int32_t>(tensor.type));
  for (const std::int64_t dim : tensor.dims) proto.add_dims(dim);
  proto.set_raw_data(tensor.bytes);
}

/// Puts an attribute's value where its type has its field.
struct WriteValue {
  AttributeProto& proto;

  void operator()(std::monostate) const {}
  void operator()(std::int64_t value) const {
    proto.set_type(AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(float value) const {
    proto.set_type(AttributeProto::FLOAT);
    proto.set_f(value);
  }
  void operator()(const std::string& value) const {
    proto.set_type(AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const std::vector<std::int64_t>& values) const {
    proto.set_type(AttributeProto::INTS);
    for (const std::int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<float>& values) const {
    proto.set_type(AttributeProto::FLOATS);
    for (const float value : values) proto.add_floats(value);
  }
  void operator()(const std::vector<std::string>& values) const {
    proto.set_type(AttributeProto::STRINGS);
    for (const std::string& value : values) proto.add_strings(value);
  }
  void operator()(const OnnxTensor& tensor) const {
    proto.set_type(AttributeProto::TENSOR);
    write_tensor(tensor, *proto.mutable_t());
  }
};

void write_node(const OnnxNode& node, onnx::NodeProto& proto) {
  proto.set_op_type(node.op);
  proto.set_domain(node.domain);
  proto.set_name(node.name);
  for (const std::string& input : node.inputs) proto.add_input(input);
  for (const std::string& output : node.outputs) proto.add_output(output);
  for (const OnnxAttribute& attribute : node.attributes) {
    AttributeProto& written = *proto.add_attribute();
    written.set_name(attribute.name);
    std::visit(WriteValue{written}, attribute.value);
  }
}

void write_port(const OnnxPort& port, onnx::ValueInfoProto& proto) {
  proto.set_name(port.name);
  auto& tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(static_cast<std::int32_t>(port.type));
  for (const std::int64_t dim : port.dims) {
    auto& written = *tensor.mutable_shape()->add_dim();
    if (dim < 0)
      written.set_dim_param("batch");
    else
      written.set_dim_value(dim);
  }
}

}  // namespace

std::string onnx_bytes(const OnnxModel& model) {
  onnx::ModelProto proto;
  proto.set_ir_version(kFormat);
  proto.set_producer_name("dltool");
  proto.set_producer_version(std::string(version()));
  proto.add_opset_import()->set_version(model.opset);
  proto.mutable_opset_import(0)->set_domain("");
  if (std::ranges::count(model.nodes, kTablesDomain, &OnnxNode::domain) > 0) {
    proto.add_opset_import()->set_version(kTablesOpset);
    proto.mutable_opset_import(1)->set_domain(kTablesDomain);
  }
  onnx::GraphProto& graph = *proto.mutable_graph();
  graph.set_name(model.name);
  for (const OnnxNode& node : model.nodes) write_node(node, *graph.add_node());
  for (const OnnxTensor& tensor : model.initializers)
    write_tensor(tensor, *graph.add_initializer());
  for (const OnnxPort& port : model.inputs) write_port(port, *graph.add_input());
  for (const OnnxPort& port : model.outputs) write_port(port, *graph.add_output());
  for (const auto& [key, value] : model.metadata) {
    onnx::StringStringEntryProto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  constexpr std::size_t kMost = (std::size_t{1} << 31) - 1;
  std::string bytes;
  if (proto.ByteSizeLong() > kMost || !proto.SerializeToString(&bytes))
    throw UserError(ExitCode::output, "the model has over 2 GB, which no ONNX file can hold");
  return bytes;
}

}  // namespace dl
