#include <doctest/doctest.h>
#include <onnx.pb.h>

#include <filesystem>
#include <functional>

#include "core/error.h"
#include "engine/onnx/import.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"

// Files that lie about themselves: each ends with a UserError of exit code 5 that names the file,
// before anything is allocated that the file does not hold.

namespace dl {
namespace {

namespace fs = std::filesystem;
using onnx::ModelProto;
using onnx::TensorProto;

/// A linear layer on three features: sound.
ModelProto good_model() {
  ModelProto model;
  model.set_ir_version(8);
  model.set_producer_name("test");
  model.add_opset_import()->set_version(17);
  onnx::GraphProto& graph = *model.mutable_graph();
  auto& type = *graph.add_input()->mutable_type()->mutable_tensor_type();
  graph.mutable_input(0)->set_name("x");
  type.set_elem_type(1);
  type.mutable_shape()->add_dim()->set_dim_param("batch");
  type.mutable_shape()->add_dim()->set_dim_value(3);
  graph.add_output()->set_name("y");
  auto& node = *graph.add_node();
  node.set_op_type("Gemm");
  node.set_name("/fc/Gemm");
  for (const char* name : {"x", "w"}) node.add_input(name);
  node.add_output("y");
  auto& transposed = *node.add_attribute();
  transposed.set_name("transB");
  transposed.set_type(onnx::AttributeProto::INT);
  transposed.set_i(1);
  TensorProto& weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(1);
  weight.add_dims(2);
  weight.add_dims(3);
  for (int i = 0; i < 6; ++i) weight.add_float_data(static_cast<float>(i));
  return model;
}

ImportedNetwork import_file(const std::string& path) {
  return import_network(read_onnx(path), {.path = path, .name = "m", .input_shape = {}});
}

/// The message with which reading and importing the file ends; "" where it is fine.
std::string error_of(const std::string& path) {
  try {
    import_file(path);
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    CHECK(std::string(error.what()).find("m.onnx") != std::string::npos);
    return error.what();
  }
  return "";
}

std::string error_of_bytes(const std::string& bytes) {
  const test::TempFolder folder;
  test::write_text(folder / "m.onnx", bytes);
  return error_of(folder / "m.onnx");
}

std::string error_with(const std::function<void(ModelProto&)>& damage) {
  ModelProto model = good_model();
  damage(model);
  return error_of_bytes(model.SerializeAsString());
}
std::string error_of_weight(const std::function<void(TensorProto&)>& damage) {
  return error_with(
      [&](ModelProto& model) { damage(*model.mutable_graph()->mutable_initializer(0)); });
}

bool holds(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  return text.find(part) != std::string::npos;
}

void set_external(TensorProto& tensor, const std::string& location, const std::string& offset = "",
                  const std::string& length = "") {
  tensor.clear_float_data();
  tensor.set_data_location(TensorProto::EXTERNAL);
  for (const auto& [key, value] : {std::pair<std::string, std::string>("location", location),
                                   {"offset", offset},
                                   {"length", length}}) {
    if (value.empty() && key != "location") continue;
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }
}

}  // namespace

TEST_CASE("the model that is damaged below is sound") {
  CHECK(error_with([](ModelProto&) {}).empty());
}

TEST_CASE("sizes of tensors are checked before anything is allocated") {
  const auto dims = [](std::vector<std::int64_t> sizes) {
    return error_of_weight([&](TensorProto& tensor) {
      tensor.clear_dims();
      for (const std::int64_t size : sizes) tensor.add_dims(size);
    });
  };
  const std::int64_t huge = std::int64_t{1} << 62;
  CHECK(holds(dims({huge, 3}), "tensor 'w': its dimensions are beyond all memory"));
  CHECK(holds(dims({huge, huge, huge, 16}), "beyond all memory"));
  CHECK(holds(dims({4294967296, 4294967296}), "beyond all memory"));  // 2^64: 0 in 64 bits
  CHECK(holds(dims({-2, -3}), "a dimension of -2"));
  CHECK(holds(dims({2, -1}), "a dimension of -1"));
  CHECK(holds(dims({0, huge}), "beyond all memory"));
  CHECK(holds(dims({2, 4}), "its data has 24 bytes, its shape needs 32"));
  CHECK(holds(dims(std::vector<std::int64_t>(33, 1)), "over 32 dimensions"));
}

TEST_CASE("data that do not fill a shape are refused, however they are written") {
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.add_float_data(1); }),
              "its data has 28 bytes"));
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.set_raw_data("1234567"); }),
              "its data has 7 bytes"));
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.set_data_type(11); }),
              "its data has 0 bytes, its shape needs 48"));  // double, but float_data
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.clear_float_data(); }),
              "its data has 0 bytes"));
}

