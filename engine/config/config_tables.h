#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/params.h"
#include "engine/config/run_config.h"

namespace dl {

template <>
struct ValueType<TypedNode> {
  static std::string name() { return "type: {...}"; }
  static TypedNode read(const ConfigNode& node, const Limits&) {
    return read_typed(node, "a type");
  }
  static std::string text(const TypedNode& value) { return value.type; }
};
template <>
struct ValueType<ThreadCount> {
  static std::string name() { return "auto or int"; }
  static ThreadCount read(const ConfigNode& node, const Limits& limits);
  static std::string text(const ThreadCount& value) {
    return value.count == 0 ? "auto" : std::to_string(value.count);
  }
};
template <>
struct ValueType<ComputeThreads> {
  static std::string name() { return "auto|measured or int"; }
  static ComputeThreads read(const ConfigNode& node, const Limits& limits);
  static std::string text(const ComputeThreads& value) {
    return value.measured ? "measured" : ValueType<ThreadCount>::text({value.count});
  }
};
template <>
struct ValueType<HeldOut> {
  static std::string name() { return "int or float"; }
  static HeldOut read(const ConfigNode& node, const Limits& limits);
  static std::string text(const HeldOut& value) { return number_text(value.amount); }
};
template <>
struct ValueType<Precision> {
  static std::string name() { return "f32"; }
  static Precision read(const ConfigNode& node, const Limits&);
  static std::string text(Precision) { return "f32"; }
};
template <>
struct EnumWords<SamplerKind> {
  static constexpr std::pair<std::string_view, SamplerKind> words[] = {
      {"all", SamplerKind::all}, {"balanced", SamplerKind::balanced}};
};
template <>
struct ValueType<Sampler> {
  static std::string name() { return ValueType<SamplerKind>::name(); }
  static Sampler read(const ConfigNode& node, const Limits& limits) {
    return {ValueType<SamplerKind>::read(node, limits), node.mark()};
  }
  static std::string text(const Sampler& sampler) {
    return ValueType<SamplerKind>::text(sampler.kind);
  }
};
template <>
struct EnumWords<OnNonfinite> {
  static constexpr std::pair<std::string_view, OnNonfinite> words[] = {{"stop", OnNonfinite::stop},
                                                                       {"skip", OnNonfinite::skip}};
};

template <>
struct EnumWords<FeatureCacheChoice> {
  static constexpr std::pair<std::string_view, FeatureCacheChoice> words[] = {
      {"auto", FeatureCacheChoice::automatic},
      {"ram", FeatureCacheChoice::ram},
      {"disk", FeatureCacheChoice::disk},
      {"off", FeatureCacheChoice::off}};
};
template <>
struct ValueType<FeatureCaching> {
  static std::string name() { return ValueType<FeatureCacheChoice>::name(); }
  static FeatureCaching read(const ConfigNode& node, const Limits& limits) {
    return {ValueType<FeatureCacheChoice>::read(node, limits), node.mark()};
  }
  static std::string text(const FeatureCaching& caching) {
    return ValueType<FeatureCacheChoice>::text(caching.where);
  }
};

/// Keys of `model` and of a loss that config and layers share, and the keys of the top level.
struct ModelKeys {
  std::optional<std::vector<std::int64_t>> input;
  ConfigNode layers;
  std::optional<std::string> output;
};
struct LossKeys {
  std::string name, from, target, mask;
  float weight = 1;
  bool train_only = false;
};
struct TopKeys {
  std::int64_t version = 1;
  std::string name;
  std::int64_t seed = 1;
  ConfigNode extends, vars, data, blocks, model, loss, optimizer, schedule, train, diagnostics,
      finetune, phases;
};

ParamTable<TopKeys> top_table();
ParamTable<DataConfig> data_table();
ParamTable<ModelKeys> model_table();
ParamTable<LossKeys> loss_table();
ParamTable<TrainConfig> train_table();
ParamTable<DiagnosticsConfig> diagnostics_table();

/// Reports and removes keys that `specs` does not know, with the section that they belong to
/// ("train"), and keys without a value. Maps inside are looked through too.
void drop_bad_keys(ConfigNode& map, std::span<const ParamSpec> specs, const std::string& section,
                   std::span<const SectionKeys> elsewhere, Problems& problems);

}  // namespace dl
