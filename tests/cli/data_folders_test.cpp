#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

// What check says of a folder of data is what train does with it.
namespace dl::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kConfig = R"(
version: 1
name: c
data: {source: {image_folder: {path: data, size: 8}}, batch: 2}
model: {layers: [flatten, linear: {name: fc, out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1, threads: 1}
)";

struct Place {
  TempFolder folder;
  Place() { std::ofstream(folder / "c.yaml") << kConfig; }

  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dltool_binary(), arguments, folder.path());
  }
  /// Images of these classes, some each.
  void put(const std::string& below, const std::vector<std::string>& classes) const {
    write_pictures(folder / below, classes, 4, 8, 8);
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(folder / name).parent_path());
    std::ofstream(folder / name) << text;
  }
  /// Both end with this code, and say this.
  void both(int code, const std::string& text, const std::vector<std::string>& sets = {}) const {
    for (const std::string verb : {"check", "train"}) {
      CAPTURE(verb);
      std::vector<std::string> arguments = {verb, "c.yaml"};
      if (verb == "train") arguments.insert(arguments.end(), {"--run", "run"});
      for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
      const ProgramResult result = dltool(arguments);
      CHECK_MESSAGE(result.exit_code == code, result.err);
      CHECK_MESSAGE(result.err.find(text) != std::string::npos, result.err);
    }
    fs::remove_all(folder / "run");
  }
  void init(int code, const std::string& text) const {
    const ProgramResult result = dltool({"init", "data", "-o", "new.yaml"});
    CHECK_MESSAGE(result.exit_code == code, result.err);
    CHECK_MESSAGE(result.err.find(text) != std::string::npos, result.err);
    fs::remove(folder / "new.yaml");
  }
};

}  // namespace

TEST_CASE("a path one folder too high is refused, and the folder that looks right is named") {
  const Place place;
  place.put("data/images", {"cat", "dog"});
  const std::string hint = "hint: path: 'data/images' looks right: its folders are cat, dog";
  place.both(4,
             "c.yaml:4:17: error: data.source: all samples are of one class, 'images'; a "
             "classifier needs two or more");
  place.both(4, hint);
  place.both(4, hint, {"data.split.valid=2"});
  place.init(4, hint);
  place.both(0, "", {"data.source.image_folder.path=data/images"});
  place.both(4, "holds no folders", {"data.source.image_folder.path=data/images/cat"});
  place.both(4, "path: 'data/images' looks right",
             {"data.source.image_folder.path=data/images/cat"});
  place.both(4, "data.subset: classes: name two or more",
             {"data.source.image_folder.path=data/images", "data.subset.classes=[cat]"});
}

TEST_CASE("a network that reads no labels may have images of one class") {
  const Place place;
  place.put("data", {"all"});
  place.both(0, "",
             {"model.layers=[flatten: {name: flat}, linear: {name: fc, out_features: 192}]",
              "loss=[mse: {target: flat}]"});
}

TEST_CASE("a table and texts of one class are refused as well") {
  const Place place;
  place.write("t.csv", "x,kind\n1,a\n2,a\n3,a\n4,a\n");
  place.both(4, "all samples are of one class, 'a'",
             {"data.source={csv: {path: t.csv, target: kind}}"});
  place.write("texts.csv", "text,label\ngood,a\nbetter,a\n");
  const std::string layers =
      "model.layers=[embedding: {name: e, from: data.tokens, num_embeddings: $data.vocabulary, "
      "embedding_dim: 2}, flatten, linear: {out_features: $data.classes}]";
  place.both(4, "all samples are of one class, 'a'",
             {"data.source={labelled_text: {train: texts.csv, unit: word, length: 2}}", layers});
  place.write("texts/all/good/1.txt", "good");
  place.write("texts/all/bad/1.txt", "bad");
  place.both(4, "path: 'texts/all' looks right: its folders are bad, good",
             {"data.source={labelled_text: {path: texts, unit: word, length: 2}}", layers});
}

TEST_CASE("a test folder without classes is left out, told, and predicted on") {
  const Place place;
  place.put("data/train", {"cat", "dog"});
  place.put("data", {"test"});
  place.both(0,
             "data/test: its 4 images are in no class's folder, so that the test set has no "
             "labels and is left out; 'dltool predict RUN data/test' predicts it");
  place.init(0, "note: data/test: its 4 images are in no class's folder");
  REQUIRE(place.dltool({"train", "c.yaml", "--run", "run"}).exit_code == 0);
  const ProgramResult predicted = place.dltool({"predict", "run", "data/test", "--json"});
  CHECK(predicted.exit_code == 0);
  CHECK(std::ranges::count(predicted.out, '\n') == 4);
}

