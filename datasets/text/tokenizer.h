#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "datasets/dataset.h"

namespace dl {

/// Tokens that stand for something else than their text.
inline constexpr std::string_view kUnknownToken = "<unk>", kLineEndToken = "<eos>",
                                  kPaddingToken = "<pad>";

/// Small letters where `rule` wants them. No byte moves, so that places stay right.
void fold_case(std::string& text, const TokenRule& rule);

/// Calls body(token, offset) for each token in order; `text` is after fold_case(). Throws TextError
/// where characters or words are not UTF-8.
void for_each_token(std::string_view text, const TokenRule& rule,
                    const std::function<void(std::string_view, std::size_t)>& body);

/// "character", "byte", "word".
std::string_view unit_name(TokenUnit unit);

}  // namespace dl
