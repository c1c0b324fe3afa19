// Every whole number of every table, with values that no machine can do: whatever comes, it is
// accepted or refused with a message, soon and without much memory, and nothing overflows.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <map>
#include <new>
#include <set>

#include "core/text.h"
#include "engine/train/measure.h"
#include "tests/support/network.h"

namespace dl {
namespace {

const std::vector<std::string> kValues = {"0",
                                          "-1",
                                          "65536",
                                          "16777216",
                                          "2147483647",
                                          "2147483648",
                                          "4294967296",
                                          "4611686018427387904",
                                          "9223372036854775807",
                                          "-9223372036854775808"};

bool is_whole(const ParamSpec& spec) {
  return spec.type.find("int") == 0 || spec.type == "list of int";
}

/// The paths of all whole numbers of a table: "conv": {"kernel_size", ...}.
void collect(std::span<const ParamSpec> specs, const std::string& prefix,
             std::vector<std::pair<std::string, bool>>& paths) {
  for (const ParamSpec& spec : specs) {
    const bool list = spec.type == "list of int";
    if (is_whole(spec)) paths.emplace_back(prefix + spec.name, list);
    collect(spec.nested, prefix + spec.name + ".", paths);
  }
}

/// What becomes of a config: loaded, counted and laid out, or refused.
bool survives(const std::string& text, const std::vector<std::string>& sets = {}) {
  CAPTURE(text);
  try {
    summarise(test::setup_of(text, sets));
    return true;
  } catch (const UserError& error) {
    const bool users = error.code() == ExitCode::config || error.code() == ExitCode::data ||
                       error.code() == ExitCode::memory;
    CHECK_MESSAGE(users, error.what());
    CHECK(std::string(error.what()).size() > 20);
  } catch (const std::bad_alloc&) {  // the program ends with exit code 7
  } catch (const std::exception& error) {
    FAIL_CHECK(error.what());
  }
  return false;
}

const std::map<std::string, std::string> kNeeded = {
    {"conv", "out_channels: 4, kernel_size: 3"},
    {"linear", "out_features: 4"},
    {"embedding", "num_embeddings: 10, embedding_dim: 4, from: data.tokens"},
    {"group_norm", "num_groups: 2"},
    {"lstm", "hidden_size: 4"},
    {"gru", "hidden_size: 4"},
    {"rnn", "hidden_size: 4"},
    {"max_pool", "kernel_size: 2"},
    {"avg_pool", "kernel_size: 2"},
    {"adaptive_avg_pool", "output_size: 2"},
    {"reshape", "shape: [-1]"},
    {"permute", "dims: [0, 2, 1]"},
    {"activation", "fn: relu"},
    {"slice", "axis: 1, start: 0, stop: 1"},
    {"add", "from: [input, input]"},
    {"mul", "from: [input, input]"},
    {"concat", "from: [input, input]"}};

/// A network around one layer; what is in `more` stands before what the layer needs.
std::string network(const std::string& layer, const std::string& input, const std::string& more) {
  const auto needed = kNeeded.find(layer);
  std::string params = more;
  for (const std::string& part : split(needed == kNeeded.end() ? "" : needed->second, ',')) {
    // "from: [input", " input]" stay together
    const std::string key = part.substr(0, part.find(':'));
    if (!more.empty() && !key.empty() &&
        more.find(key.substr(key.find_first_not_of(' ')) + ":") == 0)
      continue;
    if (!part.empty()) params += (params.empty() ? "" : ", ") + part;
  }
  const std::string data =
      layer == "embedding"
          ? "source: {labelled_text: {path: none, length: 8, classes: [a, b], vocabulary: [<pad>, "
            "<unk>, c]}}"
          : "classes: 2";
  const std::string given = layer == "embedding" ? "" : "input: " + input + ", ";
  return fmt::format(
      "data: {{batch: 2, {}}}\nmodel: {{{}layers: [{}: {{{}}}, flatten, linear: {{out_features: "
      "2}}]}}\nloss: cross_entropy\noptimizer: {{sgd: {{lr: 0.1}}}}\ntrain: {{epochs: 1}}\n",
      data, given, layer, params);
}

std::size_t peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) / 1024;
}

const std::vector<std::string> kInputs = {"[8]", "[4, 8]", "[4, 8, 8]"};

}  // namespace