TEST_CASE("types that there are not, and types that weights cannot have, are refused") {
  for (const int type : {0, -1, 99, 1 << 30}) {
    CHECK(holds(error_of_weight([&](TensorProto& tensor) { tensor.set_data_type(type); }),
                "unknown data type " + std::to_string(type)));
  }
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.set_data_type(8); }),
              "holds no real numbers"));
  CHECK(holds(error_of_weight([](TensorProto& tensor) {
                tensor.set_data_type(7);
                for (int i = 0; i < 6; ++i) tensor.add_int64_data(i);
              }),
              "holds no real numbers"));
}

TEST_CASE("files that are cut off, no models, or nested too deeply are refused") {
  const std::string whole = good_model().SerializeAsString();
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_FALSE(error_of_bytes(whole.substr(0, length)).empty());
  CHECK(holds(error_of_bytes("hello, this is a text and no model"), "not a valid ONNX model"));
  CHECK(holds(error_of_bytes(std::string(1000, '\xff')), "not a valid ONNX model"));
}

TEST_CASE("graphs in attributes of graphs are read to a depth, and no further") {
  onnx::GraphProto nested;
  for (int depth = 0; depth < 60; ++depth) {
    onnx::GraphProto outer;
    outer.add_node()->add_attribute()->mutable_g()->Swap(&nested);
    nested.Swap(&outer);
  }
  const std::string found = error_with([&](ModelProto& model) {
    nested.Swap(model.mutable_graph()->mutable_node(0)->add_attribute()->mutable_g());
  });
  CHECK(holds(found, "nested too deeply"));
}

TEST_CASE("a model that is a pickle is refused with the way to convert it") {
  CHECK(holds(error_of_bytes(std::string("PK\x03\x04", 4) + std::string(100, '\0')),
              "torch.load('w.pt', weights_only=True)"));
  CHECK(holds(error_of_bytes(std::string("\x80\x02", 2) + std::string(100, 'q')),
              "a PyTorch pickle"));
}

TEST_CASE("names that are taken twice, or are no text, are refused") {
  CHECK(holds(error_with([](ModelProto& model) {
                *model.mutable_graph()->add_initializer() = model.graph().initializer(0);
              }),
              "two tensors are called 'w'"));
  CHECK(holds(error_with([](ModelProto& model) {
                *model.mutable_graph()->add_node() = model.graph().node(0);
              }),
              "two operators or tensors make 'y'"));
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.set_name("\xff\xfe"); }),
              "a name is not UTF-8"));
  CHECK(holds(error_of_weight([](TensorProto& tensor) { tensor.set_name(std::string(2000, 'a')); }),
              "a name has over 1,000 characters"));
}

