#include <doctest/doctest.h>

#include <filesystem>

#include "core/error.h"
#include "datasets/labels.h"
#include "tests/support/texts.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::looked_up;
using test::read_integers;
using test::typed;
using test::user_error;
using Params = test::SourceParams;
using Texts = std::vector<std::string>;
using Sample = std::vector<std::vector<std::int32_t>>;  // tokens, length, label

Params with(Params params, const Params& more) {
  params.insert(params.end(), more.begin(), more.end());
  return params;
}

/// train/ and test/ with good and bad reviews.
struct Folders {
  Folders() {
    write("train/good/2.txt", "Very good\n\nfilm");
    write("train/good/10.txt", "good");
    write("train/bad/a/x.TXT", "bad bad film with no end");
    write("train/bad/notes.md", "left out");
    write("train/bad/.hidden.txt", "left out");
    write("test/good/1.txt", "a good film");
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_text(folder / name, text);
  }
  std::unique_ptr<DataSource> source(const Params& more = {}) const {
    return looked_up("labelled_text",
                     with({{"path", folder.path()}, {"unit", "word"}, {"length", "4"}}, more));
  }
  std::string opening(const Params& more = {}, Split split = Split::train) const {
    return user_error([&] { source(more)->open(split, {}); });
  }

  test::TempFolder folder;
};

/// Puts the folders of the splits under other names.
struct OtherNames : Folders {
  OtherNames() {
    fs::rename(folder / "train", folder / "TRAIN");
    fs::rename(folder / "test", folder / "validation");
    write("loose.txt", "not read");
    write("neutral/1.txt", "not read");
  }
};

struct Table {
  explicit Table(const std::string& train, const std::string& test = "") {
    test::write_text(folder / "train.csv", train);
    if (!test.empty()) test::write_text(folder / "test.csv", test);
  }
  Params params(const Params& more = {}) const {
    Params all = {{"train", folder / "train.csv"}, {"unit", "word"}, {"length", "4"}};
    if (fs::exists(folder / "test.csv")) all.emplace_back("test", folder / "test.csv");
    return with(all, more);
  }
  std::unique_ptr<DataSource> source(const Params& more = {}) const {
    return looked_up("labelled_text", params(more));
  }

  test::TempFolder folder;
};

std::string making(const Params& params) {
  return user_error([&] { make_data_source(typed("labelled_text", params)); }, ExitCode::config);
}

}  // namespace

TEST_CASE("folders of splits may have other names, and what is not read beside them is told") {
  const OtherNames names;
  const auto source = names.source();
  CHECK(source->spec().class_names == Texts{"bad", "good"});
  CHECK(source->open(Split::valid, {})->size() == 1);
  REQUIRE(source->notes().size() == 2);
  CHECK(source->notes()[0].starts_with(names.folder.path() + ": neutral/ is not read"));
  CHECK(source->notes()[1] == names.folder.path() +
                                  ": 1 text is in no class's folder and not read (first "
                                  "loose.txt)");
}

TEST_CASE("texts in folders have their words, their length and their class") {
  const Folders folders;
  const auto source = folders.source();
  const DataSpec& spec = source->spec();
  CHECK(spec.class_names == Texts{"bad", "good"});
  CHECK(spec.classes == 2);
  // By falling count, then by bytes: bad, film and good stand there twice.
  CHECK(spec.tokens == Texts{"<pad>", "<unk>", "bad", "film", "good", "Very", "end", "no", "with"});
  CHECK(spec.vocabulary == 9);
  CHECK(spec.order == SampleOrder::any);
  CHECK(spec.inputs[0].name == "tokens");
  CHECK(spec.inputs[1].name == "length");
  CHECK(spec.inputs[1].shape.empty());
  CHECK(spec.targets[0].name == "label");

  const auto train = source->open(Split::train, {});
  REQUIRE(train->size() == 3);
  CHECK(train->sample_name(0) == folders.folder / "train/bad/a/x.TXT");
  CHECK(read_integers(*train, 0) == Sample{{2, 2, 3, 8}, {4}, {0}});  // cut
  CHECK(read_integers(*train, 1) == Sample{{4, 0, 0, 0}, {1}, {1}});
  CHECK(read_integers(*train, 2) == Sample{{5, 4, 3, 0}, {3}, {1}});
  CHECK(train->notes() ==
        Texts{(folders.folder / "train") +
                  ": 2 of 5 files are not read: 1 .md, 1 hidden; texts are the files that end in "
                  ".txt",
              (folders.folder / "train") + ": 1 of 3 texts are cut after 4 tokens (length)"});
  CHECK(source->has(Split::test));
  CHECK_FALSE(source->has(Split::valid));
  const auto test = source->open(Split::test, {});
  CHECK(read_integers(*test, 0) == Sample{{1, 4, 3, 0}, {3}, {1}});
  CHECK(test->notes() == Texts{(folders.folder / "test") +
                               ": 1 of 3 words are not in the vocabulary and are read as <unk>"});
  CHECK(RunData(*source, {}, 1, 1).open(Split::valid).samples.size() == 1);  // none is a stream
  CHECK(has_labels(spec));
}

