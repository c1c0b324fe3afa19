#include <doctest/doctest.h>

#include "core/error.h"
#include "datasets/splits.h"
#include "datasets/text/tokenizer.h"
#include "datasets/text/vocabulary.h"
#include "datasets/text_file.h"
#include "tests/support/texts.h"

namespace dl {
namespace {

using test::looked_up;
using test::typed;
using Params = test::SourceParams;
using Tokens = std::vector<std::string>;
using Numbers = std::vector<std::int32_t>;

/// A folder with texts, of which t.txt is the one that sources read unless they say train.
struct Place {
  Place() = default;
  explicit Place(const std::string& text) { write("t.txt", text); }
  void write(const std::string& name, const std::string& text) const {
    test::write_text(folder / name, text);
  }
  std::unique_ptr<DataSource> source(Params params) const {
    if (params.empty() || params[0].first != "train")
      params.insert(params.begin(), {"path", folder / "t.txt"});
    return looked_up("text", params);
  }

  test::TempFolder folder;
};

struct Window {
  Numbers tokens, next;
};

Window read_window(const Dataset& data, std::size_t index) {
  const auto fields = test::read_integers(data, index);
  return {fields[0], fields[1]};
}

/// The tokens of all windows and the last next one: what the data set is a stream of.
Tokens stream_of(const Dataset& data) {
  Tokens stream;
  Window window;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Numbers before = window.next;
    window = read_window(data, i);
    if (i > 0) CHECK(window.tokens[0] == before.back());
    for (std::size_t k = 0; k + 1 < window.tokens.size(); ++k)
      CHECK(window.next[k] == window.tokens[k + 1]);
    for (const std::int32_t token : window.tokens) stream.push_back(data.spec().tokens[token]);
  }
  stream.push_back(data.spec().tokens[window.next.back()]);
  return stream;
}

/// Tokens of one byte each as a text.
std::string text_of(const Dataset& data) { return join(stream_of(data), ""); }

std::string message_of(const std::function<void()>& act) { return test::user_error(act); }

/// What making a source says.
std::string making(const Params& params) {
  return test::user_error([&] { make_data_source(typed("text", params)); }, ExitCode::config);
}

}  // namespace

TEST_CASE(
    "characters are numbered by their code points, and samples are windows and what follows") {
  const Place place("ba\nab ecd\xC3\xA9 a");  // é is the last code point
  const auto source = place.source({{"length", "3"}});
  const DataSpec& spec = source->spec();
  CHECK(spec.tokens == Tokens{"\n", " ", "a", "b", "c", "d", "e", "\xC3\xA9"});
  CHECK(spec.vocabulary == 8);
  CHECK_FALSE(spec.classes);
  CHECK(spec.order == SampleOrder::stream);
  CHECK(spec.token_rule->unit == TokenUnit::character);
  CHECK(spec.inputs[0].name == "tokens");
  CHECK(spec.targets[0].name == "next");
  CHECK(spec.inputs[0].shape == std::vector<std::int64_t>{3});
  CHECK(spec.targets[0].type == DataType::s32);

  const auto data = source->open(Split::train, {});
  REQUIRE(data->size() == 3);  // of 12 characters; the tenth is only told
  CHECK(read_window(*data, 0).tokens == Numbers{3, 2, 0});
  CHECK(read_window(*data, 0).next == Numbers{2, 0, 2});
  CHECK(read_window(*data, 2).tokens == Numbers{6, 4, 5});
  CHECK(read_window(*data, 2).next == Numbers{4, 5, 7});
  CHECK(data->sample_name(2) == (place.folder / "t.txt") + " (train): tokens 6 to 8");
  CHECK_FALSE(source->has(Split::valid));
  CHECK_FALSE(source->has(Split::test));
}

TEST_CASE("the splits of one file are stretches, cut as text[:int(0.9 * n)] is") {
  std::string text;
  for (int i = 0; i < 154; ++i) text += static_cast<char>('a' + i % 7);
  const Place place(text);
  const auto source = place.source({{"length", "1"}, {"valid", "0.1"}});
  CHECK(text_of(*source->open(Split::train, {})) == text.substr(0, 138));  // 138.6
  CHECK(text_of(*source->open(Split::valid, {})) == text.substr(138));
  const auto three = place.source({{"length", "1"}, {"valid", "0.25"}, {"test", "0.5"}});
  CHECK(text_of(*three->open(Split::train, {})) == text.substr(0, 38));
  CHECK(text_of(*three->open(Split::valid, {})) == text.substr(38, 39));
  CHECK(text_of(*three->open(Split::test, {})) == text.substr(77));
  // 1 - 0.05 - 0.05 is a little less than 0.9.
  const Place hundred(std::string(100, 'a'));
  const auto even = hundred.source({{"length", "1"}, {"valid", "0.05"}, {"test", "0.05"}});
  CHECK(text_of(*even->open(Split::train, {})).size() == 90);
}

