#include "engine/config/expression.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "engine/config/arithmetic.h"

namespace dl {
namespace {

/// A stretch of a scalar: text as it is, or an expression.
struct Piece {
  std::string text;
  std::optional<Expr> expr;
};

/// The place of `span` of a scalar's text. A scalar that its file holds in another form (escapes,
/// several lines) is pointed at as a whole.
Mark mark_within(const ConfigNode& scalar, Span span) {
  Mark mark = scalar.mark();
  if (!mark.valid()) return mark;
  const std::string_view line = mark.file->line(mark.line);
  const std::size_t begin = static_cast<std::size_t>(mark.column - 1);
  for (const std::size_t quote : {std::size_t{0}, std::size_t{1}}) {
    if (begin + quote <= line.size() && line.substr(begin + quote).starts_with(scalar.text())) {
      mark.column += static_cast<int>(quote + span.offset);
      mark.length = static_cast<int>(span.length);
      return mark;
    }
  }
  return mark;
}

Piece expression_piece(std::string_view text, std::size_t& at) {
  Piece piece;
  if (text.substr(at + 1).starts_with('(')) {
    std::size_t end = 0;
    piece.expr = parse_expression(text, at + 2, end);
    at = end + 1;
    return piece;
  }
  const std::string_view name = name_at(text, at + 1);
  if (name.empty())
    throw ExpressionError({at, 1}, "expected $name or $(expression); a dollar itself is $$");
  piece.expr.emplace();
  piece.expr->kind = Expr::Kind::name;
  piece.expr->name = name;
  piece.expr->span = {at, name.size() + 1};
  at += 1 + name.size();
  return piece;
}

std::vector<Piece> parse_pieces(std::string_view text) {
  std::vector<Piece> pieces;
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      plain += text[at++];
    } else if (text.substr(at).starts_with("$$")) {
      plain += '$';
      at += 2;
    } else {
      if (!plain.empty()) pieces.push_back({std::exchange(plain, {}), std::nullopt});
      pieces.push_back(expression_piece(text, at));
    }
  }
  if (!plain.empty()) pieces.push_back({std::move(plain), std::nullopt});
  return pieces;
}

/// Thrown for a var whose own trouble is reported already.
struct BrokenName {};

/// Computes an expression for one scalar.
class Evaluator {
 public:
  Evaluator(const ConfigNode& scalar, const Scope& scope) : scalar_(scalar), scope_(scope) {}

  Value evaluate(const Expr& expr) const {
    switch (expr.kind) {
      case Expr::Kind::constant:
        return expr.constant;
      case Expr::Kind::name:
        return look_up(expr);
      case Expr::Kind::unary:
        return negate(expr.operators[0], evaluate(expr.parts[0]), expr.span);
      case Expr::Kind::arithmetic:
        return arithmetic(expr);
      case Expr::Kind::compare:
        return comparison(expr);
      case Expr::Kind::logic_not:
        return !is_true(evaluate(expr.parts[0]), expr.parts[0].span);
      case Expr::Kind::logic_and:
        return logic(expr, false);
      case Expr::Kind::logic_or:
        return logic(expr, true);
      case Expr::Kind::choice:
        break;
    }
    const bool condition = is_true(evaluate(expr.parts[1]), expr.parts[1].span);
    return evaluate(expr.parts[condition ? 0 : 2]);
  }

 private:
  Value look_up(const Expr& expr) const {
    if (const Value* value = scope_.find(expr.name)) return *value;
    for (const Scope* scope = &scope_; scope; scope = scope->outer) {
      if (scope->data && expr.name.starts_with("data."))
        return scope->data(expr.name, mark_within(scalar_, expr.span));
    }
    for (const Scope* scope = &scope_; scope; scope = scope->outer) {
      if (scope->broken.contains(expr.name)) throw BrokenName();
      if (scope->pending.contains(expr.name)) {
        throw ExpressionError(expr.span,
                              "var '" + expr.name + "' is not known yet where this is needed");
      }
    }
    throw ExpressionError(expr.span, unknown_name(expr.name, scope_.names()));
  }

  Value arithmetic(const Expr& expr) const {
    Value result = evaluate(expr.parts[0]);
    for (std::size_t i = 0; i < expr.operators.size(); ++i) {
      result =
          calculate(expr.operators[i], result, evaluate(expr.parts[i + 1]), expr.operator_spans[i]);
    }
    return result;
  }

  Value comparison(const Expr& expr) const {  // a < b < c as in Python: both must hold
    Value left = evaluate(expr.parts[0]);
    for (std::size_t i = 0; i < expr.operators.size(); ++i) {
      Value right = evaluate(expr.parts[i + 1]);
      if (!compare(expr.operators[i], left, right, expr.operator_spans[i])) return false;
      left = std::move(right);
    }
    return true;
  }

