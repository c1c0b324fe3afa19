#include <doctest/doctest.h>

#include "engine/onnx/preprocessing.h"

// Names of classes in the metadata of a model, whoever wrote them.
namespace dl {
namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("names of classes come back as they were written, whatever is in them") {
  for (const Names& names :
       {Names{"cat", "dog"}, Names{"a\"b", "c'd", "e\\f"}, Names{"t\xc3\xa9", "\xe2\x82\xac"},
        Names{"new\nline", "tab\t", std::string("nul\0", 4)}, Names{"{0: x}", ", 1:", ""}}) {
    CAPTURE(class_names_text(names));
    CHECK(read_class_names(class_names_text(names)) == names);
  }
  CHECK(class_names_text({"cat", "a \"dog\""}) == R"({0: "cat", 1: "a \"dog\""})");
  CHECK(class_names_text({"\xff"}) == R"({0: "\xff"})");  // no UTF-8
}

TEST_CASE("names of classes are read as Python and JSON print them") {
  const Names wanted = {"cat", "it's", "d\xc3\xb6g"};
  CHECK(read_class_names(R"({0: 'cat', 1: "it's", 2: 'dög'})") == wanted);
  CHECK(read_class_names(R"({"0": "cat", "1": "it's", "2": "d\u00f6g"})") == wanted);
  CHECK(read_class_names(R"(["cat", "it's", "d\u00f6g"])") == wanted);
  CHECK(read_class_names("[ 'cat' , 'it\\'s' ,\n'd\\xf6g', ]") == wanted);
}

TEST_CASE("what is no list of names is none") {
  for (const char* text :
       {"", "cat", "{", "{0: 'a'", "{0: 'a', 2: 'b'}", "{1: 'a'}", "{0: 1}", "['a' 'b']", "['a']x",
        "[\"a]", "['\\u12']", "['\\ud83d']", "['\xff']", "[]", "{0: 'a'} {0: 'b'}", "['\\"})
    CHECK(read_class_names(text).empty());
  CHECK(read_class_names("['" + std::string(2000, 'x') + "']").empty());
}

}  // namespace dl
