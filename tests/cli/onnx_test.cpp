#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "core/file_system.h"
#include "engine/formats/safetensors.h"
#include "engine/onnx/model.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/run_program.h"

// export, import, and an ONNX model as the source of fine-tuning, by the program itself.

namespace dl::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"(
version: 1
name: pictures
vars: {classes: 4}
data:
  source: {synthetic: {shape: [2, 8, 8], classes: $classes, samples: 24, test_samples: 8}}
  batch: 8
model:
  layers:
    - conv: {name: conv1, out_channels: 6, kernel_size: 3, bias: false}
    - batch_norm: {name: bn1}
    - relu: {name: relu1}
    - dropout: {p: 0.2}
    - flatten
    - linear: {name: fc, out_features: $classes}
    - global_avg_pool: {name: pool, from: relu1}
    - flatten
    - linear: {name: aux, out_features: $classes}
  output: fc
loss:
  - cross_entropy: {from: fc}
  - cross_entropy: {from: aux, train_only: true}
optimizer: {sgd: {lr: 0.05}}
train: {epochs: 1, ema: {decay: 0.9}, threads: 2}
)";

ProgramResult dltool(const std::vector<std::string>& arguments) {
  return run_program(dl::test::dltool_binary(), arguments);
}

struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml", run = folder / "run", model = folder / "m.onnx";

  Place() {
    write_text(config, kConfig);
    REQUIRE(dltool({"train", config, "--run", run}).exit_code == 0);
  }
  void export_model() const {
    const ProgramResult result = dltool({"export", run, "--to", "onnx", "-o", model});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
  bool has_leftovers() const {
    for (const auto& entry : fs::directory_iterator(folder.path()))
      if (entry.path().string().find(".tmp-") != std::string::npos) return true;
    return false;
  }
};

std::string saved(const std::string& run, const std::string& file) {
  return run + "/checkpoints/last/" + file;
}

bool same(const SafetensorsFile& a, const SafetensorsFile& b) {
  return std::ranges::all_of(a.tensors(),
                             [&](const TensorView& tensor) {
                               const TensorView* other = b.find(tensor.name);
                               return other && other->shape == tensor.shape &&
                                      std::ranges::equal(other->bytes, tensor.bytes);
                             }) &&
         a.tensors().size() == b.tensors().size();
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("export writes every weight and statistic, averaged ones unless said otherwise") {
  const Place place;
  const std::string file = place.folder / "w.safetensors";
  REQUIRE(dltool({"export", place.run, "--to", "safetensors", "-o", file}).exit_code == 0);
  const SafetensorsFile averaged = SafetensorsFile::read(saved(place.run, "ema.safetensors")),
                        raw = SafetensorsFile::read(saved(place.run, "model.safetensors"));
  CHECK(same(SafetensorsFile::read(file), averaged));
  REQUIRE(dltool({"export", place.run, "--to", "safetensors", "-o", file, "--weights", "raw",
                  "--checkpoint", "last"})
              .exit_code == 0);
  CHECK(same(SafetensorsFile::read(file), raw));
  REQUIRE(dltool({"export", place.config, "--weights", saved(place.run, "ema.safetensors"), "--to",
                  "safetensors", "-o", file})
              .exit_code == 0);
  CHECK(same(SafetensorsFile::read(file), averaged));
  CHECK_FALSE(place.has_leftovers());
}

TEST_CASE("an exported model has no training in it, and batches of any size") {
  const Place place;
  place.export_model();
  const OnnxModel model = read_onnx(place.model);
  std::vector<std::string> names;
  for (const OnnxTensor& tensor : model.initializers) names.push_back(tensor.name);
  CHECK(std::ranges::count(names, "bn1.running_var") == 1);
  CHECK(std::ranges::count(names, "aux.weight") == 0);
  for (const OnnxNode& node : model.nodes) CHECK(node.op != "Dropout");
  CHECK(model.inputs[0].dims == std::vector<std::int64_t>{-1, 2, 8, 8});
  CHECK(model.outputs[0].dims == std::vector<std::int64_t>{-1, 4});
}

TEST_CASE("an export that fails leaves nothing behind, and its code says what failed") {
  const Place place;
  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "export");
    return dltool(arguments).exit_code;
  };
  const std::string file = place.folder / "m.onnx";
  CHECK(code({place.run, "--to", "pickle", "-o", file}) == 2);
  CHECK(code({place.run, "--to", "onnx"}) == 2);
  CHECK(code({place.config, "--to", "onnx", "-o", file}) == 2);  // no weights
  CHECK(code({place.run, "--to", "onnx", "-o", file, "--checkpoint", "last", "--weights", "x"}) ==
        2);
  CHECK(code({place.folder / "none", "--to", "onnx", "-o", file}) == 10);
  CHECK(code({place.run, "--to", "onnx", "-o", file, "--checkpoint", place.folder / "none"}) == 5);
  CHECK(code({place.run, "--to", "onnx", "-o", place.folder / "no/m.onnx"}) == 6);
  fs::create_directory(place.folder / "taken");
  CHECK(code({place.run, "--to", "onnx", "-o", place.folder / "taken"}) == 6);
  CHECK_FALSE(fs::exists(file));
  CHECK_FALSE(place.has_leftovers());
}

