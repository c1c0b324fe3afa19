#include "engine/config/expression.h"

#include <doctest/doctest.h>

#include "tests/config/config_text.h"

namespace dl {
namespace {

Scope example_scope() {
  Scope scope;
  scope.values = {
      {"n", std::int64_t{7}},
      {"zero", std::int64_t{0}},
      {"half", 0.5},
      {"yes", true},
      {"act", std::string("relu")},
      {"sizes", ConfigNode::list({ConfigNode::scalar("1", {}), ConfigNode::scalar("2", {})}, {})}};
  scope.data = [](const std::string& name, const Mark&) -> Value {
    return std::int64_t{name == "data.classes" ? 10 : 65};
  };
  return scope;
}

ConfigNode expanded(const std::string& text, bool quoted = false) {
  Problems problems;
  Findings findings(problems);
  Budget budget;
  const auto file = std::make_shared<SourceFile>("e", text);
  const Scope scope = example_scope();
  ConfigNode result =
      expand(ConfigNode::scalar(text, Mark{file, 1, 1, static_cast<int>(text.size())}, quoted),
             scope, budget, findings);
  problems.throw_if_any();
  return result;
}

/// The value as YAML; texts in quotes. Of an error, its column and message.
std::string value(const std::string& expression) {
  try {
    const ConfigNode node = expanded("$(" + expression + ")");
    if (node.is_list()) return "list";
    return node.quoted() ? "'" + node.text() + "'" : node.text();
  } catch (const UserError& error) {
    const Diagnostic& found = error.diagnostics()[0];
    return std::to_string(found.mark.column - 2) + ": " +
           found.message;  // columns of the expression itself
  }
}

}  // namespace

TEST_CASE("numbers compute as in Python") {
  const std::pair<const char*, const char*> cases[] = {
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"7 / 2", "3.5"},
      {"6 / 2", "3.0"},
      {"7 // 2", "3"},
      {"-7 // 2", "-4"},
      {"7 // -2", "-4"},
      {"-7 % 3", "2"},
      {"7 % -3", "-2"},
      {"-7.5 // 2", "-4.0"},
      {"-7.5 % 2", "0.5"},
      {"7.5 % -2", "-0.5"},
      {"1 - 2 - 3", "-4"},
      {"2 * 3 // 4", "1"},
      {"-n", "-7"},
      {"- - n", "7"},
      {"+n", "7"},
      {"n + half", "7.5"},
      {"9007199254740993 + 0", "9007199254740993"},
      {"1e3", "1000.0"},
      {".5", "0.5"},
      {"-9223372036854775807 - 1", "-9223372036854775808"},
      {"0.1 + 0.2", "0.30000000000000004"},
      {"1e-4", "1e-04"},
      {"-n % 3 + 1", "3"},
  };
  for (const auto& row : cases) CHECK_MESSAGE(value(row.first) == row.second, row.first);
}

TEST_CASE("comparisons chain, and or and not bind as in Python") {
  const std::pair<const char*, const char*> cases[] = {
      {"1 < n <= 7", "true"},
      {"1 < n < 7", "false"},
      {"n == 7.0", "true"},
      {"n != 7", "false"},
      {"act == 'relu'", "true"},
      {"act == 7", "false"},
      {"act != 7", "true"},
      {"yes == true", "true"},
      {"yes == 1", "false"},
      {"'a' < 'b'", "true"},
      {"not n == 7", "false"},
      {"not zero and yes", "true"},
      {"zero or n", "7"},
      {"n and act", "'relu'"},
      {"false or false and true", "false"},
      {"true or 1 / 0", "true"},
      {"false and nothing", "false"},
      {"2 if n > 3 else 1", "2"},
      {"1 if zero else 2 if zero else 3", "3"},
      {"1 if yes else 1 / 0", "1"},
      {"(1 if yes else 2) + 1", "2"},
      {"'a' + \"b\"", "'ab'"},
      {"n == 7 and act == 'relu' or false", "true"},
  };
  for (const auto& row : cases) CHECK_MESSAGE(value(row.first) == row.second, row.first);
}

TEST_CASE("a mistake in an expression is told at its place") {
  const std::pair<const char*, const char*> cases[] = {
      {"n +", "4: expected a value, found ')'"},
      {"n n", "3: expected ')', found 'n'"},
      {"", "1: expected a value, found ')'"},
      {"1 // zero", "3: division by zero"},
      {"1 % 0.0", "3: division by zero"},
      {"act * 2", "5: '*' needs numbers, found 'relu' and 2"},
      {"yes + 1", "5: '+' needs numbers, found true and 1"},
      {"1 < act", "3: '<' cannot compare 1 and 'relu'"},
      {"sizes == 1", "7: '==' cannot compare a list and 1"},
      {"9223372036854775807 + 1", "21: the result of '+' is too large for an int"},
      {"(-9223372036854775807 - 1) // -1", "28: the result of '//' is too large for an int"},
      {"1e308 * 1e308", "7: the result of '*' is not a finite number"},
      {"99999999999999999999", "1: the number 99999999999999999999 is too large"},
      {"1e999", "1: the number 1e999 is out of range"},
      {"1 if n", "7: expected 'else', found ')'"},
      {"n ** 2", "3: unexpected '**' in an expression; there is no power operator"},
      {"n = 2", "3: unexpected '=' in an expression; write '==' to compare"},
      {"!n", "1: unexpected '!' in an expression; write 'not'"},
      {"'a", "1: a text begins here and does not end"},
      {"sizees", "1: unknown name 'sizees'; did you mean 'sizes'?"},
      {"and", "1: expected a value, found 'and'"},
  };
  for (const auto& row : cases) CHECK_MESSAGE(value(row.first) == row.second, row.first);
}

TEST_CASE("expressions of any depth and length are refused, not crashed on") {
  const auto repeated = [](const std::string& text) {
    std::string all;
    for (int i = 0; i < 50'000; ++i) all += text;
    return all;
  };
  for (const char* unit : {"(", "-", "not ", "1 if 1 else ", "- -"}) {
    CAPTURE(unit);
    CHECK(value(repeated(unit) + "1").find("the expression is") != std::string::npos);
  }
  CHECK(value(repeated("1 + ") + "1").find("the expression is too long") != std::string::npos);
}

TEST_CASE("a whole expression keeps its type, and one inside a text is put in") {
  CHECK(expanded("$n").text() == "7");
  CHECK_FALSE(expanded("$n").quoted());
  CHECK(expanded("$act").quoted());
  CHECK(expanded("$sizes").is_list());
  CHECK(expanded("$n", true).quoted());  // quotes make a text
  CHECK(expanded("denselayer$(n + 1)").text() == "denselayer8");
  CHECK(expanded("denselayer$(n + 1)").quoted());
  CHECK(expanded("$n.conv$half-$yes").text() == "7.conv0.5-true");
  CHECK(expanded("$data.classes").text() == "10");
  CHECK(expanded("x$data.classes.y").text() == "x10.y");
  CHECK(expanded("cost: $$5").text() == "cost: $5");
  CHECK(expanded("$$(n)").text() == "$(n)");
  CHECK(expanded("plain").text() == "plain");
  CHECK_THROWS(expanded("100 $"));
  CHECK_THROWS(expanded("a $sizes"));
}

}  // namespace dl
