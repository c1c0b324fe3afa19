#include "datasets/tables/csv_file.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/table_files.h"

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
  /// What is to be known of all rows, behind the file's path.
  std::vector<std::string> notes() const {
    CsvFile file(path, format_);
    while (file.next()) continue;
    std::vector<std::string> notes = file.notes();
    for (std::string& note : notes) note.erase(0, path.size());
    return notes;
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
}

TEST_CASE("a config says separator and quote by a character or a word") {
  const auto format = [](const std::string& keys) {
    const TypedNode node = test::typed_yaml("csv: {" + keys + "}");
    return csv_format(node.params, read_params(node.params, csv_format_table()), true);
  };
  CHECK(format("").separator == ',');
  CHECK_FALSE(format("").separator_said);
  CHECK_FALSE(format("").quote);
  CHECK(format("separator: tab").separator == '\t');
  CHECK(format("separator: ;").separator_said);
  CHECK(format("quote: none").quote == '\0');
  CHECK(format("quote: '\"'").quote == '"');
  CHECK(format("quote: \"'\"").quote == '\'');
  for (const char* wrong : {"separator: '::'", "separator: '\"'", "separator: ''", "quote: ''",
                            "quote: '\"\"'", "quote: ','", "quote: ~"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(format(wrong), UserError);
  }
}

TEST_CASE("quotes are text where a tab separates, unless they are asked for") {
  const std::string text = "t\tl\n\"He said so\tpos\nplain\tneg\nshe left\"\tpos\n\"a\"\tneg\n";
  const Table tab(text, {.separator = '\t'});
  CHECK(tab.rows() == Rows{{"t", "l"},
                           {"\"He said so", "pos"},
                           {"plain", "neg"},
                           {"she left\"", "pos"},
                           {"\"a\"", "neg"}});
  CHECK(tab.notes() == std::vector<std::string>{
                           ": 1 field in quotes (the first in line 5), which count as text where "
                           "a tab separates; quote: '\"', in the source, takes them off"});
  const Table none(text, {.separator = '\t', .quote = '\0'});
  CHECK(none.rows() == tab.rows());
  CHECK(none.notes().empty());
  const Table asked("t\tl\n\"a\tb\"\tpos\n", {.separator = '\t', .quote = '"'});
  CHECK(asked.rows() == Rows{{"t", "l"}, {"a\tb", "pos"}});
  CHECK(Table("a,b\n'1,5',2\n", {.quote = '\''}).rows() == Rows{{"a", "b"}, {"1,5", "2"}});
}

TEST_CASE("quotes inside a field that begins with none are text, as pandas has it") {
  CHECK(Table("a,b\n5\" pipe,he said \"x\"\n").rows() ==
        Rows{{"a", "b"}, {"5\" pipe", "he said \"x\""}});
}

TEST_CASE("fields in quotes that span lines are reported once, with the lines of the first") {
  const Table table("a,b\n1,\"x\ny\"\n2,\"p\n\nq\"\n3,z\n");
  CHECK(table.notes() == std::vector<std::string>{
                             ": 2 fields in quotes with a line end inside (the first from line 2 "
                             "to 3); where quotes are text, quote: none, in the source, says so"});
  CHECK(Table("a,b\n1,\"x\"\n").notes().empty());
}

TEST_CASE("columns without a name are called as in pandas, and found by number too") {
  const Table table(",x,\n0,5,a\n");
  const CsvFile file(table.path);
  CHECK(file.columns() == std::vector<std::string>{"Unnamed: 0", "x", "Unnamed: 2"});
  CHECK_FALSE(file.has_name(0));
  CHECK(file.has_name(1));
  CHECK(file.index_of_name_or_number("x") == 1);
  CHECK(file.index_of_name_or_number("1") == 0);
  CHECK(file.index_of_name_or_number("Unnamed: 2") == 2);
  CHECK_THROWS_AS(file.index_of_name_or_number("4"), UserError);
  CHECK_THROWS_AS(file.index_of_name_or_number("0"), UserError);
  CHECK_THROWS_AS(file.index_of("1"), UserError);
  const Table numbers("3,1\n7,8\n");
  CHECK(CsvFile(numbers.path).index_of_name_or_number("1") == 1);  // the name comes first
}

TEST_CASE("Excel's first line says what separates, and is no row") {
  CHECK(Table("sep=;\r\na;b\r\n1,5;2\r\n").rows() == Rows{{"a", "b"}, {"1,5", "2"}});
  CHECK(Table("sep=\t\na\tb\n\"x\t2\n").rows() == Rows{{"a", "b"}, {"\"x", "2"}});
  CHECK(Table("sep=;\na;b\n1;2\n", {.separator = ';', .separator_said = true}).rows().size() == 2);
  CHECK(Table("sep=;\na;b\n", {.separator = ',', .separator_said = true}).message() ==
        ":1:5: the file says that ';' separates, and the config that ',' does");
  CHECK(Table("sep=x,b\n1,2\n").rows()[0] == std::vector<std::string>{"sep=x", "b"});
}

TEST_CASE("UTF-16 is read behind its mark, and named as what it is without one") {
  const std::string text = "na\xC3\xAFve,b\n\xF0\x9F\x98\x80,2\n";
  const Rows rows = {{"na\xC3\xAFve", "b"}, {"\xF0\x9F\x98\x80", "2"}};
  const std::u16string wide = u"na\u00EFve,b\n\U0001F600,2\n";
  for (const bool little : {true, false}) {
    std::string bytes;
    for (const char16_t unit : u"\uFEFF" + wide) {
      const char low = static_cast<char>(unit & 0xFF), high = static_cast<char>(unit >> 8);
      bytes += little ? low : high;
      bytes += little ? high : low;
    }
    CHECK(Table(bytes).rows() == rows);
    CHECK(Table(bytes.substr(2)).message() ==
          ": is UTF-16 without a byte order mark, expected UTF-8");
    CHECK(Table(bytes.substr(0, bytes.size() - 1)).message().find("ends with half a character") !=
          std::string::npos);
  }
  CHECK(Table(std::string("\xFF\xFE\x00\xD8 \0", 6)).message() ==
        ": byte 2: this is not UTF-16, as the file's first bytes say");
  CHECK(Table(std::string("\xFF\xFE\0\0a\0\0\0", 8)).message() == ": is UTF-32, expected UTF-8");
}

TEST_CASE("rows of another length are counted, or a quote that reaches too far is named") {
  const auto hint = [](const std::string& text) -> std::string {
    const Table table(text);
    try {
      table.rows();
    } catch (const UserError& error) {
      return error.diagnostics()[0].hint;
    }
    return "nothing was thrown";
  };
  CHECK(hint("a,b\n1,2\n1\n1,2\n1,2,3\n4\n") ==
        "from here on there are 2 rows of 1 field, 1 row of 2 fields, 1 row of 3 fields");
  CHECK(hint("a,b\n1,2\n\"3,4\n5,6\n7,8\"\n") ==
        "a field in quotes goes on to line 5: where that is no quote, quote: none, in the source, "
        "takes quotes as text");
}

TEST_CASE("columns are found by name, rows know their line, and the table can be read again") {
  const Table table("id,\"long\nname\",price\n1,a,2\n\n2,\"b\nb\",3\n3,c,4\n");
  CsvFile file(table.path);
  CHECK(file.find("price") == 2);
  CHECK(file.find("Price") == std::nullopt);
  CHECK(file.index_of("long\nname") == 1);
  CHECK_THROWS_WITH_AS(
      file.index_of("prise"),
      ("error: " + table.path +
       ": there is no column 'prise'; did you mean 'price'?\n  hint: its columns: price, id, "
       "long\\x0aname")
          .c_str(),
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
      {"a,b\n1, \"3\"\n", ":2:4: a quote behind a blank; a field in quotes begins with its quote"},
      {"a,b\n\"1\" ,2\n",
       ":2:4: ' ' after a field's closing quote, expected ',' or the end of "
       "the line"},
      {"a,b\n\"1\"\xC3\xA4,2\n", ":2:4: '\xC3\xA4' after a field's closing quote"},
      {"a,b\n1\r,2\n", ":2:2: a carriage return without a line feed"},
      {"a,b\n1,\xE4\n", ":2:3: this byte is no UTF-8"},
      {std::string("a,b\n1,\0\n", 8), ":2:3: a zero byte: this is no text"},
      {"a,b\n1,\"p\nq\"x\n",
       ":3:3: 'x' after a field's closing quote that was opened in line 2, expected ','"},
      {"a,b, a\n1,2,3\n", ":1:5: columns 1 and 3 are both called 'a'"},
      {std::string(65536, ',') + "\n", ":1:1: more than 65536 columns"},
  };
  for (const auto& row : cases) {
    CAPTURE(row.first.substr(0, 40));
    CHECK(Table(row.first).message().substr(0, row.second.size()) == row.second);
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
  CHECK(hint("size", ',') == "its columns: size");
}

}  // namespace dl
