#include <doctest/doctest.h>

#include <filesystem>

#include "core/error.h"
#include "tests/support/texts.h"

// Texts and tables that are no good: each with the whole message, the place in it.
namespace dl {
namespace {

using test::TempFolder;
using Params = test::SourceParams;

struct Case {
  std::string what;
  std::string type;
  Params params;        // @: the folder
  std::string file;     // written as bad.txt or bad.csv
  std::string message;  // without "error: " and the folder
};

const Params kStream = {{"path", "@/bad.txt"}, {"length", "2"}};
const Params kWords = {{"path", "@/bad.txt"}, {"length", "2"}, {"unit", "word"}};
const Params kTable = {{"train", "@/bad.csv"}, {"length", "3"}, {"unit", "word"}};
const Params kKnown = {
    {"train", "@/bad.csv"}, {"length", "3"}, {"unit", "word"}, {"classes", "[good, bad]"}};
const Params kFolder = {{"path", "@"}, {"length", "3"}, {"unit", "word"}};

constexpr const char* kNotUtf8 =
    " is not UTF-8 here\n  hint: convert the text to UTF-8; unit: byte, in the source, takes any "
    "bytes";

std::vector<Case> cases() {
  return {
      {"a Latin-1 letter", "text", kStream,
       "abc\nd\xE9"
       "f\n",
       "bad.txt:2:2: the byte 0xe9" + std::string(kNotUtf8)},
      {"a character cut short", "text", kStream, "abc\n\xE2\x82",
       "bad.txt:2:1: the byte 0xe2" + std::string(kNotUtf8)},
      {"an overlong character", "text", kStream, "a\xC0\xAF",
       "bad.txt:1:2: the byte 0xc0" + std::string(kNotUtf8)},
      {"half of a surrogate pair", "text", kStream, "\xED\xA0\x80",
       "bad.txt:1:1: the byte 0xed" + std::string(kNotUtf8)},
      {"UTF-16", "text", kStream,
       std::string("\xFF\xFE"
                   "a",
                   3),
       "bad.txt: byte 2: the text, UTF-16, ends with half a character"},
      {"a word that is not UTF-8", "text", kWords,
       "one two\n  thr\x80"
       "ee\n",
       "bad.txt:2:6: the byte 0x80" + std::string(kNotUtf8)},
      {"nothing", "text", kStream, "",
       "bad.txt (train): has 0 tokens (characters), fewer than a sample of 2 and the one that "
       "follows it\n  hint: a smaller length, in the source, needs less"},
      {"only white space", "text", kWords, " \t ",
       "bad.txt (train): has 1 tokens (words), fewer than a sample of 2 and the one that follows "
       "it\n  hint: a smaller length, in the source, needs less"},
      {"a character that the vocabulary lacks",
       "text",
       {{"path", "@/bad.txt"}, {"length", "2"}, {"vocabulary", "[a, b]"}},
       "\xEF\xBB\xBF"
       "ab\t",
       "bad.txt:1:3: the character ' ' (U+0009) is not in the vocabulary\n  hint: the "
       "vocabulary is that of train; unknown: token, in the source, takes such characters for "
       "<unk>"},
      {"a gzip file cut short", "text", kStream, std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03K", 11),
       "bad.txt: unpacked byte 0: damaged gzip data (unexpected end of file)"},
      {"no header", "labelled_text", kTable, "", "bad.csv: is empty, expected a table"},
      {"no column of texts", "labelled_text", kTable, "texts,label\nx,a\n",
       "bad.csv: there is no column 'text'; did you mean 'texts'?\n  hint: its columns: texts, "
       "label"},
      {"no row", "labelled_text", kTable, "text,label\n", "bad.csv: holds no text"},
      {"a row that is short", "labelled_text", kTable, "text,label\nx,a\n\ny\n",
       "bad.csv:4:1: this row has 1 field, expected 2 as in the first row\n  hint: from here on "
       "there are 1 "
       "row of 1 field"},
      {"a text without words", "labelled_text", kTable, "text,label\nx,a\n  ,a\n",
       "bad.csv:3:1: column 'text': there is no word in this text"},
      {"no class", "labelled_text", kTable, "text,label\nx,a\nx,\n",
       "bad.csv:3:3: column 'label': is empty, expected a class"},
      {"a class that is none", "labelled_text", kKnown, "text,label\nx,bad\nx,goood\n",
       "bad.csv:3:3: column 'label': 'goood' is none of the classes, good, bad; did you mean "
       "'good'?"},
      {"a quote that is never closed", "labelled_text", kTable, "text,label\n\"x,a\ny,b\n",
       "bad.csv:2:1: this quote is never closed\n  hint: quote: none, in the source, takes "
       "quotes as text"},
      {"a file without words in a folder", "labelled_text", kFolder, "\n",
       "train/a/bad.txt:1:1: there is no word in this text"},
      {"a file in a folder that is not UTF-8", "labelled_text", kFolder, "one\ntwo \xFF",
       "train/a/bad.txt:2:5: the byte 0xff" + std::string(kNotUtf8)},
  };
}

std::string in_folder(std::string text, const TempFolder& folder) {
  if (text.starts_with('@')) text.replace(0, 1, folder.path());
  return text;
}

}  // namespace

TEST_CASE("malformed texts and tables are refused with their place and exit code 4") {
  CHECK(cases().size() >= 15);
  for (const Case& one : cases()) {
    CAPTURE(one.what);
    const TempFolder folder;
    Params params = one.params;
    for (auto& [key, value] : params) value = in_folder(value, folder);
    const std::string path = params[0].second;
    test::write_text(path == folder.path() ? folder / "train/a/bad.txt" : path, one.file);
    const std::string found = test::user_error([&] {
      auto source = make_data_source(test::typed(one.type, params));
      source->open(Split::train, {});
    });
    CHECK(found == "error: " + folder.path() + "/" + one.message);
    // Looking for the vocabulary beforehand says the same, or leaves it to opening.
    const std::string looking = test::user_error([&] { test::looked_up(one.type, params); });
    CHECK((looking == found || looking == "nothing was thrown"));
  }
}

}  // namespace dl
