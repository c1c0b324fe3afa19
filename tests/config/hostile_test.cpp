// Configs damaged at random: whatever comes, it loads or ends with a UserError of exit code 3.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "core/random.h"
#include "tests/config/config_text.h"

namespace dl {
namespace {

constexpr char kGood[] =
    "version: 1\nvars: {n: 2, w: 4, act: relu}\n"
    "data:\n  source: {digits: {}}\n  batch: 32\n  split: {valid: 0.1}\n  classes: $(2 * w)\n"
    "blocks:\n  b:\n    params: {c: ~, p: false}\n    layers:\n"
    "      - linear: {name: a, out_features: $c}\n      - if: $p\n        name: s\n        from: "
    "input\n        layers: [activation: {fn: $act}]\n      - add: {from: [a, s]}\n"
    "model:\n  input: [3, 8, 8]\n  layers:\n    - repeat: $n\n      as: j\n      name: stage$(j + "
    "1)\n      layers:\n        - b: {c: $(w if j == 0 else 2 * w), p: $(j > 0)}\n"
    "    - linear: {name: fc, out_features: $data.classes}\n  output: fc\n"
    "loss:\n  - cross_entropy: {from: fc, weight: 0.5}\n"
    "optimizer: {sgd: {lr: 1e-1, no_decay: ['**.bias']}}\nschedule: {step: {every: 3}, warmup: "
    "{epochs: 1}}\n"
    "train: {epochs: 3, clip: {norm: 5}, checkpoint: {every: {epochs: 1}}}\n";

constexpr std::array<const char*, 24> kPieces = {
    "$",  "$(", ")", "[", "]",   "{",   "}", ": ", "- ",  "\n",     "  ",
    "'",  "\"", "~", "*", "&a ", "!x ", "#", "? ", "|\n", "$(1/0)", "99999999999999999999",
    "\t", "..."};

std::string damaged(std::uint64_t seed) {
  std::string text = kGood;
  std::uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  const auto draw = [&](std::size_t below) {  // any generator will do: each failure names its seed
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return static_cast<std::size_t>(state % below);
  };
  const std::size_t changes = 1 + draw(6);
  for (std::size_t i = 0; i < changes && text.size() > 2; ++i) {
    const std::size_t at = draw(text.size());
    const std::size_t length = std::min<std::size_t>(draw(30), text.size() - at);
    switch (draw(5)) {
      case 0:
        text[at] = static_cast<char>(draw(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, kPieces[draw(kPieces.size())]);
        break;
      case 3:
        text.insert(draw(text.size()), text.substr(at, length));
        break;
      default:
        text.resize(at + 1);
        break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a config damaged at random loads or is refused, and never crashes") {
  WorkFolder folder;
  int loaded = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    WorkFolder::write("c.yaml", damaged(seed));
    try {
      const RunConfig config = load_config({.path = "c.yaml"});
      ++loaded;
      WorkFolder::write("r.yaml", config.resolved_text);
      CHECK(load_config({.path = "r.yaml"}).resolved_text == config.resolved_text);
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::config);
      CHECK_FALSE(std::string(error.what()).empty());
      ++refused;
    }
  }
  CHECK(loaded > 10);
  CHECK(refused > 500);
}

TEST_CASE("vars that multiply, in lists and in texts, are stopped") {
  std::string lists = "vars:\n  v0: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]\n";
  std::string texts = "vars:\n  v0: abcdefghij\n";
  for (int i = 1; i < 40; ++i) {
    const std::string last = "$v" + std::to_string(i - 1);
    lists += "  v" + std::to_string(i) + ": [" + last + ", " + last + ", " + last + "]\n";
    texts += "  v" + std::to_string(i) + ": $(v" + std::to_string(i - 1) + " + v" +
             std::to_string(i - 1) + ")\n";
  }
  CHECK(error_of(around("    - relu: {x: $v39}\n", lists)).find("over 1,000,000 values") !=
        std::string::npos);
  CHECK(error_of(around("    - relu: {x: $v39}\n", texts)).find("the text is too long") !=
        std::string::npos);
}

TEST_CASE("no more than 20 errors are printed, and the rest counted") {
  std::string layers;
  for (int i = 0; i < 30; ++i) layers += "    - relu: {x: $nothing" + std::to_string(i) + "}\n";
  const std::string message = error_of(around(layers));
  CHECK(message.ends_with("(and 10 more errors)"));
}

}  // namespace dl
