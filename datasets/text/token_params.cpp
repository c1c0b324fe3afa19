#include "datasets/text/token_params.h"

#include <algorithm>
#include <set>

#include "datasets/text/tokenizer.h"
#include "datasets/text_file.h"

namespace dl {
namespace {

bool contains(std::span<const std::string> all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

/// Why a token cannot stand in the vocabulary; "": it can.
std::string misfit(const std::string& token, TokenUnit unit,
                   std::span<const std::string> specials) {
  if (contains(specials, token)) return "";
  std::size_t count = 0;
  for_each_token(token, {.unit = unit}, [&](std::string_view part, std::size_t) {
    count += part.size() == token.size() ? 1 : 2;
  });
  if (count == 1) return "";
  return "'" + token + "' is not one " + std::string(unit_name(unit));
}

void check_vocabulary(const ConfigNode& list, const TokenParams& params,
                      std::span<const std::string> specials) {
  if (params.unit == TokenUnit::byte)
    throw UserError(list.mark(), "vocabulary: with unit: byte it is that of all 256 bytes");
  if (params.vocabulary.empty()) throw UserError(list.mark(), "vocabulary: is empty");
  if (params.vocabulary.size() > kMaxVocabulary) {
    throw UserError(list.mark(), "vocabulary: has " + std::to_string(params.vocabulary.size()) +
                                     " tokens, may have at most " + std::to_string(kMaxVocabulary));
  }
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < params.vocabulary.size(); ++i) {
    const std::string& token = params.vocabulary[i];
    const Mark& mark = list.items()[i].mark();
    if (const std::string why = misfit(token, params.unit, specials); !why.empty())
      throw UserError(mark, "vocabulary: " + why);
    if (!seen.insert(token).second)
      throw UserError(mark, "vocabulary: '" + token + "' stands here twice");
  }
}

[[noreturn]] void too_many(const TokenParams& params, std::size_t count, const std::string& where) {
  const bool words = params.unit == TokenUnit::word;
  throw UserError(ExitCode::data,
                  where + ": holds " + std::to_string(count) + " different " +
                      std::string(unit_name(params.unit)) + "s, more than the " +
                      std::to_string(kMaxVocabulary) + " that a vocabulary may have",
                  words ? "max_vocabulary or min_count, in the source, take the rare ones for <unk>"
                        : "unit: byte, in the source, takes any text");
}

void keep_the_frequent(std::vector<std::pair<std::string, std::int64_t>>& words,
                       const TokenParams& params, std::size_t others) {
  std::erase_if(words, [&](const auto& word) { return word.second < params.min_count; });
  std::ranges::stable_sort(words, [](const auto& a, const auto& b) { return a.second > b.second; });
  const auto most = static_cast<std::size_t>(params.max_vocabulary.value_or(INT64_MAX));
  words.resize(std::min(words.size(), most - std::min(most, others)));
}

}  // namespace

ParamTable<TokenParams> token_table() {
  return {
      with_default("unit", &TokenParams::unit,
                   "what a token is: a character (a code point of UTF-8), a byte, or a word "
                   "between white space"),
      with_default("lowercase", &TokenParams::lowercase, "of words: A to Z become a to z"),
      with_default("min_count", &TokenParams::min_count, at_least(1),
                   "of words: those that stand in train less often are <unk>"),
      with_default("max_vocabulary", &TokenParams::max_vocabulary, between(3, kMaxVocabulary),
                   "of words: at most so many tokens, the most frequent; all others are <unk>"),
      with_default("vocabulary", &TokenParams::vocabulary,
                   "the tokens in the order of their numbers; taken from train unless said, and "
                   "kept with the run"),
  };
}

void expect_words(const ConfigNode& node, const TokenParams& params, std::string_view key) {
  const ConfigNode* value = node.find(key);
  if (value && params.unit != TokenUnit::word)
    throw UserError(value->mark(), std::string(key) + ": only for unit: word");
}

void check_token_params(const ConfigNode& node, const TokenParams& params,
                        std::span<const std::string> specials) {
  for (const char* key : {"lowercase", "min_count", "max_vocabulary"})
    expect_words(node, params, key);
  if (const ConfigNode* list = node.find("vocabulary")) check_vocabulary(*list, params, specials);
}

std::vector<std::string> known_tokens(const TokenParams& params,
                                      std::span<const std::string> specials) {
  if (params.unit != TokenUnit::byte) return params.vocabulary;
  std::vector<std::string> tokens(specials.begin(), specials.end());
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return tokens;
}

std::vector<std::string> tokens_of(const TokenCounts& counts, const TokenParams& params,
                                   std::span<const std::string> specials,
                                   const std::string& where) {
  auto found = counts.sorted();
  std::erase_if(found, [&](const auto& token) { return contains(specials, token.first); });
  if (params.unit == TokenUnit::word) keep_the_frequent(found, params, specials.size());
  if (specials.size() + found.size() > kMaxVocabulary) too_many(params, found.size(), where);
  std::vector<std::string> tokens(specials.begin(), specials.end());
  std::size_t bytes = 0;
  for (auto& [token, count] : found) {
    bytes += token.size();
    tokens.push_back(std::move(token));
  }
  if (bytes > kMaxVocabularyBytes) {
    throw UserError(ExitCode::data,
                    where + ": its " + std::to_string(tokens.size()) + " different words come to " +
                        std::to_string(bytes) + " bytes, more than the " +
                        std::to_string(kMaxVocabularyBytes) + " that a vocabulary may have",
                    "are these words? max_vocabulary or min_count, in the source, take the rare "
                    "ones for <unk>");
  }
  return tokens;
}

void set_tokens(DataSpec& spec, std::vector<std::string> tokens) {
  spec.vocabulary = std::nullopt;
  if (!tokens.empty()) spec.vocabulary = static_cast<std::int64_t>(tokens.size());
  spec.tokens = std::move(tokens);
}

void complete_vocabulary(const DataSpec& spec, ConfigNode& params) {
  if (params.find("vocabulary") || spec.tokens.empty()) return;
  if (spec.token_rule->unit == TokenUnit::byte) return;
  std::vector<ConfigNode> tokens;
  for (const std::string& token : spec.tokens)
    tokens.push_back(ConfigNode::scalar(token, params.mark(), true));
  params.entries().push_back(
      {"vocabulary", params.mark(), ConfigNode::list(std::move(tokens), params.mark())});
}

}  // namespace dl