TEST_CASE("what archives leave behind is no class") {
  const Place place;
  place.put("data", {"cat", "dog"});
  place.write("data/__MACOSX/cat/._0000.jpg", "x");
  place.write("data/cat/._0000.jpg", "x");
  place.write("data/cat/Thumbs.db", "x");
  place.write("data/.ipynb_checkpoints/cat/0000.jpg", "x");
  place.both(0, "");
  const json checked = json::parse(place.dltool({"check", "c.yaml", "--json"}).out);
  CHECK(checked["notes"].empty());
  REQUIRE(place.dltool({"train", "c.yaml", "--run", "run"}).exit_code == 0);
  const ProgramResult predicted = place.dltool({"predict", "run", "data", "--json"});
  CHECK(std::ranges::count(predicted.out, '\n') == 8);
  CHECK(predicted.err.empty());
}

TEST_CASE("an empty folder of a class is told in test, and refused in train unless allowed") {
  const Place place;
  place.put("data/train", {"cat", "dog"});
  place.put("data/test", {"cat"});
  fs::create_directories(place.folder / "data/test/dog");
  place.both(0, "note: data/test: no image is in the folder dog");
  fs::create_directories(place.folder / "data/train/cow");
  place.both(4, "data/train/cow: holds no image");
  place.both(4, "allow_empty: true");
  place.both(0, "note: data/train: no image is in the folder cow",
             {"data.source.image_folder.allow_empty=true"});
  place.both(0, "", {"data.source.image_folder.ignore=[cow]"});
  place.both(4, "class 'cow' has no training samples that could be drawn",
             {"data.source.image_folder.allow_empty=true", "data.sampler=balanced"});
}

TEST_CASE("classes of test that train lacks are refused by both, and can be left out") {
  const Place place;
  place.put("data/train", {"cat", "dog"});
  place.put("data/test", {"cat", "cow"});
  place.both(4, "data/test/cow: 'cow' is none of the classes, cat, dog");
  place.both(0, "", {"data.source.image_folder.ignore=[cow]"});
  place.both(0, "", {"data.source.image_folder.ignore=[test]"});
}

TEST_CASE("files that are not read are counted once, by check, train, init and predict") {
  const Place place;
  place.put("data", {"cat", "dog"});
  fs::rename(place.folder / "data/cat/0000.jpg", place.folder / "data/cat/0000.jfif");
  place.write("data/cat/1.webp", "RIFF");
  place.write("data/dog/1.webp", "RIFF");
  place.write("data/dog/notes.txt", "x");
  const std::string note =
      "note: data: 3 of 11 files are not read: 2 .webp, 1 .txt; images are the files that end in "
      ".jpg, .jpeg, .jfif, .jpe or .png; images are read from JPEG and PNG files: convert the "
      "others, for example with ImageMagick, 'mogrify -format png *.webp'";
  place.both(0, note);
  place.init(0, note);
  REQUIRE(place.dltool({"train", "c.yaml", "--run", "run"}).exit_code == 0);
  const ProgramResult predicted = place.dltool({"predict", "run", "data", "--json"});
  CHECK(std::ranges::count(predicted.out, '\n') == 8);
  CHECK_MESSAGE(predicted.err.find(note) != std::string::npos, predicted.err);
}

TEST_CASE("check says where data is not there, and that it was not looked at") {
  const Place place;
  const ProgramResult result = place.dltool({"check", "c.yaml", "--set", "data.classes=2"});
  CHECK(result.exit_code == 0);
  CHECK(result.err.find("note: the data was not looked at: data: there is no such folder") !=
        std::string::npos);
}

TEST_CASE("runs that differ in their seed hold out the same samples, of each class alike") {
  const Place place;
  place.put("data", {"cat", "cow", "dog", "emu"});
  const auto held = [&](const std::string& run, const std::vector<std::string>& sets) {
    std::vector<std::string> arguments = {"train", "c.yaml", "--run",
                                          run,     "--set",  "data.split.valid=0.25"};
    for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
    const ProgramResult result = place.dltool(arguments);
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
    std::vector<std::string> names, targets;
    std::istringstream lines(place.dltool({"predict", run, "--split", "valid", "--json"}).out);
    for (std::string line; std::getline(lines, line);) {
      names.push_back(json::parse(line)["name"]);
      targets.push_back(json::parse(line)["target"]);
    }
    CHECK(targets == std::vector<std::string>{"cat", "cow", "dog", "emu"});
    return names;
  };
  const auto first = held("a", {"seed=1"});
  CHECK(held("b", {"seed=2"}) == first);
  CHECK(held("c", {"seed=1", "data.split.seed=5"}) != first);
}

}  // namespace dl::test
