#include "engine/config/yaml_file.h"

#include <doctest/doctest.h>

#include "engine/config/yaml_text.h"
#include "tests/config/config_text.h"

namespace dl {
namespace {

ConfigNode parse(const std::string& text) {
  Problems problems;
  ConfigNode root = parse_yaml(std::make_shared<SourceFile>("c.yaml", text), problems);
  problems.throw_if_any();
  return root;
}

/// The first line of the message that parsing ends with.
std::string parse_error(const std::string& text) {
  try {
    parse(text);
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::config);
    const std::string message = error.what();
    return message.substr(0, message.find('\n'));
  }
  return "";
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

std::string utf8_of(unsigned code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

std::string place(const Mark& mark) {
  return std::to_string(mark.line) + ":" + std::to_string(mark.column) + "+" +
         std::to_string(mark.length);
}

}  // namespace

TEST_CASE("keys and scalars know their line, column and length") {
  const ConfigNode root =
      parse("a: 12\nlist:\n  - 'it''s'\n  - {key: \"q\\\"q\", none: ~}\n  - last:\n");
  CHECK(place(root.entries()[0].key_mark) == "1:1+1");
  CHECK(place(root.find("a")->mark()) == "1:4+2");
  const ConfigNode& list = *root.find("list");
  CHECK(place(list.items()[0].mark()) == "3:5+7");
  CHECK(list.items()[0].text() == "it's");
  CHECK(list.items()[0].quoted());
  const ConfigNode::Entry& key = list.items()[1].entries()[0];
  CHECK(place(key.key_mark) == "4:6+3");
  CHECK(place(key.value.mark()) == "4:11+6");
  CHECK(place(list.items()[1].find("none")->mark()) == "4:25+1");
  CHECK(place(list.items()[2].find("last")->mark()) ==
        "5:5+4");  // of the key, when nothing is written
}

TEST_CASE("a byte order mark and Windows line ends do no harm") {
  WorkFolder folder;
  WorkFolder::write("c.yaml",
                    "\xEF\xBB\xBF"
                    "a: 1\r\nb: 2\r\n");
  Problems problems;
  const ConfigNode root = read_yaml_file("c.yaml", problems);
  CHECK(place(root.find("a")->mark()) == "1:4+1");
  CHECK(root.find("b")->text() == "2");
}

TEST_CASE("brackets in quotes and comments nest nothing") {
  const std::string many = repeated("'[', \"{\\\"[\", ", 100);
  CHECK(parse_error("a: [" + many + "x]  # [[[ it's \"[[\nb: don't [\nc: '[[\n''[['\n") == "");
  CHECK(parse_error("a: ['[', \"{\\\"\", " + repeated("[", 100)) ==
        "c.yaml:1:80: error: nested over 64 deep");
}

TEST_CASE("every character can stand in a list, be written and be read again") {
  std::vector<ConfigNode> characters;
  for (unsigned code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;  // surrogates are no characters
    if (code >= 0x3000 && code % 101 != 0 && (code & 0xFF) < 0xF0) continue;
    characters.push_back(ConfigNode::scalar(utf8_of(code), {}, true));
  }
  const ConfigNode list = ConfigNode::list(characters, {});
  const ConfigNode again = parse(yaml_text(ConfigNode::map({{"all", {}, list}}, {})));
  const std::vector<ConfigNode>& items = again.find("all")->items();
  REQUIRE(items.size() == characters.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::string text = items[i].text();
    if (text == "$$") text = "$";  // it would begin an expression
    CHECK(text == characters[i].text());
  }
}

TEST_CASE("nesting of any depth and kind is refused, not crashed on") {
  for (const char* unit : {"[", "{a: ", "- ", "? ", "[? ", "{? ", "- ? ", "a:\n- "}) {
    CAPTURE(unit);
    CHECK(parse_error(repeated(unit, 100'000)) != "");
  }
  CHECK(parse_error(repeated("[", 100'000) + repeated("]", 100'000)) ==
        "c.yaml:1:65: error: nested over 64 deep");
  CHECK(parse_error(repeated("- ", 100'000)) == "c.yaml:1:129: error: nested over 64 deep");
  std::string indented;
  for (int i = 0; i < 1000; ++i) indented += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(parse_error(indented) == "c.yaml:65:65: error: nested over 64 deep");
  CHECK(parse_error(repeated("[", 64) + repeated("]", 64)) == "");
}

TEST_CASE("brackets in comments do not count as nesting") {
  CHECK(parse_error(repeated("# in [0, 1)\n", 200) + "a: 1\n") == "");
}

TEST_CASE("a scalar of a megabyte is read") {
  const std::string large(1'000'000, 'x');
  CHECK(parse("a: " + large).find("a")->text() == large);
  CHECK(parse("a: '" + large + "'").find("a")->text() == large);
  CHECK(parse_error(large + ": 1") != "");  // as a key it is not
}

TEST_CASE("more than 100,000 values are refused") {
  CHECK(parse_error(repeated("- a\n", 100'001)) ==
        "c.yaml:100000:3: error: more than 100,000 values in one file");
}

TEST_CASE("anchors, aliases, tags and second documents are refused wherever they stand") {
  CHECK(parse_error("a: &x 1") == "c.yaml:1:4: error: YAML anchors (&name) are not allowed");
  CHECK(parse_error("&x a: 1") == "c.yaml:1:1: error: YAML anchors (&name) are not allowed");
  CHECK(parse_error("a: *x").ends_with("YAML aliases (*name) are not allowed"));
  for (const char* text : {"a: !x 1", "a: !!str 1", "!x a: 1", "a: !x [1]", "a: ! 1", "a: ! 'q'"}) {
    CAPTURE(text);
    CHECK(parse_error(text).ends_with("YAML tags (!name) are not allowed"));
  }
  CHECK(parse_error("a: 1\n---\nb: 1").starts_with("c.yaml:2:1: error: a second YAML document"));
  CHECK(parse_error("---\na: 1\n...\n") == "");
}

TEST_CASE("a key written twice names both lines and keeps the first value") {
  Problems problems;
  const ConfigNode root =
      parse_yaml(std::make_shared<SourceFile>("c.yaml", "a: 1\nb: 2\na: 3\n"), problems);
  CHECK(root.entries().size() == 2);
  CHECK(root.find("a")->text() == "1");
  CHECK_THROWS_WITH(problems.throw_if_any(),
                    "c.yaml:3:1: error: key 'a' is written twice; the first is on line 1\n"
                    "   3 | a: 3\n     | ^");
}

TEST_CASE("what is no text is refused") {
  CHECK(parse_error(std::string("a: \0b", 5)).find("is not a text file: line 1") !=
        std::string::npos);
  CHECK(parse_error("a: 1\nb: \xff\xfe").find("is not a text file: line 2") != std::string::npos);
}

TEST_CASE("missing, empty and huge files and folders are told apart") {
  WorkFolder folder;
  const auto error = [](const std::string& path) -> std::string {
    try {
      load_config({.path = path});
    } catch (const UserError& trouble) {
      CHECK(trouble.code() == ExitCode::config);
      return trouble.what();
    }
    return "";
  };
  WorkFolder::write("empty.yaml", "");
  WorkFolder::write("huge.yaml", std::string((4 << 20) + 1, '#'));
  CHECK(error("none.yaml") == "error: no config at 'none.yaml': No such file or directory");
  CHECK(error(".") == "error: '.' is a folder, not a config");
  CHECK(error("/dev/null") == "error: '/dev/null' is not a regular file");
  CHECK(error("empty.yaml") == "error: 'empty.yaml' is empty");
  CHECK(error("huge.yaml") == "error: 'huge.yaml' is larger than 4 MB");
}

}  // namespace dl
