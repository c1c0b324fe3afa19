#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config_node.h"

namespace dl {

/// A value that expressions compute with. Lists and maps are passed on whole and never computed
/// with.
using Value = std::variant<bool, std::int64_t, double, std::string, ConfigNode>;

/// A part of a scalar's text, in bytes.
struct Span {
  std::size_t offset = 0;
  std::size_t length = 1;
};

/// What is wrong with an expression, and where in the text that it stands in.
class ExpressionError : public std::runtime_error {
 public:
  ExpressionError(Span span, const std::string& message)
      : std::runtime_error(message), span_(span) {}
  Span span() const { return span_; }

 private:
  Span span_;
};

enum class Operator { add, sub, mul, div, floor_div, mod, eq, ne, lt, le, gt, ge, neg, plus };
std::string_view word_of(Operator op);

/// A parsed expression. Operators of one rank stand side by side (`a + b - c` is one node), so the
/// tree is only as deep as parentheses, unary operators and conditionals nest.
struct Expr {
  enum class Kind {
    constant,
    name,
    unary,
    arithmetic,
    compare,
    logic_not,
    logic_and,
    logic_or,
    choice
  };

  Kind kind = Kind::constant;
  Span span;
  Value constant;
  std::string name;
  std::vector<Operator> operators;  // between the parts, or one in front of a single part
  std::vector<Span> operator_spans;
  std::vector<Expr> parts;  // choice: value, condition, otherwise
};

/// Parses the expression that begins at `begin` and ends before an unmatched `)`, which `end` is
/// set to.
Expr parse_expression(std::string_view text, std::size_t begin, std::size_t& end);

/// "width", or "data.classes": the name at `begin`; empty when there is none.
std::string_view name_at(std::string_view text, std::size_t begin);

/// Whether the word can name a var, a param or an index: an identifier that means nothing else.
bool is_variable_name(std::string_view word);

}  // namespace dl
