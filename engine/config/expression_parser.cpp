#include "engine/config/expression_parser.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "core/text.h"

namespace dl {
namespace {

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxLength = 4096;  // of one expression

bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)); }

constexpr std::array<std::pair<std::string_view, Operator>, 12> kBinary = {{
    {"//", Operator::floor_div},
    {"==", Operator::eq},
    {"!=", Operator::ne},
    {"<=", Operator::le},
    {">=", Operator::ge},
    {"<", Operator::lt},
    {">", Operator::gt},
    {"+", Operator::add},
    {"-", Operator::sub},
    {"*", Operator::mul},
    {"/", Operator::div},
    {"%", Operator::mod},
}};
constexpr std::array<std::string_view, 7> kReserved = {"and",  "or",   "not",  "if",
                                                       "else", "true", "false"};

struct Token {
  enum class Kind { value, name, symbol, end };
  Kind kind = Kind::end;
  std::string_view text;
  std::size_t offset = 0;
  Value value;

  Span span() const { return {offset, std::max<std::size_t>(text.size(), 1)}; }
  bool is(std::string_view word) const {
    return kind != Kind::value && kind != Kind::end && text == word;
  }
};

/// What people write who come from another language.
std::string_view advice(std::string_view rest) {
  if (rest.starts_with("&&")) return "; write 'and'";
  if (rest.starts_with("||")) return "; write 'or'";
  if (rest.starts_with("**")) return "; there is no power operator";
  if (rest.starts_with('!')) return "; write 'not'";
  if (rest.starts_with('?')) return "; write 'a if condition else b'";
  if (rest.starts_with('=')) return "; write '==' to compare";
  if (rest.starts_with('$')) return "; names inside $( ) have no $";
  return "";
}

class Lexer {
 public:
  Lexer(std::string_view text, std::size_t begin) : text_(text), at_(begin), begin_(begin) {}

  Token next() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (at_ - begin_ > kMaxLength) throw ExpressionError({begin_, 1}, "the expression is too long");
    Token token;
    token.offset = at_;
    if (at_ == text_.size()) return token;
    const char c = text_[at_];
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))
      return number(token);
    if (starts_name(c)) return word(token);
    if (c == '\'' || c == '"') return quoted(token);
    return symbol(token);
  }

 private:
  Token finish(Token token, Token::Kind kind, std::size_t length) {
    token.kind = kind;
    token.text = text_.substr(at_, length);
    at_ += length;
    return token;
  }

  Token number(Token token) {
    std::size_t end = at_;
    const auto digits = [&] {
      while (end < text_.size() && is_digit(text_[end])) ++end;
    };
    bool real = false;
    digits();
    if (end < text_.size() && text_[end] == '.') {
      real = true;
      ++end;
      digits();
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
      if (exponent < text_.size() && is_digit(text_[exponent])) {
        real = true;
        end = exponent;
        digits();
      }
    }
    token = finish(token, Token::Kind::value, end - at_);
    if (real) {
      const std::optional<double> value = parse_double(token.text);
      if (!value)
        throw ExpressionError(token.span(),
                              "the number " + std::string(token.text) + " is out of range");
      token.value = *value;
    } else {
      const std::optional<std::int64_t> value = parse_int(token.text);
      if (!value)
        throw ExpressionError(token.span(),
                              "the number " + std::string(token.text) + " is too large");
      token.value = *value;
    }
    return token;
  }

  Token word(Token token) {
    token = finish(token, Token::Kind::name, name_at(text_, at_).size());
    if (token.text == "true" || token.text == "false") {
      token.value = token.text == "true";
      token.kind = Token::Kind::value;
    }
    return token;
  }

  Token quoted(Token token) {
    const std::size_t close = text_.find(text_[at_], at_ + 1);
    if (close == std::string_view::npos)
      throw ExpressionError({at_, 1}, "a text begins here and does not end");
    token = finish(token, Token::Kind::value, close + 1 - at_);
    token.value = std::string(token.text.substr(1, token.text.size() - 2));
    return token;
  }

  Token symbol(const Token& token) {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("**")) throw unexpected(2);
    if (rest[0] == '(' || rest[0] == ')') return finish(token, Token::Kind::symbol, 1);
    for (const auto& [text, op] : kBinary) {
      if (rest.starts_with(text)) return finish(token, Token::Kind::symbol, text.size());
    }
    throw unexpected(1);
  }

  ExpressionError unexpected(std::size_t length) const {
    const std::string_view rest = text_.substr(at_);
    return {{at_, length},
            "unexpected '" + std::string(rest.substr(0, length)) + "' in an expression" +
                std::string(advice(rest))};
  }

  std::string_view text_;
  std::size_t at_, begin_;
};

std::optional<Operator> operator_of(const Token& token) {
  if (token.kind != Token::Kind::symbol) return std::nullopt;
  for (const auto& [text, op] : kBinary) {
    if (token.text == text) return op;
  }
  return std::nullopt;
}

/// Recursive descent, a function for each rank of operators.
class Parser {
 public:
  Parser(std::string_view text, std::size_t begin) : lexer_(text, begin), token_(lexer_.next()) {}

  const Token& token() const { return token_; }

  Expr expression() {
    const Nesting nesting(*this);
    Expr value = logic("or", Expr::Kind::logic_or);
    if (!token_.is("if")) return value;
    take();
    Expr condition = logic("or", Expr::Kind::logic_or);
    if (!token_.is("else")) throw unexpected("expected 'else'");
    take();
    std::vector<Expr> parts;
    parts.push_back(std::move(value));
    parts.push_back(std::move(condition));
    parts.push_back(expression());
    return node(Expr::Kind::choice, std::move(parts));
  }

