#include "datasets/csv_file.h"

#include <doctest/doctest.h>

#include "engine/core/error.h"
#include "tests/support/data_files.h"

namespace dl {
namespace {

using Rows = std::vector<std::vector<std::string>>;

test::Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// A file of that content, and what is read of it.
struct Table {
  explicit Table(const std::string& text, CsvFormat format = {}) : format_(format) {
    test::write_bytes(path, bytes_of(text));
  }
  Rows rows() const {
    CsvFile file(path, format_);
    Rows rows = {file.columns()};
    while (file.next()) {
      rows.emplace_back();
      for (const CsvField& field : file.row()) rows.back().emplace_back(field.text);
    }
    return rows;
  }
  /// What is wrong, behind the file's path.
  std::string message() const {
    try {
      rows();
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::data);
      const std::string message = error.diagnostics()[0].message;
      REQUIRE(message.starts_with(path));
      return message.substr(path.size());
    }
    return "nothing was thrown";
  }

  test::TempFolder folder;
  std::string path = folder / "t.csv";
  CsvFormat format_;
};

}  // namespace

TEST_CASE("quotes, doubled quotes, line ends and separators in quotes are read as RFC 4180 says") {
  CHECK(Table("a,b,c\n1,,\"x, \"\"y\"\"\nz\"\n\"\",\"\"\"\",end").rows() ==
        Rows{{"a", "b", "c"}, {"1", "", "x, \"y\"\nz"}, {"", "\"", "end"}});
}

TEST_CASE("CRLF, a byte order mark, empty lines and a missing last line end change nothing") {
  const Rows rows = {{"a", "b"}, {"1", "2"}, {"3", " 4 "}};
  CHECK(Table("a,b\n1,2\n3, 4 \n").rows() == rows);
  CHECK(Table("a,b\n1,2\n3, 4 ").rows() == rows);
  CHECK(Table("\xEF\xBB\xBF\r\n a,b \r\n\r\n1,2\r\n\n\r\n3, 4 \r\n\r\n").rows() == rows);
}

TEST_CASE("another separator, no header, and gzip are read") {
  CHECK(Table("a;b\n1,5;2\n", {.separator = ';'}).rows() == Rows{{"a", "b"}, {"1,5", "2"}});
  CHECK(Table("7\t8\n9\t10\n", {.separator = '\t', .header = false}).rows() ==
        Rows{{"1", "2"}, {"7", "8"}, {"9", "10"}});
  const Table packed("a,b\n1,2\n");
  test::write_gzip(packed.path, test::read_bytes(packed.path));
  CHECK(packed.rows() == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(csv_separator("tab", {}) == '\t');
  CHECK_THROWS_WITH_AS(csv_separator("::", {}),
                       "error: separator: expected one character or the word tab, found '::'",
                       UserError);
  CHECK_THROWS_AS(csv_separator("\"", {}), UserError);
}

TEST_CASE("columns are found by name, rows know their line, and the table can be read again") {
  const Table table("id,\"long\nname\",price\n1,a,2\n\n2,\"b\nb\",3\n3,c,4\n");
  CsvFile file(table.path);
  CHECK(file.find("price") == 2);
  CHECK(file.find("Price") == std::nullopt);
  CHECK(file.index_of("long\nname") == 1);
  CHECK_THROWS_WITH_AS(
      file.index_of("prise"),
      ("error: " + table.path + ": there is no column 'prise'; did you mean 'price'?").c_str(),
      UserError);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::size_t> lines;
    while (file.next()) lines.push_back(file.line());
    CHECK(lines == std::vector<std::size_t>{3, 5, 7});
    file.rewind();
  }
  REQUIRE((file.next() && file.next()));
  CHECK_THROWS_WITH_AS(file.fail(2, "is wrong"),
                       ("error: " + table.path + ":6:4: column 'price': is wrong").c_str(),
                       UserError);
  CHECK(CsvField{" \t x y\t", 0}.word() == "x y");
  CHECK(CsvField{" \t", 0}.word().empty());
}

TEST_CASE("what is no CSV is refused with its line and column") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ": is empty, expected a table"},
      {"\r\n\n", ": is empty, expected a table"},
      {"a,b\n1,2\n3\n", ":3:1: this row has 1 field, expected 2 as in the first row"},
      {"a,b\n1,2,3\n", ":2:1: this row has 3 fields, expected 2 as in the first row"},
      {"a,b\n1,\"2\n3,4\n", ":2:3: this quote is never closed"},
      {"a,b\n1,\"2\"\"", ":2:3: this quote is never closed"},
      {"a,b\n\"1\n2\",3\"\n", ":3:5: a quote in a field that does not begin with one"},
      {"a,b\n\"1\" ,2\n",
       ":2:4: ' ' after a field's closing quote, expected ',' or the end of "
       "the line"},
      {"a,b\n\"1\"\xC3\xA4,2\n", ":2:4: '\xC3\xA4' after a field's closing quote"},
      {"a,b\n1\r,2\n", ":2:2: a carriage return without a line feed"},
      {"a,b\n1,\xE4\n", ":2:3: this byte is no UTF-8"},
      {std::string("a,b\n1,\0\n", 8), ":2:3: a zero byte: this is no text"},
      {"a,,c\n1,2,3\n", ":1:3: column 2 has no name"},
      {"a,b, a\n1,2,3\n", ":1:5: columns 1 and 3 are both called 'a'"},
      {std::string(65536, ',') + "\n", ":1:1: more than 65536 columns"},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text.substr(0, 40));
    CHECK(Table(text).message().substr(0, message.size()) == message);
  }
}

TEST_CASE("a column that is not there is told with the separator that would cut the first row") {
  const auto hint = [](const std::string& header, char separator) -> std::string {
    const test::TempFolder folder;
    test::write_text(folder / "a.csv", header + "\n1\n");
    const CsvFile file(folder / "a.csv", {.separator = separator});
    try {
      file.index_of("price");
    } catch (const UserError& error) {
      return error.diagnostics()[0].hint;
    }
    return "nothing was thrown";
  };
  CHECK(hint("size;price", ',') ==
        "its only column is 'size;price': separator: ';', in the source, cuts it");
  CHECK(hint("size\tprice", ',').find("separator: tab,") != std::string::npos);
  CHECK(hint("\"size,price\"", ';').find("separator: ',',") != std::string::npos);
  CHECK(hint("size", ',').empty());
}

}  // namespace dl
