#include "engine/config/data_facts.h"

#include <doctest/doctest.h>

#include "core/file_system.h"
#include "core/sha256.h"
#include "engine/config/yaml_file.h"
#include "engine/config/yaml_text.h"
#include "tests/support/data_files.h"

namespace dl::test {
namespace {

ConfigNode yaml(const std::string& text, const std::string& path = "c.yaml") {
  Problems problems;
  const ConfigNode node = parse_yaml(std::make_shared<const SourceFile>(path, text), problems);
  problems.throw_if_any();
  return node;
}

/// A config whose source has so many columns, with names that need care.
std::string wide(int columns) {
  std::string names, numbers, words;
  for (int i = 0; i < columns; ++i) {
    const std::string comma = i > 0 ? ", " : "";
    names += comma + "\"g" + std::to_string(i) + " \\\"$x\\\"\"";
    numbers += comma + std::to_string(i) + ".125e-3";
    words += comma + "[a" + std::to_string(i) + ", '1']";
  }
  return "name: wide\ndata:\n  source:\n    csv:\n      path: a.csv\n      short: [p, q]\n"
         "      names: [" +
         names + "]\n      numbers: [" + numbers + "]\n      words: [" + words + "]\n  batch: 4\n";
}

}  // namespace

TEST_CASE("long lists of a source move to a file, and come back as they were") {
  ConfigNode resolved = yaml(wide(9000));
  const ConfigNode before = *resolved.find("data");
  const std::string facts = take_data_facts(resolved);
  REQUIRE_FALSE(facts.empty());
  const std::string text = yaml_text(resolved);
  CHECK(text.size() < 400);
  CHECK(text.find("file: data_facts.json") != std::string::npos);
  CHECK(text.find(sha256_hex(facts)) != std::string::npos);
  CHECK(text.find("short: [p, q]") != std::string::npos);

  const TempFolder folder;
  write_text(folder / kDataFactsFile, facts);
  ConfigNode again = yaml(text, folder / "config.resolved.yaml");
  ConfigNode data = *again.find("data");
  put_data_facts(data);
  const ConfigNode& params = data.find("source")->entries()[0].value;
  REQUIRE(params.find("names"));
  CHECK(params.find("names")->items()[17].text() == "g17 \"$x\"");
  CHECK(params.find("numbers")->items()[17].text() == "17.125e-3");
  CHECK_FALSE(params.find("numbers")->items()[17].quoted());
  CHECK_FALSE(params.find("facts"));
  CHECK(params.find("words")->items()[3].items()[1].quoted());
  const auto lists = [](const ConfigNode& data) {
    return yaml_text(*data.find("source")->entries()[0].value.find("words"));
  };
  CHECK(lists(data) == lists(before));
  *again.find("data") = data;
  CHECK(take_data_facts(again) == facts);
}

TEST_CASE("what a config can hold stays in it") {
  ConfigNode resolved = yaml(wide(50));
  CHECK(take_data_facts(resolved).empty());
  CHECK(resolved.find("data")->find("source")->entries()[0].value.find("names"));
  ConfigNode none = yaml("name: x\ndata: {source: digits}\n");
  CHECK(take_data_facts(none).empty());
}

TEST_CASE("a file of facts that has changed, is damaged or is gone is refused") {
  const TempFolder folder;
  const auto refused = [&](const std::string& facts, const std::string& sha256) -> std::string {
    if (!facts.empty()) write_text(folder / kDataFactsFile, facts);
    ConfigNode data =
        yaml("source: {csv: {facts: {file: data_facts.json, sha256: \"" + sha256 + "\"}}}\n",
             folder / "config.resolved.yaml");
    try {
      put_data_facts(data);
    } catch (const UserError& error) {
      return error.diagnostics()[0].message;
    }
    return "nothing was thrown";
  };
  CHECK(refused("", "0").find("data_facts.json") != std::string::npos);
  CHECK(refused("{\"a\": [1]}", "0").find("has changed since it was written") != std::string::npos);
  for (const std::string text : {"{\"a\": [1", "[1]", "{\"a\": {\"b\": 1}}", "{\"a\": [null]}"}) {
    CAPTURE(text);
    CHECK(refused(text, sha256_hex(text)) != "nothing was thrown");
  }
  CHECK(refused("{\"a\": [1]}", sha256_hex("{\"a\": [1]}")) == "nothing was thrown");
}

TEST_CASE("a YAML text that could not be read back is refused before it is written") {
  CHECK_NOTHROW(expect_readable("a: b\n", {}));
  CHECK_THROWS_AS(expect_readable("a: \xFF\n", {}), UserError);
  CHECK_THROWS_AS(expect_readable(std::string((4 << 20) + 1, 'a'), {}), UserError);
  CHECK_NOTHROW(expect_readable(std::string(4 << 20, 'a'), {}));
}

}  // namespace dl::test