TEST_CASE("graphs that lead nowhere are refused") {
  CHECK(holds(error_with([](ModelProto& model) { model.clear_graph(); }), "it has no graph"));
  CHECK(holds(error_with([](ModelProto& model) { model.mutable_graph()->clear_output(); }),
              "the graph has no output"));
  CHECK(holds(error_with([](ModelProto& model) {
                model.mutable_graph()->mutable_output(0)->set_name("z");
              }),
              "nothing makes its output 'z'"));
  CHECK(holds(error_with([](ModelProto& model) {
                model.mutable_graph()->mutable_node(0)->set_input(0, "y");
              }),
              "operators stand before those whose results they read"));
  CHECK(holds(error_with([](ModelProto& model) {
                model.mutable_graph()->mutable_node(0)->set_input(0, "nobody");
              }),
              "nothing makes 'nobody', which an operator reads"));
  CHECK(holds(error_with([](ModelProto& model) {
                model.mutable_graph()->mutable_output(0)->set_name("x");
              }),
              "is no layer's"));
  CHECK(holds(
      error_with([](ModelProto& model) { model.mutable_graph()->mutable_node(0)->clear_input(); }),
      "it lacks input 1"));
  CHECK(holds(error_with([](ModelProto& model) {
                *model.mutable_graph()->add_input() = model.graph().input(0);
                model.mutable_graph()->mutable_input(1)->set_name("x2");
              }),
              "the network has 2 inputs"));
}

TEST_CASE("a shape of the input that is open or beyond all memory is refused") {
  const auto with_size = [](std::int64_t size) {
    return error_with([&](ModelProto& model) {
      model.mutable_graph()
          ->mutable_input(0)
          ->mutable_type()
          ->mutable_tensor_type()
          ->mutable_shape()
          ->mutable_dim(1)
          ->set_dim_value(size);
    });
  };
  CHECK(holds(with_size(std::int64_t{1} << 62), "beyond all memory"));
  CHECK(holds(with_size(-5), "--input-shape"));
  CHECK(holds(with_size(4), "do not fit"));
}

TEST_CASE("attributes of any size end in an error, not in memory") {
  for (const std::int64_t size : {std::int64_t{1} << 62, std::int64_t{-1}, std::int64_t{0}}) {
    const std::string found = error_with([&](ModelProto& model) {
      auto& node = *model.mutable_graph()->mutable_node(0);
      node.set_op_type("MaxPool");
      node.clear_attribute();
      node.mutable_input()->RemoveLast();
      auto& kernel = *node.add_attribute();
      kernel.set_name("kernel_shape");
      kernel.set_type(onnx::AttributeProto::INTS);
      for (int i = 0; i < 2; ++i) kernel.add_ints(size);
      auto& dims = *model.mutable_graph()
                        ->mutable_input(0)
                        ->mutable_type()
                        ->mutable_tensor_type()
                        ->mutable_shape();
      for (int i = 0; i < 2; ++i) dims.add_dim()->set_dim_value(8);
    });
    CHECK(holds(found, "operator MaxPool '/fc/Gemm' is not covered"));
  }
}

TEST_CASE("a small file cannot use its tensors until the memory is full") {
  const std::string found = error_with([](ModelProto& model) {
    auto& graph = *model.mutable_graph();
    TensorProto& weight = *graph.mutable_initializer(0);
    weight.clear_float_data();
    weight.clear_dims();
    weight.add_dims(512);
    weight.add_dims(512);
    weight.set_raw_data(std::string(512 * 512 * 4, '\0'));
    graph.mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(1)
        ->set_dim_value(512);
    const onnx::NodeProto node = graph.node(0);
    for (int i = 1; i < 200; ++i) {
      onnx::NodeProto& next = *graph.add_node();
      next = node;
      next.set_input(0, i == 1 ? "y" : "y" + std::to_string(i - 1));
      next.set_output(0, "y" + std::to_string(i));
    }
    graph.mutable_output(0)->set_name("y199");
  });
  CHECK(holds(found, "used as weights again and again"));
}

TEST_CASE("nor can what it computes beforehand") {
  const std::string found = error_with([](ModelProto& model) {
    auto& graph = *model.mutable_graph();
    TensorProto& weight = *graph.mutable_initializer(0);
    weight.clear_float_data();
    weight.set_dims(0, 1024);
    weight.set_dims(1, 1024);
    weight.set_raw_data(std::string(1 << 22, '\0'));
    for (int i = 0; i < 30; ++i) {
      onnx::NodeProto& node = *graph.add_node();
      node.set_op_type("Transpose");
      node.add_input(i == 0 ? "w" : "t" + std::to_string(i - 1));
      node.add_output("t" + std::to_string(i));
    }
  });
  CHECK(holds(found, "again and again"));
}

