#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "datasets/param_bases.h"
#include "datasets/text/vocabulary.h"

namespace dl {

template <>
struct EnumWords<TokenUnit> {
  static constexpr std::pair<std::string_view, TokenUnit> words[] = {
      {"char", TokenUnit::character}, {"byte", TokenUnit::byte}, {"word", TokenUnit::word}};
};

/// More bytes are a mistake: of a text without blanks, whose words are whole pages.
inline constexpr std::size_t kMaxVocabulary = 50'000, kMaxVocabularyBytes = 16'000'000;

/// What the config says of a source's tokens.
struct TokenParams {
  TokenUnit unit = TokenUnit::character;
  bool lowercase = false;
  std::int64_t min_count = 1;
  std::optional<std::int64_t> max_vocabulary;
  std::vector<std::string> vocabulary;
};
ParamTable<TokenParams> token_table();

/// Throws UserError at a key that is only for another unit, and at tokens of `vocabulary` that
/// cannot be. `specials`: tokens that are no characters.
void check_token_params(const ConfigNode& node, const TokenParams& params,
                        std::span<const std::string> specials);
/// Throws UserError at `key` when it is there but the unit is not words.
void expect_words(const ConfigNode& node, const TokenParams& params, std::string_view key);

/// The tokens without looking at any text, where the params say enough; else none. `specials` stand
/// before all others.
std::vector<std::string> known_tokens(const TokenParams& params,
                                      std::span<const std::string> specials);
/// The tokens of a text: after the specials all characters by code point, or words by falling
/// count, then by bytes, without the rare ones. Throws UserError (ExitCode::data) naming `where`
/// when they are too many.
std::vector<std::string> tokens_of(const TokenCounts& counts, const TokenParams& params,
                                   std::span<const std::string> specials, const std::string& where);

/// Puts tokens into the spec; none: they are not known.
void set_tokens(DataSpec& spec, std::vector<std::string> tokens);
/// Puts the spec's tokens into the source's entry of the config, unless they go without saying.
void complete_vocabulary(const DataSpec& spec, ConfigNode& params);

}  // namespace dl
