#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "core/stop_flag.h"
#include "engine/train/trained_network.h"

namespace dl {

/// How the next token is drawn from the network's scores.
struct Sampling {
  double temperature = 1;  // scores are divided by it; 0: always the likeliest token
  std::int64_t top_k = 0;  // only among that many of the likeliest; 0: among all
  std::uint64_t seed = 1;
};

struct GenerateOptions {
  SetupOptions setup;  // of a run's folder, or of a config with a file of weights
  WeightChoice weights;
  std::string prompt;
  std::int64_t length = 500;  // tokens
  Sampling sampling;
};

/// Writes a text with a language model: gives the prompt and then the text of each token to
/// `write`, as soon as it is drawn. Sentences on weights that were passed over go to `notes`.
/// Throws UserError when the run is no language model, or the prompt has what its vocabulary lacks.
void generate_text(const GenerateOptions& options, const StopFlag& stop,
                   std::vector<std::string>& notes,
                   const std::function<void(std::string_view)>& write);

/// Draws one of the tokens by their scores. `order` has room for all; `random` moves on by one.
/// Throws UserError (ExitCode::diverged) when a score is NaN or the largest infinite.
std::size_t draw_token(std::span<const float> scores, const Sampling& sampling, Random& random,
                       std::vector<std::uint32_t>& order);

}  // namespace dl