TEST_CASE("characters and bytes have <pad> and <unk> in front too") {
  const Folders folders;
  folders.write("test/good/1.txt",
                "\xC3\xA9"
                "a");
  const auto characters =
      looked_up("labelled_text", {{"path", folders.folder.path()}, {"length", "4"}});
  CHECK(characters->spec().tokens[2] == "\n");
  const auto test = characters->open(Split::test, {});
  const Sample sample = read_integers(*test, 0);
  CHECK(sample[0][0] == 1);
  CHECK(characters->spec().tokens[sample[0][1]] == "a");
  CHECK(sample[1][0] == 2);
  const auto bytes = make_data_source(
      typed("labelled_text", {{"path", folders.folder.path()}, {"unit", "byte"}, {"length", "4"}}));
  CHECK(bytes->spec().vocabulary == 258);  // without looking
  CHECK_FALSE(bytes->spec().classes);
  CHECK(read_integers(*bytes->open(Split::test, {}), 0) ==
        Sample{{2 + 0xC3, 2 + 0xA9, 2 + 'a', 0}, {3}, {1}});
}

TEST_CASE("texts in a table have their words, their length and their class") {
  const Table table(
      "id,label,text\n1,pos,\"a good, \"\"good\"\"\nfilm\"\n2, neg ,bad\n3,pos,good\n",
      "text,label\nthe good film,pos\n");
  const auto source = table.source();
  CHECK(source->spec().class_names == Texts{"neg", "pos"});
  CHECK(source->spec().tokens ==
        Texts{"<pad>", "<unk>", "\"good\"", "a", "bad", "film", "good", "good,"});
  const auto train = source->open(Split::train, {});
  REQUIRE(train->size() == 3);
  CHECK(read_integers(*train, 0) == Sample{{3, 7, 2, 5}, {4}, {1}});
  CHECK(read_integers(*train, 1) == Sample{{4, 0, 0, 0}, {1}, {0}});
  CHECK(train->sample_name(2) == (table.folder / "train.csv") + ":5");
  CHECK(read_integers(*source->open(Split::test, {}), 0) == Sample{{1, 6, 5, 0}, {3}, {1}});
  CHECK_FALSE(source->has(Split::valid));
  const Table other("what;class\nx y;1\nz;0\n");
  const auto named =
      other.source({{"text_column", "what"}, {"label_column", "class"}, {"separator", ";"}});
  CHECK(read_integers(*named->open(Split::train, {}), 0)[2][0] == 1);
}

TEST_CASE("a source completes its entry with classes and vocabulary, and needs no train then") {
  const Folders folders;
  const auto source = folders.source();
  ConfigNode params = ConfigNode::map({}, {});
  source->complete(params);
  CHECK(params.entries().size() == 2);
  CHECK(params.find("classes")->items()[1].text() == "good");
  CHECK(params.find("vocabulary")->items().size() == 9);
  fs::remove_all(folders.folder / "train");
  const auto again =
      folders.source({{"classes", "[bad, good]"}, {"vocabulary", "[<pad>, <unk>, film, good]"}});
  CHECK(read_integers(*again->open(Split::test, {}), 0) == Sample{{1, 3, 2, 0}, {3}, {1}});
}

