#pragma once

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "core/config_node.h"
#include "core/params.h"

namespace dl {

/// A name or a pattern, and where it was written.
struct MarkedText {
  std::string text;
  Mark mark;
};

/// Which weights stay as they are.
struct FreezeChoice {
  bool received = false;          // `true`: those of all layers that got theirs from the source
  std::vector<MarkedText> globs;  // matched against weights' names
  Mark mark;
  bool none() const { return !received && globs.empty(); }
};

/// New names for a source's tensors: each rule replaces every match of a regular expression
/// (ECMAScript's, without back references; in the replacement \1 is what the first parenthesis
/// matched and & the whole match), one rule after the other.
struct RenameRule {
  MarkedText pattern;
  std::string replacement;
  std::string only_with = {};  // a preset's: holds only where the source has a tensor of that name
};
struct RenameChoice {
  std::string preset;  // torchvision, timm; "": the rules below
  std::vector<RenameRule> rules;
};

/// What a batch norm in a frozen part does.
enum class FrozenNorms {
  frozen,      // nothing
  statistics,  // goes on averaging and normalises by the batch
  affine,      // learns scale and offset, with the statistics that it has
};

/// Which weights of a run.
enum class RunWeights { automatic, ema, raw };

/// Weights that come from elsewhere, and which of them are trained.
struct FinetuneConfig {
  MarkedText from;                       // a run's folder, or a file of weights
  MarkedText checkpoint = {"best", {}};  // of a run: best, last, or a checkpoint's folder
  RunWeights weights = RunWeights::automatic;
  FreezeChoice freeze;
  std::vector<MarkedText> heads;  // layers that are started anew, beside those that do not fit
  RenameChoice rename;
  bool strict = false;
  FrozenNorms batch_norm = FrozenNorms::frozen;
  Mark mark;
};
ParamTable<FinetuneConfig> finetune_table();

/// What becomes of the schedule where a phase begins.
enum class PhaseSchedule { restart, keep_on };

/// Some epochs of a run in which certain weights are trained, at certain rates.
struct PhaseConfig {
  std::int64_t epochs = 0;
  std::optional<std::vector<MarkedText>> freeze;  // none: as finetune.freeze says
  std::optional<ConfigNode> lr_mult;              // none: as the optimiser's
  PhaseSchedule schedule = PhaseSchedule::restart;
  Mark mark;
};
ParamTable<PhaseConfig> phase_table();

/// The pattern of a rule. Matching takes polynomial time, whatever the pattern; throws
/// std::regex_error where it is none.
std::regex rename_pattern(const std::string& text);

/// The rules of a choice, those of a preset too.
std::vector<RenameRule> rename_rules(const RenameChoice& choice);

template <>
struct ValueType<MarkedText> {
  static std::string name() { return "string"; }
  static MarkedText read(const ConfigNode& node, const Limits& limits) {
    return {ValueType<std::string>::read(node, limits), node.mark()};
  }
  static std::string text(const MarkedText& value) { return value.text; }
};
template <>
struct ValueType<std::vector<MarkedText>> {
  static std::string name() { return "string or list of string"; }
  static std::vector<MarkedText> read(const ConfigNode& node, const Limits& limits);
  static std::string text(const std::vector<MarkedText>&) { return "[]"; }
};
template <>
struct ValueType<FreezeChoice> {
  static std::string name() { return "bool or string or list of string"; }
  static FreezeChoice read(const ConfigNode& node, const Limits& limits);
  static std::string text(const FreezeChoice&) { return "false"; }
};
template <>
struct ValueType<RenameChoice> {
  static std::string name() { return "string or map"; }
  static RenameChoice read(const ConfigNode& node, const Limits& limits);
  static std::string text(const RenameChoice&) { return ""; }
};
template <>
struct EnumWords<PhaseSchedule> {
  static constexpr std::pair<std::string_view, PhaseSchedule> words[] = {
      {"restart", PhaseSchedule::restart}, {"continue", PhaseSchedule::keep_on}};
};
template <>
struct EnumWords<RunWeights> {
  static constexpr std::pair<std::string_view, RunWeights> words[] = {
      {"auto", RunWeights::automatic}, {"ema", RunWeights::ema}, {"raw", RunWeights::raw}};
};
template <>
struct EnumWords<FrozenNorms> {
  static constexpr std::pair<std::string_view, FrozenNorms> words[] = {
      {"frozen", FrozenNorms::frozen},
      {"statistics", FrozenNorms::statistics},
      {"affine", FrozenNorms::affine}};
};

}  // namespace dl
