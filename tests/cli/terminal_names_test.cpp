#include <doctest/doctest.h>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"
#include "tests/support/run_program.h"

// Names from data, files and configs that would make a line look like another one on a terminal.

namespace dl::test {
namespace {

// ESC, a C1 control (CSI), overrides and isolates of the direction of writing, marks, ends of lines
// and paragraphs, joiners.
const std::vector<std::string> kHostile = {
    "\x1b[31m",     "\xc2\x9b",     "\xe2\x80\xae", "\xe2\x80\xaa", "\xe2\x81\xa6", "\xe2\x81\xa9",
    "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\x8d", "\xef\xbb\xbf"};

std::string all_hostile() {
  std::string text;
  for (const std::string& piece : kHostile) text += piece;
  return text;
}

void check_harmless(const ProgramResult& result) {
  for (const std::string& piece : kHostile) {
    CAPTURE(result.out);
    CAPTURE(result.err);
    CHECK(result.out.find(piece) == std::string::npos);
    CHECK(result.err.find(piece) == std::string::npos);
  }
}

struct Place {
  TempFolder folder;
  std::string config = folder / "c.yaml";

  /// Whatever becomes of it, it is no bug of the program's, and nothing hidden is printed.
  ProgramResult run(const std::vector<std::string>& arguments) const {
    CAPTURE(arguments[0]);
    const ProgramResult result = run_program(dltool_binary(), arguments, folder.path());
    CHECK_MESSAGE((result.exit_code != 1 && result.exit_code < 1000), result.err);
    check_harmless(result);
    return result;
  }
};

}  // namespace

TEST_CASE("names of files, folders and classes reach the terminal escaped, whatever is printed") {
  const Place place;
  const std::string run = "run" + all_hostile();
  // A class's folder may hold no control characters, but those of formatting.
  write_pictures(place.folder / "photos", {"cat\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8d", "dog"}, 6, 8,
                 8);
  write_text(place.config,
             "data: {source: {image_folder: {path: photos, size: [8, 8]}}, batch: 4}\n"
             "model: {layers: [flatten, linear: {out_features: 2}]}\n"
             "loss: cross_entropy\noptimizer: {sgd: {lr: 0.01}}\n"
             "train: {epochs: 2, threads: 1}\n");
  CHECK(place.run({"train", place.config, "--run", run}).exit_code == 0);
  place.run({"eval", run, "--split", "train"});
  place.run({"predict", run, "--split", "train"});
  place.run({"summary", run});
  place.run({"compare", run, run});
  place.run({"finetune", place.config, "--from", run, "--run", run + "2"});
  place.run({"train", place.config, "--run", run});  // it is there already
  place.run({"resume", "none" + all_hostile()});
  place.run({"train", "none" + all_hostile() + ".yaml"});
  place.run({"check", place.config, "--" + all_hostile()});
  place.run({"check", place.config, "--set", "data.source.image_folder.path=" + all_hostile()});
  place.run({all_hostile()});
  place.run({"init", place.folder / "photos", "-o", "new" + all_hostile() + ".yaml"});
}

TEST_CASE("names of columns, of losses and unknown ones of a config reach the terminal escaped") {
  const Place place;
  const std::string column = "y\xe2\x80\xae\xe2\x80\xa8";  // what YAML lets through
  std::string rows = "x," + column + "\n";
  for (int i = 0; i < 24; ++i)
    rows += std::to_string(i) + (i % 2 == 0 ? ",a\xe2\x81\xa6" : ",b\xc2\x9b") + "\n";
  write_text(place.folder / "t.csv", rows);
  const auto config = [&](const std::string& target, const std::string& loss,
                          const std::string& more) {
    write_text(place.config,
               "data: {source: {csv: {path: t.csv, target: '" + target + "'}}, batch: 4}\n" +
                   "model: {layers: [linear: {out_features: $data.classes}]}\nloss: {" + loss +
                   "}\noptimizer: {sgd: {lr: 0.01}}\ntrain: {epochs: 1, threads: 1}\n" + more);
  };
  config(column, "cross_entropy: {}", "");
  CHECK(place.run({"train", place.config, "--run", "r"}).exit_code == 0);
  place.run({"eval", "r", "--split", "train"});
  place.run({"predict", "r", "--split", "train"});
  config("z\xe2\x80\xae", "cross_entropy: {}", "");
  place.run({"check", place.config});
  config(column, "cross_entropy: {name: \"a\xe2\x80\xae\"}", "");
  CHECK(place.run({"check", place.config}).exit_code == 3);
  config(column, "cross_entropy: {\"wei\xe2\x80\x8eght\": 1}", "\"tra\xe2\x80\x8din\": {}\n");
  CHECK(place.run({"check", place.config}).exit_code == 3);
}

}  // namespace dl::test
