#include "engine/config/arithmetic.h"

#include <cmath>
#include <optional>

#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kMaxText = 1 << 20;

std::optional<double> number(const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

std::string shown(const Value& value) {
  if (const auto* node = std::get_if<ConfigNode>(&value)) return node->describe();
  std::string text = text_of(value, {});
  if (!std::holds_alternative<std::string>(value)) return text;
  return "'" + (text.size() > 40 ? text.substr(0, 40) + "..." : text) + "'";
}

std::int64_t whole(Operator op, std::int64_t a, std::int64_t b, Span at) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (op) {
    case Operator::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::sub:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::mul:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::mod:
      if (b == -1) return 0;  // the smallest int % -1 traps on x86
      result = a % b;
      if (result != 0 && (result < 0) != (b < 0)) result += b;
      return result;
    default:  // floor_div
      if (b == -1) {
        overflow = __builtin_sub_overflow(std::int64_t{0}, a, &result);
        break;
      }
      result = a / b;
      if (a % b != 0 && (a < 0) != (b < 0)) --result;
      return result;
  }
  if (overflow)
    throw ExpressionError(
        at, "the result of '" + std::string(word_of(op)) + "' is too large for an int");
  return result;
}

double real(Operator op, double a, double b, Span at) {
  double result = 0;
  switch (op) {
    case Operator::add:
      result = a + b;
      break;
    case Operator::sub:
      result = a - b;
      break;
    case Operator::mul:
      result = a * b;
      break;
    case Operator::div:
      result = a / b;
      break;
    default: {  // floor_div and mod, as CPython computes them
      double rest = std::fmod(a, b);
      double quotient = (a - rest) / b;
      if (rest != 0 && (rest < 0) != (b < 0)) {
        rest += b;
        quotient -= 1;
      }
      double floored = std::floor(quotient);
      if (quotient - floored > 0.5) floored += 1;
      result = op == Operator::mod ? rest : floored;
    }
  }
  if (!std::isfinite(result))
    throw ExpressionError(
        at, "the result of '" + std::string(word_of(op)) + "' is not a finite number");
  return result;
}

}  // namespace

Value calculate(Operator op, const Value& left, const Value& right, Span at) {
  const auto* left_text = std::get_if<std::string>(&left);
  const auto* right_text = std::get_if<std::string>(&right);
  if (op == Operator::add && left_text && right_text) {
    if (left_text->size() + right_text->size() > kMaxText)
      throw ExpressionError(at, "the text is too long");
    return *left_text + *right_text;
  }
  const std::optional<double> a = number(left), b = number(right);
  const std::string word(word_of(op));
  if (!a || !b)
    throw ExpressionError(
        at, "'" + word + "' needs numbers, found " + shown(left) + " and " + shown(right));
  const bool divides = op == Operator::div || op == Operator::floor_div || op == Operator::mod;
  if (divides && *b == 0) throw ExpressionError(at, "division by zero");
  const auto* left_int = std::get_if<std::int64_t>(&left);
  const auto* right_int = std::get_if<std::int64_t>(&right);
  if (left_int && right_int && op != Operator::div) return whole(op, *left_int, *right_int, at);
  return real(op, *a, *b, at);
}

Value negate(Operator sign, const Value& value, Span at) {
  if (!number(value))
    throw ExpressionError(
        at, "'" + std::string(word_of(sign)) + "' needs a number, found " + shown(value));
  if (sign == Operator::plus) return value;
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return whole(Operator::sub, 0, *integer, at);
  return -std::get<double>(value);
}

bool compare(Operator op, const Value& left, const Value& right, Span at) {
  const std::optional<double> a = number(left), b = number(right);
  const auto* left_text = std::get_if<std::string>(&left);
  const auto* right_text = std::get_if<std::string>(&right);
  const auto* left_int = std::get_if<std::int64_t>(&left);
  const auto* right_int = std::get_if<std::int64_t>(&right);
  const auto ordered = [&](const auto& x, const auto& y) {
    switch (op) {
      case Operator::eq:
        return x == y;
      case Operator::ne:
        return x != y;
      case Operator::lt:
        return x < y;
      case Operator::le:
        return x <= y;
      case Operator::gt:
        return x > y;
      default:
        return x >= y;
    }
  };
  if (left_int && right_int) return ordered(*left_int, *right_int);
  if (a && b) return ordered(*a, *b);
  if (left_text && right_text) return ordered(*left_text, *right_text);
  const auto* left_bool = std::get_if<bool>(&left);
  const auto* right_bool = std::get_if<bool>(&right);
  const bool list =
      std::holds_alternative<ConfigNode>(left) || std::holds_alternative<ConfigNode>(right);
  if (!list && (op == Operator::eq || op == Operator::ne)) {
    return ((left_bool && right_bool && *left_bool == *right_bool) == (op == Operator::eq));
  }
  throw ExpressionError(at, "'" + std::string(word_of(op)) + "' cannot compare " + shown(left) +
                                " and " + shown(right));
}

bool is_true(const Value& value, Span at) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const std::optional<double> n = number(value)) return *n != 0;
  if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
  throw ExpressionError(at, "expected true or false, found " + shown(value));
}

std::string text_of(const Value& value, Span at) {
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "true" : "false";
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* node = std::get_if<ConfigNode>(&value)) {
    throw ExpressionError(at, node->describe() + " cannot stand inside a text");
  }
  const double number = std::get<double>(value);
  if (std::isinf(number)) return number < 0 ? "-.inf" : ".inf";
  std::string text = number_text(number);
  // A float stays one when it is read again.
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

}  // namespace dl