TEST_CASE("external data stay in the model's folder") {
  const test::TempFolder folder;
  fs::create_directory(folder / "model");
  test::write_text(folder / "secret", std::string(24, 'x'));
  test::write_text(folder / "model/sub/data", std::string(24, '\0'));
  fs::create_symlink(folder / "secret", folder / "model/link");
  fs::create_directory_symlink(folder.path(), folder / "model/way");
  const auto error_at = [&](const std::string& location, const std::string& offset = "",
                            const std::string& length = "") {
    ModelProto model = good_model();
    set_external(*model.mutable_graph()->mutable_initializer(0), location, offset, length);
    test::write_text(folder / "model/m.onnx", model.SerializeAsString());
    return error_of(folder / "model/m.onnx");
  };
  CHECK(error_at("sub/data").empty());
  CHECK(error_at("sub/data", "0", "24").empty());
  CHECK(holds(error_at("../secret"), "its location leaves the model's folder"));
  CHECK(holds(error_at("sub/../../secret"), "its location leaves the model's folder"));
  CHECK(holds(error_at(folder / "secret"), "its location is absolute"));
  CHECK(holds(error_at("link"), "leads through a link"));
  CHECK(holds(error_at("way/secret"), "leads through a link"));
  CHECK(holds(error_at(""), "no location is said"));
  CHECK(holds(error_at("sub"), "external data of 'w'"));
  CHECK(holds(error_at("none"), "there is no file 'none'"));
  CHECK(holds(error_at("sub//data"), "no plain path"));
  CHECK(holds(error_at("sub\\data"), "backslash"));
  CHECK(holds(error_at(std::string("sub/data\0x", 10)), "zero byte"));
  CHECK(holds(error_at("sub/data", "1"), "reach beyond the 24 bytes"));
  CHECK(holds(error_at("sub/data", "18446744073709551615"), "no numbers of bytes"));
  CHECK(holds(error_at("sub/data", "9223372036854775807"), "reach beyond"));
  CHECK(holds(error_at("sub/data", "-8"), "no numbers of bytes"));
  CHECK(holds(error_at("sub/data", "0", "25"), "its length is 25, its shape needs 24 bytes"));
  CHECK(holds(error_at("sub/data", "eight"), "no numbers of bytes"));
}

TEST_CASE("tensors cannot share the bytes of an external file to fill the memory") {
  const test::TempFolder folder;
  test::write_text(folder / "data", std::string(24, '\0'));
  ModelProto model = good_model();
  set_external(*model.mutable_graph()->mutable_initializer(0), "data");
  *model.mutable_graph()->add_initializer() = model.graph().initializer(0);
  model.mutable_graph()->mutable_initializer(1)->set_name("w2");
  test::write_text(folder / "m.onnx", model.SerializeAsString());
  CHECK(holds(error_of(folder / "m.onnx"), "together take more than it has"));
}

TEST_CASE("a model damaged anywhere is read, or refused with exit code 5") {
  const std::string whole = good_model().SerializeAsString();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int change : {1, 2, 8, 64, 128}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ change);
      error_of_bytes(damaged);  // checks the code
    }
  }
}

TEST_CASE("models of PyTorch's damaged at random are read, or refused with exit code 5") {
  std::uint64_t state = 88172645463325252ULL;
  const auto draw = [&](std::size_t below) {  // any generator will do
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::size_t>(state % below);
  };
  for (const char* name : {"functions_ts", "bilstm_ts", "tokens_dyn", "googlenet_ts", "rnn_ts"}) {
    const test::Bytes whole =
        test::read_bytes(dl::test::source_path("tests/goldens/onnx/") + name + ".onnx");
    for (int round = 0; round < 200; ++round) {
      std::string damaged(whole.begin(), whole.end());
      for (std::size_t i = 0; i <= draw(4); ++i)
        damaged[draw(damaged.size())] = static_cast<char>(draw(256));
      error_of_bytes(damaged);  // checks the code
    }
  }
}

}  // namespace dl
