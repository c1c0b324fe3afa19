#pragma once

#include <string>

#include "engine/config/expression_parser.h"

namespace dl {

// Values as Python computes with them: ints are exact, `/` gives a float, `//` and `%` round down.
// What Python answers with a bigger int, with infinity or with an exception is an ExpressionError
// at `at`.

Value calculate(Operator op, const Value& left, const Value& right, Span at);
Value negate(Operator sign, const Value& value, Span at);
bool compare(Operator op, const Value& left, const Value& right, Span at);
bool is_true(const Value& value, Span at);

/// "3", "0.5", "true": as YAML reads it back. A list or a map has no text.
std::string text_of(const Value& value, Span at);

}  // namespace dl
