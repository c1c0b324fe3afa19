#include <google/protobuf/io/coded_stream.h>
#include <onnx.pb.h>

#include <cstring>
#include <set>

#include "core/error.h"
#include "core/file_system.h"
#include "core/text.h"
#include "engine/formats/pickle.h"
#include "engine/onnx/external_data.h"
#include "engine/onnx/model.h"

namespace dl {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;

constexpr std::uint64_t kMaxFile = (std::uint64_t{1} << 31) - 1;  // of protobuf
constexpr int kMaxDepth = 32;                                     // of messages in messages
constexpr int kMaxRank = 32;
constexpr std::size_t kMaxName = 1000;
// Types that there are and whose values nothing here needs: complex, 4 and 8 bits.
constexpr int kUnreadTypes[] = {14, 15, 17, 18, 19, 20, 21, 22, 23, 24};

/// Bytes of an element; 0: values of that type are not read. None: there is no such type.
std::optional<std::uint64_t> element_bytes(int type) {
  switch (static_cast<OnnxType>(type)) {
    case OnnxType::u8:
    case OnnxType::i8:
    case OnnxType::boolean:
      return 1;
    case OnnxType::u16:
    case OnnxType::i16:
    case OnnxType::f16:
    case OnnxType::bf16:
      return 2;
    case OnnxType::f32:
    case OnnxType::i32:
    case OnnxType::u32:
      return 4;
    case OnnxType::f64:
    case OnnxType::i64:
    case OnnxType::u64:
      return 8;
    case OnnxType::text:
      return 0;
  }
  for (const int unread : kUnreadTypes)
    if (type == unread) return 0;
  return std::nullopt;
}

/// Numbers of a field that holds them one by one, narrowed to the tensor's own type.
template <class T, class Field>
std::string packed(const Field& field) {
  std::string bytes(static_cast<std::size_t>(field.size()) * sizeof(T), '\0');
  for (int i = 0; i < field.size(); ++i) {
    const T value = static_cast<T>(field.Get(i));
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

std::string typed_bytes(const TensorProto& proto) {
  switch (static_cast<OnnxType>(proto.data_type())) {
    case OnnxType::f32:
      return packed<float>(proto.float_data());
    case OnnxType::f64:
      return packed<double>(proto.double_data());
    case OnnxType::i64:
      return packed<std::int64_t>(proto.int64_data());
    case OnnxType::u64:
      return packed<std::uint64_t>(proto.uint64_data());
    case OnnxType::u32:
      return packed<std::uint32_t>(proto.uint64_data());
    case OnnxType::i32:
      return packed<std::int32_t>(proto.int32_data());
    case OnnxType::u8:
    case OnnxType::i8:
    case OnnxType::boolean:
      return packed<std::uint8_t>(proto.int32_data());
    case OnnxType::u16:
    case OnnxType::i16:
    case OnnxType::f16:
    case OnnxType::bf16:
      return packed<std::uint16_t>(proto.int32_data());
    case OnnxType::text:
      break;
  }
  return {};
}

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), external_(path) {}

  OnnxModel read() {
    onnx::ModelProto proto = parse();
    if (!proto.has_graph()) refuse("it has no graph");
    OnnxModel model;
    model.opset = 0;
    for (const auto& set : proto.opset_import()) {
      if (set.domain().empty() || set.domain() == "ai.onnx") model.opset = set.version();
    }
    if (model.opset < 1) refuse("it says no version of its operators");
    onnx::GraphProto& graph = *proto.mutable_graph();
    model.name = graph.name();
    if (graph.sparse_initializer_size() > 0) refuse("sparse tensors are not read");
    read_initializers(graph, model);
    for (onnx::NodeProto& node : *graph.mutable_node()) model.nodes.push_back(node_of(node));
    for (const auto& input : graph.input()) model.inputs.push_back(port_of(input));
    for (const auto& output : graph.output()) model.outputs.push_back(port_of(output));
    for (const auto& entry : proto.metadata_props())
      model.metadata.emplace_back(entry.key(), entry.value());
    return model;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError(ExitCode::weights, path_ + ": not a valid ONNX model: " + what);
  }

  onnx::ModelProto parse() const {
    std::string bytes;
    try {
      const InputFile file(path_);
      std::string start(std::min<std::uint64_t>(16, file.size()), '\0');
      file.read_at(0, std::as_writable_bytes(std::span(start)));
      refuse_pickle(start, path_);
      if (file.size() > kMaxFile) {
        refuse("it has " + std::to_string(file.size()) +
               " bytes; one of over 2 GB keeps its tensors in external data");
      }
      bytes.resize(file.size());
      file.read_at(0, std::as_writable_bytes(std::span(bytes)));
    } catch (const FileError& error) {
      throw UserError(ExitCode::weights, error.what());
    }
    google::protobuf::io::CodedInputStream stream(
        reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
    stream.SetRecursionLimit(kMaxDepth);
    onnx::ModelProto proto;
    if (bytes.empty() || !proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
      refuse("it is cut off, or no protobuf message, or nested too deeply");
    return proto;
  }

  void check_name(const std::string& name) const {
    if (name.size() > kMaxName) refuse("a name has over 1,000 characters");
    for (std::size_t at = 0; at < name.size();) {
      const std::size_t length = utf8_length(std::string_view(name).substr(at));
      if (length == 0) refuse("a name is not UTF-8: '" + name + "'");
      at += length;
    }
  }

  /// Bytes that the dimensions ask for.
  std::uint64_t needed_bytes(const TensorProto& proto, std::uint64_t element) const {
    const std::string of = "tensor '" + proto.name() + "': ";
    if (proto.dims_size() > kMaxRank) refuse(of + "over 32 dimensions");
    constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
    std::uint64_t count = 1;
    bool empty = false;
    for (const std::int64_t dim : proto.dims()) {
      if (dim < 0) refuse(of + "a dimension of " + std::to_string(dim));
      empty |= dim == 0;
      const auto size = static_cast<std::uint64_t>(dim == 0 ? 1 : dim);
      if (size > kMost / count) refuse(of + "its dimensions are beyond all memory");
      count *= size;
    }
    return empty ? 0 : count * element;
  }

  OnnxTensor tensor_of(TensorProto& proto) {
    check_name(proto.name());
    const std::string of = "tensor '" + proto.name() + "': ";
    const auto element = element_bytes(proto.data_type());
    if (!element) refuse(of + "unknown data type " + std::to_string(proto.data_type()));
    const std::uint64_t needed = needed_bytes(proto, *element);
    OnnxTensor tensor{.name = proto.name(),
                      .type = static_cast<OnnxType>(proto.data_type()),
                      .dims = {proto.dims().begin(), proto.dims().end()},
                      .bytes = {}};
    if (proto.has_segment()) refuse(of + "tensors in segments are not read");
    if (*element == 0) return tensor;
    if (proto.data_location() == TensorProto::EXTERNAL) {
      tensor.bytes = external_.read(proto.name(), place_of(proto), needed);
      return tensor;
    }
    tensor.bytes = proto.has_raw_data() ? std::move(*proto.mutable_raw_data()) : typed_bytes(proto);
    if (tensor.bytes.size() != needed) {
      refuse(of + "its data has " + std::to_string(tensor.bytes.size()) +
             " bytes, its shape needs " + std::to_string(needed));
    }
    return tensor;
  }

  static ExternalPlace place_of(const TensorProto& proto) {
    ExternalPlace place;
    for (const auto& entry : proto.external_data()) {
      if (entry.key() == "location") place.location = entry.value();
      if (entry.key() == "offset") place.offset = entry.value();
      if (entry.key() == "length") place.length = entry.value();
    }
    return place;
  }

  void read_initializers(onnx::GraphProto& graph, OnnxModel& model) {
    std::set<std::string> names;
    for (TensorProto& proto : *graph.mutable_initializer()) {
      if (!names.insert(proto.name()).second)
        refuse("two tensors are called '" + proto.name() + "'");
      model.initializers.push_back(tensor_of(proto));
    }
  }

  OnnxNode node_of(onnx::NodeProto& proto) {
    OnnxNode node{.op = proto.op_type(),
                  .domain = proto.domain() == "ai.onnx" ? "" : proto.domain(),
                  .name = proto.name(),
                  .inputs = {proto.input().begin(), proto.input().end()},
                  .outputs = {proto.output().begin(), proto.output().end()},
                  .attributes = {}};
    for (AttributeProto& attribute : *proto.mutable_attribute())
      node.attributes.push_back(attribute_of(attribute));
    return node;
  }

  OnnxAttribute attribute_of(AttributeProto& proto) {
    OnnxAttribute attribute{.name = proto.name(), .value = {}};
    switch (proto.type()) {
      case AttributeProto::INT:
        attribute.value = proto.i();
        break;
      case AttributeProto::FLOAT:
        attribute.value = proto.f();
        break;
      case AttributeProto::STRING:
        attribute.value = proto.s();
        break;
      case AttributeProto::INTS:
        attribute.value = std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
        break;
      case AttributeProto::FLOATS:
        attribute.value = std::vector<float>(proto.floats().begin(), proto.floats().end());
        break;
      case AttributeProto::STRINGS:
        attribute.value = std::vector<std::string>(proto.strings().begin(), proto.strings().end());
        break;
      case AttributeProto::TENSOR:
        attribute.value = tensor_of(*proto.mutable_t());
        break;
      default:
        break;
    }
    return attribute;
  }

  static OnnxPort port_of(const onnx::ValueInfoProto& proto) {
    const auto& tensor = proto.type().tensor_type();
    OnnxPort port{
        .name = proto.name(), .type = static_cast<OnnxType>(tensor.elem_type()), .dims = {}};
    for (const auto& dim : tensor.shape().dim())
      port.dims.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : -1);
    return port;
  }

  const std::string& path_;
  ExternalData external_;
};

}  // namespace

bool looks_like_onnx(std::string_view start) {
  // The version of the format (field 1), a small number, and behind it another field of a model.
  constexpr std::string_view kTags = "\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2";
  return start.size() > 2 && start[0] == '\x08' && start[1] > 0 && start[1] < 100 &&
         kTags.find(start[2]) != std::string_view::npos;
}

OnnxModel read_onnx(const std::string& path) { return Reader(path).read(); }

}  // namespace dl