TEST_CASE("a file for each split, and gzip, and a byte order mark") {
  const Place place;
  place.write("a.txt", "\xEF\xBB\xBFhello world");
  const std::string later = "low hole";
  test::write_gzip(place.folder / "b.gz", test::Bytes(later.begin(), later.end()));
  const auto source = place.source(
      {{"train", place.folder / "a.txt"}, {"test", place.folder / "b.gz"}, {"length", "1"}});
  CHECK(text_of(*source->open(Split::train, {})) == "hello world");
  CHECK(source->has(Split::test));
  CHECK_FALSE(source->has(Split::valid));
  CHECK(text_of(*source->open(Split::test, {})) == later);
  const auto bytes =
      place.source({{"train", place.folder / "a.txt"}, {"length", "1"}, {"unit", "byte"}});
  CHECK(text_of(*bytes->open(Split::train, {})) == "\xEF\xBB\xBFhello world");
}

TEST_CASE("bytes have a vocabulary of 256, whatever the file holds") {
  std::string text;
  for (int i = 255; i >= 0; --i) text += static_cast<char>(i);
  const Place place(text);
  const auto source = make_data_source(
      typed("text", {{"path", place.folder / "t.txt"}, {"unit", "byte"}, {"length", "255"}}));
  CHECK(source->spec().vocabulary == 256);  // without looking
  CHECK(source->spec().tokens[65] == "A");
  const Window window = read_window(*source->open(Split::train, {}), 0);
  for (int i = 0; i < 255; ++i) CHECK(window.tokens[static_cast<std::size_t>(i)] == 255 - i);
  CHECK(window.next.back() == 0);
  ConfigNode params = ConfigNode::map({}, {});
  source->complete(params);
  CHECK(params.entries().empty());
}

TEST_CASE("words are cut at white space, lines end, and the rare ones are unknown") {
  const Place place("the cat sat\n  on the\tmat \n\nthe Cat\n");
  const auto all = place.source({{"unit", "word"}, {"length", "1"}});
  CHECK(all->spec().tokens == Tokens{"<unk>", "<eos>", "the", "Cat", "cat", "mat", "on", "sat"});
  CHECK(stream_of(*all->open(Split::train, {})) == Tokens{"the", "cat", "sat", "<eos>", "on", "the",
                                                          "mat", "<eos>", "<eos>", "the", "Cat",
                                                          "<eos>"});
  const auto small =
      place.source({{"unit", "word"}, {"length", "1"}, {"lowercase", "true"}, {"min_count", "2"}});
  CHECK(small->spec().tokens == Tokens{"<unk>", "<eos>", "the", "cat"});
  CHECK(stream_of(*small->open(Split::train, {})) == Tokens{"the", "cat", "<unk>", "<eos>", "<unk>",
                                                            "the", "<unk>", "<eos>", "<eos>", "the",
                                                            "cat", "<eos>"});
  const auto most =
      place.source({{"unit", "word"}, {"length", "1"}, {"eos", "false"}, {"max_vocabulary", "3"}});
  CHECK(most->spec().tokens == Tokens{"<unk>", "the", "Cat"});
}

TEST_CASE("a last line without its end has one, and <unk> in a text is the unknown word") {
  const Place place("a <unk> b\na <unk> <unk>");
  const auto source = place.source({{"unit", "word"}, {"length", "1"}});
  CHECK(source->spec().tokens == Tokens{"<unk>", "<eos>", "a", "b"});
  CHECK(stream_of(*source->open(Split::train, {})) ==
        Tokens{"a", "<unk>", "b", "<eos>", "a", "<unk>", "<unk>", "<eos>"});
}