TEST_CASE("any number is accepted or refused in every layer") {
  for (const LayerKind& kind : all_layers()) {
    if (kind.loss) continue;
    const std::string layer(kind.name);
    CAPTURE(layer);
    std::vector<std::pair<std::string, bool>> paths;
    collect(kind.params, "", paths);
    std::set<std::string> inputs;  // that it can read
    for (const std::string& input : kInputs) {
      if (survives(network(layer, input, ""))) inputs.insert(input);
    }
    CHECK(!inputs.empty());
    for (const auto& [path, list] : paths) {
      for (const std::string& value : kValues) {
        const std::string written = list ? fmt::format("[{0}, {0}]", value) : value;
        for (const std::string& input : inputs)
          survives(network(layer, input, path + ": " + written));
      }
    }
  }
  CHECK(peak_mib() < 1500);
}

TEST_CASE("any number is accepted or refused in every section") {
  const std::string good =
      "data: {source: {synthetic: {shape: [3, 8, 8], classes: 2, samples: 64}}, batch: 4}\n"
      "model: {layers: [flatten, linear: {out_features: 2}]}\nloss: cross_entropy\n"
      "optimizer: {sgd: {lr: 0.1}}\ntrain: {epochs: 1}\n";
  REQUIRE(survives(good));
  for (const SectionDoc& section : config_sections()) {
    std::vector<std::pair<std::string, bool>> paths;
    collect(section.params, section.path.empty() ? "" : section.path + ".", paths);
    for (const auto& [path, list] : paths) {
      if (section.path == "phases") continue;  // a list: below
      for (const std::string& value : kValues)
        survives(good, {path + "=" + (list ? "[" + value + ", " + value + "]" : value)});
    }
  }
  for (const std::string& value : kValues) {
    survives(good + "phases: [{epochs: " + value + "}, {epochs: " + value + "}]\n",
             {"train={max_steps: 3}"});
    survives(good, {"data.batch=" + value, "data.prefetch=1000"});
    survives(good, {"data.source.synthetic.shape=[" + value + ", " + value + "]"});
    survives(good, {"model.layers=[flatten, repeat: " + value + "]"});
  }
}

TEST_CASE("any number is accepted or refused in every optimizer, schedule, source and transform") {
  const auto config = [](const std::string& source, const std::string& transform,
                         const std::string& optimizer, const std::string& schedule) {
    return fmt::format(
        "data: {{source: {{{}}}, batch: 4, transforms: {{train: [{}], eval: [{}]}}}}\nmodel: "
        "{{input: [3, 8, 8], layers: [flatten, linear: {{out_features: 2}}]}}\nloss: "
        "cross_entropy\noptimizer: {{{}}}\nschedule: {{{}}}\ntrain: {{epochs: 1}}\n",
        source, transform, transform, optimizer, schedule);
  };
  const std::string source = "synthetic: {shape: [3, 8, 8], classes: 2, samples: 64}";
  const std::string optimizer = "sgd: {lr: 0.1}", schedule = "constant: {}";
  REQUIRE(survives(config(source, "", optimizer, schedule)));
  const auto each = [](const auto& kinds, const auto& act) {
    for (const auto& kind : kinds) {
      std::vector<std::pair<std::string, bool>> paths;
      collect(kind.params, "", paths);
      for (const auto& [path, list] : paths) {
        for (const std::string& value : kValues) {
          const std::string written = list ? fmt::format("[{0}, {0}]", value) : value;
          act(std::string(kind.name), path + ": " + written);
        }
      }
    }
  };
  each(all_optimizers(), [&](const std::string& kind, const std::string& param) {
    survives(config(source, "", kind + ": {lr: 0.1, " + param + "}", schedule));
  });
  each(all_schedules(), [&](const std::string& kind, const std::string& param) {
    survives(config(source, "", optimizer, kind + ": {" + param + "}"));
    survives(config(source, "", optimizer, schedule + ", warmup: {" + param + "}"));
  });
  each(all_data_kinds(), [&](const std::string& kind, const std::string& param) {
    survives(config(kind + ": {" + param + "}", "", optimizer, schedule));
  });
  each(all_transform_kinds(), [&](const std::string& kind, const std::string& param) {
    survives(config(source, kind + ": {" + param + "}", optimizer, schedule));
  });
  CHECK(peak_mib() < 1500);
}

}  // namespace dl