  ExpressionError unexpected(const std::string& wanted) const {
    if (token_.kind == Token::Kind::end)
      return {token_.span(), wanted + ", but the expression ends"};
    return {token_.span(), wanted + ", found '" + std::string(token_.text) + "'"};
  }

 private:
  struct Nesting {
    explicit Nesting(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxDepth)
        throw ExpressionError(parser.token_.span(), "the expression is nested over 64 deep");
    }
    ~Nesting() { --parser.depth_; }
    Parser& parser;
  };

  Token take() { return std::exchange(token_, lexer_.next()); }

  static Expr node(Expr::Kind kind, std::vector<Expr> parts) {
    Expr expr;
    expr.kind = kind;
    expr.span = {parts.front().span.offset,
                 parts.back().span.offset + parts.back().span.length - parts.front().span.offset};
    expr.parts = std::move(parts);
    return expr;
  }

  /// a or b or c; its operands are joined by `and`, and theirs are comparisons or `not`.
  Expr logic(std::string_view word, Expr::Kind kind) {
    const auto operand = [&] {
      return word == "or" ? logic("and", Expr::Kind::logic_and) : negation();
    };
    Expr first = operand();
    if (!token_.is(word)) return first;
    std::vector<Expr> parts;
    parts.push_back(std::move(first));
    while (token_.is(word)) {
      take();
      parts.push_back(operand());
    }
    return node(kind, std::move(parts));
  }

  Expr negation() {
    if (!token_.is("not")) return chain(0);
    const Nesting nesting(*this);
    const Span at = take().span();
    std::vector<Expr> parts;
    parts.push_back(negation());
    Expr expr = node(Expr::Kind::logic_not, std::move(parts));
    expr.span = {at.offset, expr.span.offset + expr.span.length - at.offset};
    return expr;
  }

  static int rank(Operator op) {
    if (op == Operator::add || op == Operator::sub) return 1;
    return op == Operator::mul || op == Operator::div || op == Operator::floor_div ||
                   op == Operator::mod
               ? 2
               : 0;
  }

  /// Comparisons (rank 0) of sums (1) of products (2).
  Expr chain(int level) {
    const auto operand = [&] { return level == 2 ? unary() : chain(level + 1); };
    Expr first = operand();
    std::vector<Operator> operators;
    std::vector<Span> spans;
    std::vector<Expr> parts;
    parts.push_back(std::move(first));
    while (true) {
      const std::optional<Operator> op = operator_of(token_);
      if (!op || rank(*op) != level) break;
      operators.push_back(*op);
      spans.push_back(take().span());
      parts.push_back(operand());
    }
    if (operators.empty()) return std::move(parts.front());
    Expr expr = node(level == 0 ? Expr::Kind::compare : Expr::Kind::arithmetic, std::move(parts));
    expr.operators = std::move(operators);
    expr.operator_spans = std::move(spans);
    return expr;
  }

  Expr unary() {
    const std::optional<Operator> op = operator_of(token_);
    if (op != Operator::sub && op != Operator::add) return atom();
    const Nesting nesting(*this);
    const Span at = take().span();
    std::vector<Expr> parts;
    parts.push_back(unary());
    Expr expr = node(Expr::Kind::unary, std::move(parts));
    expr.operators = {op == Operator::sub ? Operator::neg : Operator::plus};
    expr.operator_spans = {at};
    expr.span = {at.offset, expr.span.offset + expr.span.length - at.offset};
    return expr;
  }

  Expr atom() {
    if (token_.is("(")) {
      const Span open = take().span();
      Expr inside = expression();
      if (!token_.is(")")) throw unexpected("expected ')'");
      const Span close = take().span();
      inside.span = {open.offset, close.offset + 1 - open.offset};
      return inside;
    }
    Expr expr;
    expr.span = token_.span();
    if (token_.kind == Token::Kind::value) {
      expr.constant = take().value;
      return expr;
    }
    const bool reserved =
        std::find(kReserved.begin(), kReserved.end(), token_.text) != kReserved.end();
    if (token_.kind != Token::Kind::name || reserved) throw unexpected("expected a value");
    expr.kind = Expr::Kind::name;
    expr.name = take().text;
    return expr;
  }

  Lexer lexer_;
  Token token_;
  int depth_ = 0;
};

}  // namespace

std::string_view word_of(Operator op) {
  if (op == Operator::neg) return "-";
  if (op == Operator::plus) return "+";
  return std::find_if(kBinary.begin(), kBinary.end(),
                      [&](const auto& row) { return row.second == op; })
      ->first;
}

Expr parse_expression(std::string_view text, std::size_t begin, std::size_t& end) {
  Parser parser(text, begin);
  Expr expr = parser.expression();
  if (!parser.token().is(")")) throw parser.unexpected("expected ')'");
  end = parser.token().offset;
  return expr;
}

std::string_view name_at(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  if (end == text.size() || !starts_name(text[end])) return {};
  while (end < text.size() && in_name(text[end])) ++end;
  // Only what is told of the data has dots, so that `conv$i.bn` is a name and the text ".bn".
  if (text.substr(begin, end - begin) == "data" && end + 1 < text.size() && text[end] == '.' &&
      starts_name(text[end + 1])) {
    ++end;
    while (end < text.size() && in_name(text[end])) ++end;
  }
  return text.substr(begin, end - begin);
}

bool is_variable_name(std::string_view word) {
  return !word.empty() && word != "data" && name_at(word, 0) == word &&
         std::find(kReserved.begin(), kReserved.end(), word) == kReserved.end();
}

}  // namespace dl