TEST_CASE("folders and files that are not as they should be are refused by name") {
  const Folders folders;
  const std::string train = folders.folder / "train";
  CHECK(folders.opening({{"classes", "[bad, good, so_so]"}}) ==
        "error: " + train + ": there is no folder for the class 'so_so'");
  CHECK(folders.opening({}, Split::valid) ==
        "error: " + folders.folder.path() + ": there is no folder valid/");
  fs::create_directories(train + "/empty");
  test::write_text(train + "/empty/a.md", "");
  CHECK(folders.opening().starts_with(
      "error: " + train + "/empty: holds no text (.txt), but 1 .md\n  hint: allow_empty: true"));
  CHECK(folders.source({{"allow_empty", "true"}})->spec().class_names ==
        Texts{"bad", "empty", "good"});
  CHECK(folders.source({{"ignore", "[empty]"}})->spec().class_names == Texts{"bad", "good"});
  CHECK(folders.opening({{"classes", "[bad, good]"}}).find("'empty' is none of the classes") !=
        std::string::npos);
  const test::TempFolder nothing;
  CHECK(user_error([&] {
          looked_up("labelled_text", {{"path", nothing.path()}, {"length", "4"}});
        }) ==
        "error: " + nothing.path() + ": holds no folders: each class needs one with its texts");
  CHECK(user_error([&] {
          looked_up("labelled_text", {{"path", "/nowhere"}, {"length", "4"}});
        }).starts_with("error: /nowhere: there is no such folder\n  hint: it holds train/"));
}

TEST_CASE("the fingerprint changes with any token, length and label") {
  const auto print = [](const std::string& rows) {
    return Table("text,label\nq,a\nq,b\nr,a\n" + rows)
        .source()
        ->open(Split::train, {})
        ->fingerprint();
  };
  CHECK(print("q q,a\n") == print("q q,a\n"));
  CHECK(print("q q,a\n").starts_with("4 texts, crc32 "));
  CHECK(print("q q,a\n") != print("q r,a\n"));
  CHECK(print("q q,a\n") != print("q q,b\n"));
  CHECK(print("q q,a\nr,b\n") != print("q,a\nq r,b\n"));
}

TEST_CASE("parameters of labelled texts that make no sense are refused where they stand") {
  CHECK(making({{"length", "4"}}) == "error: missing key 'path' or 'train' (string)");
  CHECK(making({{"path", "x"}}) == "error: missing key 'length' (int)");
  CHECK(making({{"path", "x"}, {"train", "y"}, {"length", "4"}}) ==
        "error: path and train: give one of them");
  CHECK(making({{"path", "x"}, {"test", "y"}, {"length", "4"}}) ==
        "error: test: only for CSV files, beside train");
  CHECK(making({{"path", "x"}, {"text_column", "y"}, {"length", "4"}}) ==
        "error: text_column: only for CSV files, beside train");
  CHECK(making({{"train", "x"}, {"separator", "ab"}, {"length", "4"}})
            .starts_with("error: separator: expected one character"));
  CHECK(making({{"path", "x"}, {"length", "4"}, {"classes", "[a, b/c]"}}) ==
        "error: classes: 'b/c' is no name of a folder");
  CHECK(making({{"train", "x"}, {"length", "4"}, {"classes", "[a, b/c]"}}) == "nothing was thrown");
  CHECK(making({{"train", "x"}, {"length", "4"}, {"classes", "[a, a]"}}) ==
        "error: classes: 'a' stands here twice");
  CHECK(making({{"path", "x"}, {"length", "4"}, {"vocabulary", "[<unk>, <pad>, a]"}}) ==
        "error: vocabulary: must begin with <pad> and <unk>");
  CHECK(making({{"path", "x"}, {"length", "4"}, {"min_count", "2"}}) ==
        "error: min_count: only for unit: word");
}

}  // namespace dl