  /// `or` (until = true) and `and` give the operand that decided, as in Python.
  Value logic(const Expr& expr, bool until) const {
    Value value;
    for (const Expr& part : expr.parts) {
      value = evaluate(part);
      if (is_true(value, part.span) == until) return value;
    }
    return value;
  }

  const ConfigNode& scalar_;
  const Scope& scope_;
};

ConfigNode expand_scalar(const ConfigNode& node, const Scope& scope) {
  if (node.text().find('$') == std::string::npos) return node;
  try {
    const std::vector<Piece> pieces = parse_pieces(node.text());
    const Evaluator evaluator(node, scope);
    if (pieces.size() == 1 && pieces[0].expr && !node.quoted()) {
      return node_of(evaluator.evaluate(*pieces[0].expr), node.mark());
    }
    std::string text;
    for (const Piece& piece : pieces) {
      text += piece.expr ? text_of(evaluator.evaluate(*piece.expr), piece.expr->span) : piece.text;
    }
    return ConfigNode::scalar(std::move(text), node.mark(), true);
  } catch (const ExpressionError& error) {
    throw UserError(mark_within(node, error.span()), error.what());
  }
}

void collect_names(const ConfigNode& scalar, const Expr& expr, std::vector<NameUse>& uses) {
  if (expr.kind == Expr::Kind::name) uses.push_back({expr.name, mark_within(scalar, expr.span)});
  for (const Expr& part : expr.parts) collect_names(scalar, part, uses);
}

}  // namespace

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->outer) {
    const auto at = scope->values.find(name);
    if (at != scope->values.end()) return &at->second;
  }
  return nullptr;
}

std::vector<std::string> Scope::names() const {
  std::vector<std::string> all;
  for (const Scope* scope = this; scope; scope = scope->outer) {
    for (const auto& [name, value] : scope->values) all.push_back(name);
    if (scope->data) all.insert(all.end(), {"data.classes", "data.vocabulary"});
  }
  return all;
}

void Budget::take(const ConfigNode& node, const Mark& where) {
  const std::size_t size = node.text().size();
  if (nodes == 0 || bytes < size)
    throw UserError(where, "the expressions of this config come to over 1,000,000 values or 64 MB");
  --nodes;
  bytes -= size;
}

void Budget::take_all(const ConfigNode& node, const Mark& where) {
  take(node, where);
  for (const ConfigNode& item : node.items()) take_all(item, where);
  for (const ConfigNode::Entry& entry : node.entries()) take_all(entry.value, where);
}

ConfigNode expand(const ConfigNode& node, const Scope& scope, Budget& budget, Findings& findings) {
  ConfigNode result = node;
  if (!node.is_scalar()) {
    budget.take(node, node.mark());
    for (ConfigNode& item : result.items()) item = expand(item, scope, budget, findings);
    for (auto& entry : result.entries()) entry.value = expand(entry.value, scope, budget, findings);
    return result;
  }
  try {
    result = expand_scalar(node, scope);
  } catch (const UserError& error) {
    findings.add(error);
    result = ConfigNode::null(node.mark());
  } catch (const BrokenName&) {
    findings.fail();
    result = ConfigNode::null(node.mark());
  }
  // A list from a var counts whole: vars of vars would grow without end.
  budget.take_all(result, node.mark());
  return result;
}

std::vector<NameUse> names_used(const ConfigNode& scalar) {
  std::vector<NameUse> uses;
  if (scalar.text().find('$') == std::string::npos) return uses;
  try {
    for (const Piece& piece : parse_pieces(scalar.text())) {
      if (piece.expr) collect_names(scalar, *piece.expr, uses);
    }
  } catch (const ExpressionError& error) {
    throw UserError(mark_within(scalar, error.span()), error.what());
  }
  return uses;
}

Value value_of(const ConfigNode& node) {
  if (!node.is_scalar()) return node;
  if (node.quoted()) return node.text();
  if (node.text() == "true" || node.text() == "false") return node.text() == "true";
  if (const auto integer = parse_int(node.text())) return *integer;
  if (const auto real = parse_double(node.text())) {
    const bool whole = node.text().find_first_not_of("+-0123456789") == std::string::npos;
    if (whole) throw UserError(node.mark(), "the number " + node.text() + " is too large");
    return *real;
  }
  return node.text();
}

ConfigNode node_of(const Value& value, const Mark& mark) {
  if (const auto* node = std::get_if<ConfigNode>(&value)) return *node;
  return ConfigNode::scalar(text_of(value, {}), mark, std::holds_alternative<std::string>(value));
}

std::string unknown_name(const std::string& name, const std::vector<std::string>& known) {
  constexpr std::size_t kMaxListed = 10;
  const std::string near = did_you_mean(name, known);
  if (!near.empty() || known.empty() || known.size() > kMaxListed)
    return "unknown name '" + name + "'" + near;
  return "unknown name '" + name + "'; there are " + join(known, ", ");
}

}  // namespace dl
