#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "core/file_system.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

// dltool predict RUN -
namespace dl::test {
namespace {

struct Place {
  TempFolder folder;

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
  }
  ProgramResult dltool(const std::vector<std::string>& arguments) const {
    return run_program(dl::test::dltool_binary(), arguments, folder.path());
  }
  /// With $DLTOOL for the program.
  ProgramResult shell(const std::string& command) const {
    return run_program("/bin/sh", {"-c", "DLTOOL='" + dl::test::dltool_binary() + "'; " + command},
                       folder.path());
  }
  void train(const std::string& config) const {
    write("c.yaml", config);
    const ProgramResult result = dltool({"train", "c.yaml", "--run", "r", "-q"});
    REQUIRE_MESSAGE(result.exit_code == 0, result.err);
  }
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("rows from stdin are predicted as those of a file, and called '-'") {
  const Place place;
  place.write("t.csv", "x,y\n1,2\n3,4\n5,6\n7,8\n");
  place.train(R"(
data: {source: {csv: {path: t.csv, target: y}}, batch: 2}
model: {layers: [linear: {out_features: 1}]}
loss: mse
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1, threads: 1}
)");
  place.write("new.csv", "x\n2\n4\n");
  const ProgramResult file = place.dltool({"predict", "r", "new.csv"});
  const ProgramResult piped = place.shell("cat new.csv | \"$DLTOOL\" predict r -");
  CHECK_MESSAGE(piped.exit_code == 0, piped.err);
  CHECK(file.out.find("new.csv:2") != std::string::npos);
  CHECK(piped.out == replaced(file.out, "new.csv", "-"));
  const ProgramResult bad = place.shell("printf 'x\\n1,2\\n' | \"$DLTOOL\" predict r -");
  CHECK(bad.exit_code == 4);
  CHECK_MESSAGE(bad.err.starts_with("error: -:2"), bad.err);
  CHECK(place.shell("\"$DLTOOL\" predict r - new.csv </dev/null").exit_code == 2);
  CHECK(place.shell("\"$DLTOOL\" predict r - </dev/null").exit_code == 4);
}

TEST_CASE("of images stdin brings one, or the paths of some") {
  const Place place;
  write_pictures(place.folder / "train", {"a", "b"}, 4, 8, 8);
  place.train(R"(
data: {source: {image_folder: {path: train, size: 8}}, batch: 2}
model: {layers: [flatten, linear: {out_features: $data.classes}]}
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {epochs: 1, threads: 1}
)");
  const ProgramResult files =
      place.dltool({"predict", "r", "train/a/0000.jpg", "train/b/0001.png"});
  REQUIRE_MESSAGE(files.exit_code == 0, files.err);
  CHECK(place.shell("ls train/a/0000.jpg train/b/0001.png | \"$DLTOOL\" predict r -").out ==
        files.out);
  CHECK(place.shell("printf 'train/a/0000.jpg\\0train/b/0001.png\\0' | \"$DLTOOL\" predict r -")
            .out == files.out);
  for (const char* image : {"train/a/0000.jpg", "train/b/0001.png"}) {
    CAPTURE(image);
    const ProgramResult alone = place.dltool({"predict", "r", image});
    const ProgramResult piped = place.shell(std::string("\"$DLTOOL\" predict r - <") + image);
    CHECK_MESSAGE(piped.exit_code == 0, piped.err);
    CHECK(piped.out == replaced(alone.out, image, "-"));
  }
  const ProgramResult cut = place.shell("head -c 60 train/b/0001.png | \"$DLTOOL\" predict r -");
  CHECK(cut.exit_code == 4);
  CHECK_MESSAGE(cut.err.starts_with("error: -: "), cut.err);
}

}  // namespace dl::test