TEST_CASE("the vocabulary is that of train alone") {
  const Place place("aabbccx\nyz");
  const Params halves = {{"length", "1"}, {"valid", "0.5"}};
  const auto source = place.source(halves);
  CHECK(source->spec().tokens == Tokens{"a", "b", "c"});
  CHECK(source->open(Split::train, {})->size() == 4);
  CHECK(message_of([&] { source->open(Split::valid, {}); }) ==
        "error: " + (place.folder / "t.txt") +
            ":1:7: the character 'x' (U+0078) is not in the vocabulary\n  hint: the vocabulary is "
            "that of train; unknown: token, in the source, takes such characters for <unk>");
  Params lenient = halves;
  lenient.emplace_back("unknown", "token");
  const auto with = place.source(lenient);
  CHECK(with->spec().tokens == Tokens{"<unk>", "a", "b", "c"});
  CHECK(stream_of(*with->open(Split::valid, {})) ==
        Tokens{"c", "<unk>", "<unk>", "<unk>", "<unk>"});
  const auto words = place.source({{"unit", "word"}, {"length", "1"}, {"valid", "0.5"}});
  CHECK(stream_of(*words->open(Split::valid, {})) == Tokens{"<unk>", "<eos>"});
}

TEST_CASE("a vocabulary that stands in the config is used as it is, without looking at train") {
  const Place place("abba");
  const auto source = make_data_source(typed(
      "text", {{"path", place.folder / "t.txt"}, {"vocabulary", "[b, x, a]"}, {"length", "3"}}));
  CHECK(source->spec().vocabulary == 3);
  CHECK(read_window(*source->open(Split::train, {}), 0).tokens == Numbers{2, 0, 0});
  const auto words = make_data_source(
      typed("text",
            {{"path", place.folder / "t.txt"}, {"unit", "word"}, {"vocabulary", "[<eos>, baab]"}}));
  CHECK(message_of([&] { words->open(Split::train, {}); }) ==
        "error: " + (place.folder / "t.txt") +
            ":1:1: the word 'abba' is not in the vocabulary\n  hint: <unk> in the vocabulary would "
            "stand for such words");
}

TEST_CASE("a source completes its entry with the vocabulary, which makes the same source again") {
  const Place place("a 1 a b: true\n");
  const auto source = place.source({{"unit", "word"}, {"length", "1"}});
  ConfigNode params = ConfigNode::map({}, {});
  source->complete(params);
  REQUIRE(params.find("vocabulary"));
  Tokens kept;
  for (const ConfigNode& token : params.find("vocabulary")->items()) {
    CHECK(token.quoted());
    kept.push_back(token.text());
  }
  CHECK(kept == source->spec().tokens);
  source->complete(params);
  CHECK(params.entries().size() == 1);
  ConfigNode none = ConfigNode::map({}, {});
  make_data_source(typed("text", {{"path", "/nowhere"}}))->complete(none);
  CHECK(none.entries().empty());
}

TEST_CASE("what was not there when the config was read is found when data is opened") {
  const Place place("abcab");
  const auto source =
      make_data_source(typed("text", {{"path", place.folder / "t.txt"}, {"length", "2"}}));
  CHECK_FALSE(source->spec().vocabulary);
  CHECK(source->open(Split::train, {})->spec().vocabulary == 3);
}

TEST_CASE("more than 256 tokens are held in two bytes each") {
  std::string text;
  for (unsigned code = 0x100; code < 0x400; ++code) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
  const Place place(text);
  const auto source = place.source({{"length", "767"}});
  CHECK(source->spec().vocabulary == 768);
  const Window window = read_window(*source->open(Split::train, {}), 0);
  for (std::int32_t i = 0; i < 767; ++i) CHECK(window.next[static_cast<std::size_t>(i)] == i + 1);
}

TEST_CASE("the fingerprint changes with any token of train, and with nothing else") {
  const auto print = [](const std::string& text) {
    return Place(text)
        .source({{"length", "1"}, {"valid", "0.5"}})
        ->open(Split::train, {})
        ->fingerprint();
  };
  CHECK(print("abcabc") == "3 tokens, crc32 0854897f");
  CHECK(print("abccba") == print("abcabc"));
  CHECK(print("acbabc") != print("abcabc"));
}

TEST_CASE("texts can be encoded as the data are, for prompts") {
  const Place place("One two\nthree two\n");
  const auto source = place.source({{"unit", "word"}, {"lowercase", "true"}});
  const Vocabulary vocabulary(source->spec());
  CHECK(vocabulary.encode("TWO four one") == Numbers{2, 0, 3, 1});
  CHECK(vocabulary.encode("").empty());
  const Vocabulary characters(place.source({})->spec());
  CHECK_THROWS_WITH_AS(characters.encode("two, one"),
                       "the character ',' (U+002C) is not in the vocabulary", TextError);
}

