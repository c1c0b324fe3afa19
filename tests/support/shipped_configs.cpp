#include "tests/support/shipped_configs.h"

#include <algorithm>

#include "tests/support/data_files.h"
#include "tests/support/paths.h"
#include "tests/support/pictures.h"

namespace dl::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kCifarClasses = {"airplane", "automobile", "bird",  "cat",  "deer",
                                                "dog",      "frog",       "horse", "ship", "truck"};

/// What keeps two steps of a network for ImageNet short.
std::vector<std::string> smaller(const std::string& name) {
  const bool googlenet = name.starts_with("googlenet");  // its heads pool 5x5 of a 16th
  const std::string shape = googlenet ? "[3, 80, 80]" : "[3, 32, 32]";
  std::vector<std::string> sets = {
      "data.source={synthetic: {shape: " + shape + ", samples: 24, test_samples: 8}}",
      "data.transforms={train: [], eval: []}", "model.input=" + shape, "data.classes=10",
      "train.effective_batch=8"};
  if (!name.starts_with("mobilenet"))  // which has one width
    sets.emplace_back(name.starts_with("densenet") ? "vars.growth=16" : "vars.width=16");
  return sets;
}

/// Texts, tables and series as the configs want them.
void write_sequences(const std::string& data) {
  std::string text, demand = "demand\n", series = "@univariate false\n@dimensions 12\n";
  for (int line = 0; line < 40; ++line) {
    text += "To be, or not to be: line " + std::to_string(line) + ".\n";
    for (int half_hour = 0; half_hour < 5; ++half_hour)
      demand += std::to_string(20'000 + 100 * half_hour + line) + "\n";
  }
  series += "@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n";
  for (int i = 0; i < 36; ++i) {
    for (int dimension = 0; dimension < 12; ++dimension)
      series += i % 2 == 0 ? "0.5,1,0.25:" : "1,0.5,-1,2:";
    series += std::to_string(i % 9 + 1) + "\n";
  }
  write_text(data + "/tinyshakespeare.txt", text);
  write_text(data + "/electricity.csv", demand);
  std::string penguins =
      "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year\n";
  for (int i = 0; i < 30; ++i) {
    const char* species[] = {"Adelie,Biscoe", "Chinstrap,Dream", "Gentoo,Torgersen"};
    penguins += std::string(species[i % 3]) + "," + std::to_string(40 + i) + ",18.5,190," +
                std::to_string(3000 + 10 * i) + (i % 2 == 0 ? ",male" : ",female") + ",2007\n";
  }
  write_text(data + "/penguins.csv", penguins);
  for (const char* split : {"TRAIN", "TEST"})
    write_text(data + "/japanese_vowels/JapaneseVowels_" + split + ".ts", series);
}

}  // namespace

std::vector<fs::path> shipped_configs() {
  const fs::path root = fs::path(source_path("configs"));
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const bool block = entry.path().parent_path().filename() == "blocks";
    if (entry.path().extension() == ".yaml" && !block) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void write_shipped_data(const std::string& data) {
  write_mnist(data + "/mnist", 24, 8);
  write_mnist(data + "/fashion_mnist", 24, 8);
  write_cifar10(data + "/cifar10", 6);
  for (const char* split : {"/train", "/test"})
    write_pictures(data + "/cifar10_images" + split, kCifarClasses, 3, 32, 32);
  write_sequences(data);
}

std::vector<std::string> sets_for(const fs::path& config, int steps) {
  std::vector<std::string> sets = {"train.max_steps=" + std::to_string(steps), "data.batch=4",
                                   "data.eval_batch=4", "train.threads=2"};
  const std::string kind = config.parent_path().filename();
  const std::string name = config.stem().string();
  if (kind == "text") sets.insert(sets.end(), {"data.source.text.length=8", "vars.hidden=16"});
  if (kind == "memory") sets.emplace_back("data.source.adding={length: 20, samples: 40}");
  if (name == "electricity") sets.insert(sets.end(), {"vars.week=14", "vars.window=8"});
  const bool in_order =  // it has its own valid
      kind == "text" || name == "electricity" || name == "forecast";
  if (!in_order) sets.emplace_back("data.split={valid: 8}");
  if (kind == "imagenet") {
    for (const std::string& set : smaller(name)) sets.push_back(set);
  }
  std::vector<std::string> arguments;
  for (const std::string& set : sets) arguments.insert(arguments.end(), {"--set", set});
  return arguments;
}

}  // namespace dl::test