TEST_CASE("a result goes where a link leads, and into what is no regular file") {
  const Place place;
  const std::string file = place.folder / "real.onnx", link = place.folder / "link.onnx",
                    loose = place.folder / "loose.onnx", pipe = place.folder / "pipe";
  write_text(file, "old");
  fs::create_symlink("real.onnx", link);
  fs::create_symlink("new.onnx", loose);
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto export_to = [&](const std::string& to) {
    return dltool({"export", place.run, "--to", "onnx", "-o", to});
  };
  CHECK(export_to(link).exit_code == 0);
  CHECK(export_to(loose).exit_code == 0);
  CHECK(fs::is_symlink(link));
  CHECK(fs::is_symlink(loose));
  CHECK(read_bytes(file) == read_bytes(place.folder / "new.onnx"));
  CHECK(read_bytes(file).size() > 100);
  RunningProgram reader("/bin/cat", {pipe});
  CHECK(export_to(pipe).exit_code == 0);
  CHECK(reader.wait().out.size() == read_bytes(file).size());
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("options that do not belong together are refused") {
  const Place place;
  place.export_model();
  const std::string folder = place.folder / "imported";
  CHECK(dltool({"import", place.model, "-o", folder, "--strict"}).exit_code == 2);
  CHECK(dltool({"import", place.model, "-o", folder, "--set", "a=b"}).exit_code == 2);
  CHECK(dltool({"import", place.model, "--config", place.config, "--input-shape", "2,8,8"})
            .exit_code == 2);
  CHECK_FALSE(fs::exists(folder));
}

TEST_CASE("layers that ONNX does not have are all named, and no file is written") {
  const TempFolder folder;
  write_text(folder / "c.yaml", R"(
version: 1
data: {source: {synthetic: {shape: [5, 3], classes: 2, samples: 8}}, batch: 4}
model:
  layers:
    - lstm: {name: low, hidden_size: 4, proj_size: 2}
    - lstm: {name: high, hidden_size: 4, proj_size: 2, output: last}
    - linear: {out_features: 2}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1}
)");
  REQUIRE(dltool({"train", folder / "c.yaml", "--run", folder / "run"}).exit_code == 0);
  const ProgramResult result =
      dltool({"export", folder / "run", "--to", "onnx", "-o", folder / "m.onnx"});
  CHECK(result.exit_code == 3);
  CHECK(has(result.err, "layer 'low' (lstm) cannot be exported: ONNX's LSTM has no projection"));
  CHECK(has(result.err, "layer 'high' (lstm) cannot be exported"));
  CHECK_FALSE(fs::exists(folder / "m.onnx"));
}

