#pragma once

#include "layers/initializer.h"
#include "layers/recurrent_cell_util.h"

namespace dl {

enum class MergeDirections { concat, sum };
template <>
struct EnumWords<MergeDirections> {
  static constexpr std::pair<std::string_view, MergeDirections> words[] = {
      {"concat", MergeDirections::concat}, {"sum", MergeDirections::sum}};
};

enum class SequenceOutput { sequence, last };
template <>
struct EnumWords<SequenceOutput> {
  static constexpr std::pair<std::string_view, SequenceOutput> words[] = {
      {"sequence", SequenceOutput::sequence}, {"last", SequenceOutput::last}};
};

enum class GruVariant { lbr, original };
template <>
struct EnumWords<GruVariant> {
  static constexpr std::pair<std::string_view, GruVariant> words[] = {
      {"lbr", GruVariant::lbr}, {"original", GruVariant::original}};
};

enum class RnnNonlinearity { tanh, relu };
template <>
struct EnumWords<RnnNonlinearity> {
  static constexpr std::pair<std::string_view, RnnNonlinearity> words[] = {
      {"tanh", RnnNonlinearity::tanh}, {"relu", RnnNonlinearity::relu}};
};

/// The parameters of lstm, gru and rnn; each has those of recurrent_params() and some of its own.
struct RecurrentParams {
  std::int64_t hidden_size = 0, num_layers = 1;
  bool bidirectional = false;
  MergeDirections merge = MergeDirections::concat;
  float dropout = 0;
  SequenceOutput output = SequenceOutput::sequence;
  bool stateful = false;
  bool bias = true;
  std::optional<InitChoice> weight_init, recurrent_init, bias_init;
  // lstm
  std::int64_t proj_size = 0;
  bool peephole = false;
  std::optional<float> forget_bias;
  GruVariant variant = GruVariant::lbr;
  RnnNonlinearity nonlinearity = RnnNonlinearity::tanh;

  int directions() const { return bidirectional ? 2 : 1; }
  /// States that there are of each sample.
  std::int64_t places() const { return num_layers * directions(); }
  /// The end of a weight's name in PyTorch.
  std::string suffix(std::int64_t layer, int direction) const {
    return "_l" + std::to_string(layer) + (direction == 1 ? "_reverse" : "");
  }
};
ParamTable<RecurrentParams> recurrent_params();

/// A stack of recurrent layers around a cell. Sources: (N, T, F); then, where samples differ in
/// length, their lengths (N), integers; then the initial h (N, layers * directions, H) and, of an
/// LSTM, the initial c. Results: the output, (N, T, directions * H) or (N, directions * H), and the
/// final h and c in the shape of the initial ones.
/// Throws UserError when the parameters contradict each other.
void check_recurrent(const ConfigNode& node, const RecurrentParams& params);
std::unique_ptr<Layer> make_recurrent(RecurrentParams params, RecurrentCell cell,
                                      std::string_view type);

/// Which source of a recurrent layer is what.
struct RecurrentRoles {
  std::optional<std::size_t> lengths, h, c;
};

/// A row of the registry for such a layer; `outputs` are the names of its final states.
LayerKind recurrent_kind(std::string_view name, std::string_view summary,
                         const ParamTable<RecurrentParams>& table,
                         std::function<std::unique_ptr<Layer>(const ConfigNode&)> make,
                         std::vector<std::string_view> outputs);

}  // namespace dl