TEST_CASE("parameters of a text that make no sense are refused where they stand") {
  CHECK(making({}) == "error: missing key 'path' or 'train' (string)");
  CHECK(making({{"path", "x"}, {"train", "y"}}) == "error: path and train: give one of them");
  CHECK(making({{"path", "x"}, {"valid", "y.txt"}}) ==
        "error: valid: expected a share of path, found 'y.txt'; files stand beside train");
  CHECK(making({{"train", "x"}, {"test", "0.1"}}) ==
        "error: test: expected a file beside train, found a share, which is of path");
  CHECK(making({{"path", "x"}, {"valid", "1"}}) ==
        "error: valid: is 1, must be at least 0 and below 1");
  CHECK(making({{"path", "x"}, {"valid", "0.5"}, {"test", "0.5"}}) ==
        "error: valid and test leave nothing for train");
  CHECK(making({{"path", "x"}, {"length", "0"}}) ==
        "error: length: is 0, must be at least 1 and at most 1048576");
  for (const char* key : {"min_count", "max_vocabulary"})
    CHECK(making({{"path", "x"}, {key, "9"}}) ==
          std::string("error: ") + key + ": only for unit: word");
  for (const char* key : {"lowercase", "eos"})
    CHECK(making({{"path", "x"}, {"unit", "byte"}, {key, "true"}}) ==
          std::string("error: ") + key + ": only for unit: word");
  CHECK(making({{"path", "x"}, {"unit", "word"}, {"unknown", "token"}}) ==
        "error: unknown: only for unit: char");
  CHECK(making({{"path", "x"}, {"unit", "words"}}).find("did you mean 'word'?") !=
        std::string::npos);
}

TEST_CASE("a vocabulary that cannot be one is refused where it stands") {
  const auto of = [](const std::string& unit, const std::string& list) {
    return making({{"path", "x"}, {"unit", unit}, {"vocabulary", list}});
  };
  CHECK(of("char", "[a, bc]") == "error: vocabulary: 'bc' is not one character");
  CHECK(of("char", "[a, b, a]") == "error: vocabulary: 'a' stands here twice");
  CHECK(of("word", "[<eos>, a b]") == "error: vocabulary: 'a b' is not one word");
  CHECK(of("word", "[<unk>, a]") ==
        "error: vocabulary: lacks <eos>, the end of a line; or write eos: false");
  CHECK(of("byte", "[a]") == "error: vocabulary: with unit: byte it is that of all 256 bytes");
  CHECK(making({{"path", "x"}, {"unknown", "token"}, {"vocabulary", "[a]"}}) ==
        "error: vocabulary: lacks <unk>, which unknown: token stands for");
  CHECK(making({{"path", "x"}, {"unknown", "token"}, {"vocabulary", "[a, <unk>]"}}) ==
        "nothing was thrown");
}

TEST_CASE("a vocabulary has its limits, and says what helps") {
  std::string words;
  for (int i = 0; i < 50'001; ++i) words += "w" + std::to_string(i) + " ";
  const Place many(words);
  const std::string path = many.folder / "t.txt";
  const auto looking = [](const Place& place, const Params& params) {
    return message_of([&] { place.source(params); });
  };
  CHECK(looking(many, {{"unit", "word"}}) ==
        "error: " + path +
            ": holds 50002 different words, more than the 50000 that a vocabulary may have\n  "
            "hint: max_vocabulary or min_count, in the source, take the rare ones for <unk>");
  CHECK(looking(many, {{"unit", "word"}, {"max_vocabulary", "50000"}}) == "nothing was thrown");
  CHECK(making({{"path", "x"}, {"unit", "word"}, {"max_vocabulary", "50001"}}) ==
        "error: max_vocabulary: is 50001, must be at least 3 and at most 50000");
  const Place huge(std::string(16'000'001, 'x'));
  CHECK(looking(huge, {{"unit", "word"}}).find("come to 16000006 bytes, more than the 16000000") !=
        std::string::npos);
}

TEST_CASE("the samples of a stream cannot be held out by chance") {
  const Place place("abcdefgh");
  const auto source = place.source({{"length", "2"}, {"valid", "0.5"}});
  CHECK_THROWS_AS(RunData(*source, {}, 1, 1), UserError);
}

}  // namespace dl
