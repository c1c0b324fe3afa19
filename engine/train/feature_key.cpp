#include "engine/train/feature_key.h"

#include "core/sha256.h"
#include "engine/train/environment.h"

namespace dl {
namespace {

/// The lines of one section at the top of a resolved config, whose sections begin at column 1.
std::string section_of(const std::string& resolved, const std::string& name) {
  std::size_t begin = resolved.starts_with(name + ":") ? 0 : resolved.find("\n" + name + ":");
  if (begin == std::string::npos) return {};
  std::size_t end = begin + 1;
  do {
    end = resolved.find('\n', end + 1);
  } while (end != std::string::npos && end + 1 < resolved.size() &&
           (resolved[end + 1] == ' ' || resolved[end + 1] == '-'));
  return resolved.substr(begin, end == std::string::npos ? end : end - begin);
}

}  // namespace

std::string feature_key(const Setup& setup, const FeatureCut& cut, OpenData& data,
                        const WeightStore& store, Split split, std::uint64_t views) {
  Sha256 hash;
  const auto add = [&](const std::string& text) {
    hash.add(std::as_bytes(std::span(text)));
    hash.add(std::as_bytes(std::span("\n", 1)));
  };
  const std::string& resolved = setup.config.resolved_text;
  add(to_json(this_environment()));
  add(section_of(resolved, "data"));
  add(section_of(resolved, "model"));
  add(std::to_string(setup.config.seed));
  add(std::to_string(views));
  add(std::string(split_name(split)));
  add(data.fingerprint(split));
  for (const Port& port : cut.ports)
    add(setup.graph.nodes[port.node].name + " " + std::to_string(port.output));
  for (const std::size_t input : cut.inputs) add("input " + std::to_string(input));
  for (const NodeWeight& weight : fixed_weights(setup.graph, store)) {
    add(weight.name);
    hash.add(std::as_bytes(store.values(*store.find(weight.name))));
  }
  return hash.hex();
}

}  // namespace dl