TEST_CASE("import writes a config that can be checked, evaluated and trained") {
  const Place place;
  place.export_model();
  const std::string back = place.folder / "back";
  const ProgramResult result = dltool({"import", place.model, "-o", back});
  REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  CHECK(dltool({"check", back + "/config.yaml"}).exit_code == 0);
  const std::string data =
      "data.source={synthetic: {shape: [2, 8, 8], classes: 4, samples: 24, test_samples: 8}}";
  const ProgramResult before = dltool({"eval", place.run, "--json"});
  const ProgramResult after = dltool({"eval", back + "/config.yaml", "--weights",
                                      back + "/model.safetensors", "--set", data, "--json"});
  REQUIRE_MESSAGE(after.exit_code == 0, after.err);
  const std::string loss = before.out.substr(before.out.find("\"loss\":"), 24);
  CHECK(has(after.out, loss));
  CHECK(dltool({"finetune", back + "/config.yaml", "--from", back + "/model.safetensors",
                "--strict", "--freeze", "--head", "fc", "--set", data, "--set", "data.batch=8",
                "--set", "train.max_steps=1", "--run", place.folder / "tuned"})
            .exit_code == 0);
  const ProgramResult again = dltool({"import", place.model, "-o", back});
  CHECK(again.exit_code == 6);
  CHECK(has(again.err, "exists already"));
  CHECK_FALSE(place.has_leftovers());
}

TEST_CASE("an imported network has another number of classes by one key") {
  const Place place;
  place.export_model();
  const std::string back = place.folder / "back", config = back + "/config.yaml";
  REQUIRE(dltool({"import", place.model, "-o", back}).exit_code == 0);
  CHECK(dltool({"check", config, "--set", "data.classes=9"}).exit_code == 0);
  const ProgramResult fit = dltool(
      {"import", back + "/model.safetensors", "--config", config, "--set", "data.classes=9"});
  REQUIRE_MESSAGE(fit.exit_code == 0, fit.err);
  CHECK(has(fit.out, "started anew: (9, "));
  const std::string file = place.folder / "again.onnx";
  REQUIRE(dltool({"export", config, "--weights", back + "/model.safetensors", "--to", "onnx", "-o",
                  file})
              .exit_code == 0);
  CHECK(read_onnx(file).initializers.size() == read_onnx(place.model).initializers.size());
}

TEST_CASE("weights that are not finite are refused wherever they come from") {
  const Place place;
  const std::string file = place.folder / "bad.safetensors",
                    model = saved(place.run, "model.safetensors");
  const SafetensorsFile good = SafetensorsFile::read(model);
  std::vector<TensorView> tensors = good.tensors();
  std::vector<float> values(tensors[0].floats().begin(), tensors[0].floats().end());
  values[0] = std::numeric_limits<float>::quiet_NaN();
  tensors[0].bytes = std::as_bytes(std::span(values));
  write_safetensors(*real_file_system(), file, tensors, {});
  const std::string what = "'" + tensors[0].name + "' has a value that is not finite at [0";
  const auto fails = [&](const std::vector<std::string>& arguments) {
    const ProgramResult result = dltool(arguments);
    CHECK(result.exit_code == 5);
    CHECK_MESSAGE(has(result.err, what), result.err);
  };
  const std::string run = place.folder / "other";
  fails({"import", file, "--config", place.config});
  fails({"finetune", place.config, "--from", file, "--run", run});
  fails({"train", place.config, "--init", file, "--run", run});
  fails({"eval", place.config, "--weights", file});
  CHECK_FALSE(fs::exists(run));
}

TEST_CASE("import says what it cannot do, with the code of the table") {
  const TempFolder folder;
  write_text(folder / "text.onnx", "this is no model but a text");
  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "import");
    return dltool(arguments).exit_code;
  };
  CHECK(code({folder / "none.onnx", "-o", folder / "d"}) == 5);
  CHECK(code({folder / "text.onnx", "-o", folder / "d"}) == 5);
  CHECK(code({folder / "text.onnx"}) == 2);
  CHECK(code({folder / "text.onnx", "-o", folder / "d", "--config", "c.yaml"}) == 2);
  CHECK(code({folder / "text.onnx", "-o", folder / "d", "--input-shape", "3x4"}) == 2);
  CHECK_FALSE(fs::exists(folder / "d"));
}

