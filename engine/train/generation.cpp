#include "engine/train/generation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "datasets/text/tokenizer.h"
#include "datasets/text/vocabulary.h"
#include "datasets/text_file.h"
#include "engine/plan/program.h"
#include "engine/train/environment.h"

namespace dl {
namespace {

/// The network for one token of one text. Throws UserError when it is no language model.
Graph one_token_graph(const Setup& setup) {
  const DataSpec* spec = setup.source ? &setup.source->spec() : nullptr;
  if (!spec || spec->order != SampleOrder::stream || !spec->token_rule) {
    throw UserError(setup.config.data.mark,
                    "data: not a language model: only runs on a text (data.source: text) can write",
                    "dltool predict shows what other networks give");
  }
  DataInterface data = setup.data;
  data.inputs[0].tensor.sample_shape = data.targets[0].tensor.sample_shape = {1};
  Problems problems;
  Graph graph = build_graph(setup.config, data, problems);
  problems.throw_if_any();
  const std::int64_t scores = infer_shapes(graph, 1)[graph.output.node][graph.output.output].back();
  if (scores < spec->vocabulary.value_or(0)) {
    throw UserError(setup.config.model.mark, "model: the output has " + std::to_string(scores) +
                                                 " scores for a vocabulary "
                                                 "of " +
                                                 std::to_string(*spec->vocabulary));
  }
  return graph;
}

/// Scores of a network that diverged have no order.
void require_drawable(std::span<const float> scores, std::size_t best) {
  const auto bad = std::ranges::find_if(scores, [](float score) { return std::isnan(score); });
  if (bad == scores.end() && std::isfinite(scores[best])) return;
  const float score = bad == scores.end() ? scores[best] : *bad;
  throw UserError(ExitCode::diverged,
                  "the network gives a token the score " + std::to_string(score) +
                      ", so that none can be drawn",
                  "its weights may have diverged; --checkpoint names earlier ones");
}

/// A language model that reads and writes one token at a time.
class Writer {
 public:
  Writer(const Setup& setup, const GenerateOptions& options, std::vector<std::string>& notes)
      : graph_(one_token_graph(setup)),  // first: only a language model has the rest
        spec_(setup.source->spec()),
        vocabulary_(spec_),
        store_(graph_),
        programs_(graph_, store_),
        sampling_(options.sampling),
        random_(options.sampling.seed, RandomStream::generate),
        scores_(vocabulary_.size()),
        order_(vocabulary_.size()) {
    load_chosen_weights(options.setup.config, options.weights, store_, notes);
    programs_.add(Purpose::generate, 1);
    programs_.bind();
  }

  std::vector<std::int32_t> encode(const std::string& prompt) const {
    try {
      return vocabulary_.encode(prompt);
    } catch (const TextError& error) {
      throw UserError(ExitCode::command_line,
                      "--prompt: byte " + std::to_string(error.offset() + 1) + ": " + error.what(),
                      error.hint());
    }
  }

  /// What stands before a text that nothing precedes: the end of a line, where there is one.
  std::int32_t first_token() const {
    for (const std::string_view end : {std::string_view("\n"), kLineEndToken}) {
      const auto at = std::ranges::find(spec_.tokens, end);
      if (at != spec_.tokens.end()) return static_cast<std::int32_t>(at - spec_.tokens.begin());
    }
    return spec_.token_rule->unit == TokenUnit::byte ? '\n' : 0;
  }

  void read(std::int32_t token) {
    const std::array<const void*, 2> tensors = {&token, nullptr};  // nobody asks for the target
    programs_.get(Purpose::generate, 1).run(tensors, {});
  }

  /// Never <unk>, which stands for words that are not known.
  std::int32_t draw() {
    const std::span<const float> scores = programs_.get(Purpose::generate, 1).output();
    std::ranges::copy(scores.first(scores_.size()), scores_.begin());
    if (vocabulary_.unknown() >= 0)
      scores_[vocabulary_.unknown()] = -std::numeric_limits<float>::infinity();
    return static_cast<std::int32_t>(draw_token(scores_, sampling_, random_, order_));
  }

  /// A token as it stands in a text, behind what is there already.
  std::string text_of(std::int32_t token, bool begins_line) const {
    if (spec_.token_rule->unit == TokenUnit::byte) return {static_cast<char>(token)};
    const std::string& text = spec_.tokens[token];
    if (spec_.token_rule->unit == TokenUnit::character) return text;
    if (text == kLineEndToken) return "\n";
    return begins_line ? text : " " + text;
  }

 private:
  Graph graph_;
  const DataSpec& spec_;
  Vocabulary vocabulary_;
  WeightStore store_;
  Programs programs_;
  Sampling sampling_;
  Random random_;
  std::vector<float> scores_;
  std::vector<std::uint32_t> order_;
};

}  // namespace

std::size_t draw_token(std::span<const float> scores, const Sampling& sampling, Random& random,
                       std::vector<std::uint32_t>& order) {
  order.resize(scores.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto likelier = [&](std::uint32_t a, std::uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  const double draw = random.uniform();
  const auto best = *std::ranges::min_element(order, likelier);
  require_drawable(scores, best);
  if (sampling.temperature == 0) return best;
  auto count = static_cast<std::ptrdiff_t>(order.size());
  if (sampling.top_k > 0 && sampling.top_k < count) {
    count = sampling.top_k;
    std::nth_element(order.begin(), order.begin() + count - 1, order.end(), likelier);
    std::sort(order.begin(), order.begin() + count);  // no order that a library chose
  }
  const auto weight = [&](std::uint32_t token) {
    return std::exp((static_cast<double>(scores[token]) - scores[best]) / sampling.temperature);
  };
  double total = 0;
  for (std::ptrdiff_t i = 0; i < count; ++i) total += weight(order[i]);
  double left = draw * total;
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    left -= weight(order[i]);
    if (left < 0) return order[i];
  }
  return best;
}

void generate_text(const GenerateOptions& options, const StopFlag& stop,
                   std::vector<std::string>& notes,
                   const std::function<void(std::string_view)>& write) {
  const Setup setup = load_trained(options.setup, options.weights, notes);
  use_threads_of(setup.config, notes);
  Writer writer(setup, options, notes);
  std::vector<std::int32_t> prompt = writer.encode(options.prompt);
  write(options.prompt);
  if (prompt.empty()) prompt = {writer.first_token()};
  for (const std::int32_t token : prompt) writer.read(token);
  bool begins_line = options.prompt.empty() || options.prompt.back() == '\n';
  for (std::int64_t i = 0; i < options.length && !stop.requested(); ++i) {
    const std::int32_t token = writer.draw();
    const std::string text = writer.text_of(token, begins_line);
    write(text);
    begins_line = text == "\n";
    writer.read(token);
  }
}

}  // namespace dl