TEST_CASE("import --config tells what finetune would load, of files, models and runs alike") {
  const Place place;
  place.export_model();
  for (const std::string& source :
       {place.run, place.model, saved(place.run, "model.safetensors")}) {
    CAPTURE(source);
    const ProgramResult plain = dltool({"import", source, "--config", place.config});
    REQUIRE_MESSAGE(plain.exit_code == 0, plain.err);
    CHECK(has(plain.out, "conv1  conv"));
    CHECK(has(plain.out, "loaded"));
  }
  // The model has no auxiliary head: a head may be missing, other layers may not.
  CHECK(dltool({"import", place.model, "--config", place.config, "--strict"}).exit_code == 0);
  CHECK(has(dltool({"import", place.model, "--config", place.config}).out,
            "started anew: not in the source"));
}

TEST_CASE("import --config exits with 5 where the weights do not fit") {
  const Place place;
  place.export_model();
  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"import", place.model, "--config", place.config});
    return dltool(arguments).exit_code;
  };
  CHECK(code({"--set", "model.layers.0.conv.kernel_size=1"}) == 5);
  CHECK(code({"--set", "vars.classes=7"}) == 0);  // a new head
  CHECK(code({"--rename", "^conv1=other"}) == 5);
  const ProgramResult part =
      dltool({"import", place.model, "--config", place.config, "--rename", "^conv1=other"});
  CHECK(has(part.out, "started anew: not in the source"));
  CHECK_MESSAGE(has(part.err, "fits in part: 6 of 9 weights; not in it: 'conv1.weight'"), part.err);
  CHECK(code({"--rename", "^conv1=other", "--strict"}) == 5);
  CHECK(code({"--rename", "conv1=x1", "--rename", "x1=conv1", "--strict"}) == 0);
  CHECK(code({"--rename", "nothing_of_it=x"}) == 3);
  CHECK(code({"--rename", "klingon"}) == 3);
  CHECK(code({"--rename", "torchvision", "--rename", "a=b"}) == 2);
}

TEST_CASE("a network begins with the initialisers of an ONNX model, whatever its file is called") {
  const Place place;
  place.export_model();
  fs::copy_file(place.model, place.folder / "weights.bin");
  for (const std::string& source : {place.model, place.folder / "weights.bin"}) {
    const std::string run =
        place.folder / "tuned-" + fs::path(source).extension().string().substr(1);
    const ProgramResult result =
        dltool({"finetune", place.config, "--from", source, "--freeze=conv1", "--freeze=bn1",
                "--set", "train.max_steps=1", "--run", run});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    CHECK(has(result.err, "conv1  conv"));
    const auto before = SafetensorsFile::read(saved(place.run, "ema.safetensors")),
               after = SafetensorsFile::read(saved(run, "model.safetensors"));
    CHECK(
        std::ranges::equal(before.find("conv1.weight")->bytes, after.find("conv1.weight")->bytes));
  }
}

TEST_CASE("a source that is neither format is told apart by its content") {
  const Place place;
  write_text(place.folder / "a.onnx", "a text that is longer than a header");
  write_text(place.folder / "a.safetensors", "a text that is longer than a header");
  write_text(place.folder / "a.pt", std::string("PK\x03\x04", 4) + std::string(40, '\0'));
  const auto error = [&](const std::string& name) {
    const ProgramResult result = dltool({"import", place.folder / name, "--config", place.config});
    CHECK(result.exit_code == 5);
    return result.err;
  };
  CHECK(has(error("a.onnx"), "a.onnx: not an ONNX model"));
  CHECK(has(error("a.safetensors"), "neither a safetensors file nor an ONNX model"));
  CHECK(has(error("a.pt"), "convert it in Python"));
}

}  // namespace dl::test
