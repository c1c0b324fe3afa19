#include "engine/formats/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/formula.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

using test::TempFolder;

/// A file with this header and `data` bytes after it.
std::string file_with(const std::string& header, std::size_t data = 0) {
  std::string bytes(8, '\0');
  const std::uint64_t length = header.size();
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\1');
}

/// What is wrong with `bytes`, or "".
std::string problem(const std::string& bytes) {
  try {
    SafetensorsFile::parse(bytes, "w");
    return "";
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    const std::string message = error.diagnostics()[0].message;
    const std::string prefix = "w: not a valid safetensors file: ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + offsets + "]}";
}

}  // namespace

TEST_CASE("what is written is read back, with size and hash of the file") {
  const TempFolder folder;
  const auto files = real_file_system();
  const std::vector<float> a = test::formula_tensor(1, 6), b = test::formula_tensor(2, 1);
  const std::vector<TensorView> tensors = {float_tensor("z.weight", {2, 3}, a),
                                           float_tensor("a", {}, b),
                                           float_tensor("none", {0, 5}, {})};
  const FileDigest written =
      write_safetensors(*files, folder / "w", tensors, {{"format", "pt"}, {"b", "\"x\"\n"}});
  const std::string bytes = read_file(folder / "w");
  CHECK(written == FileDigest{bytes.size(), sha256_hex(bytes)});
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);

  FileDigest found;
  const SafetensorsFile file = SafetensorsFile::read(folder / "w", &found);
  CHECK(found == written);
  CHECK(file.metadata().at("b") == "\"x\"\n");
  REQUIRE(file.tensors().size() == 3);
  CHECK(file.tensors()[0].name == "z.weight");  // the order in which they were given
  CHECK(file.find("z.weight")->shape == std::vector<std::int64_t>{2, 3});
  CHECK(std::ranges::equal(file.find("z.weight")->floats(), a));
  CHECK(std::ranges::equal(file.find("a")->floats(), b));
  CHECK(file.find("none")->bytes.empty());
  CHECK(file.find("z") == nullptr);
}

TEST_CASE("what the Python package writes is read, and written again byte for byte") {
  const std::string path = dl::test::source_path("tests/goldens/safetensors_file.safetensors");
  const SafetensorsFile file = SafetensorsFile::read(path);
  const TensorView* weight = file.find("conv1.weight");
  REQUIRE(weight != nullptr);
  CHECK(weight->dtype == "F32");
  CHECK(std::ranges::equal(weight->floats(), test::formula_tensor(1, 6)));
  CHECK(file.find("bn1.num_batches_tracked")->shape.empty());
  CHECK(file.find("bfloat")->bytes.size() == 12);
  CHECK(file.find("empty")->shape == std::vector<std::int64_t>{0, 4});
  CHECK(file.find("quote \" and \u00fc")->floats()[0] == 1.0F);
  // Floats are used in place: wherever the data of a tensor lie in the file.
  for (const TensorView& view : file.tensors())
    CHECK(reinterpret_cast<std::uintptr_t>(view.bytes.data()) % 8 == 0);

  const TempFolder folder;
  write_safetensors(*real_file_system(), folder / "again", file.tensors(), file.metadata());
  CHECK(read_file(folder / "again") == read_file(path));
}

TEST_CASE("headers that the specification forbids are refused, each with its reason") {
  const std::string good = tensor("a", "F32", "2", "0,8");
  CHECK(problem(file_with("{" + good + "}   ", 8)) == "");
  CHECK(problem(file_with("{}")) == "");
  CHECK(problem(file_with("{\"__metadata__\":{\"k\":\"v\"}}")) == "");

  const struct {
    std::string header;
    std::size_t data;
    const char* expected;
  } cases[] = {
      {" {" + good + "}", 8, "its header does not begin with '{'"},
      {"", 0, "its header does not begin with '{'"},
      {"{" + good, 8, "its header is no JSON object, from byte"},
      {"{" + good + "}}", 8, "its header is no JSON object, from byte"},
      {"{" + good + "}" + std::string("\0}", 2), 8, "its header has a zero byte"},
      {"{" + good + ",}", 8, "its header is no JSON object"},
      {"{\"a\":1}", 0, "tensor 'a': a number stands where it does not belong"},
      {"{\"a\":{\"dtype\":[[[[", 0, "tensor 'a': a list stands where it does not belong"},
      {"{\"\xff\":{}}", 0, "its header is no JSON object"},
      {"{" + good + "," + good + "}", 8, "the name 'a' stands twice"},
      {"{" + good + "," + tensor("\\u0061", "F32", "0", "8,8") + "}", 8,
       "the name 'a' stands twice"},
      {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the name '__metadata__' stands twice"},
      {"{\"__metadata__\":{\"k\":\"v\",\"k\":\"w\"}}", 0, "__metadata__ has 'k' twice"},
      {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__ must map texts to texts, it has a number"},
      {"{\"__metadata__\":[]}", 0, "__metadata__ must map texts to texts, it has a list"},
      {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 0, "tensor 'a': dtype stands twice"},
      {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8,
       "tensor 'a': dtype, shape or data_offsets is missing"},
      {"{\"a\":{\"type\":\"F32\"}}", 0, "tensor 'a': unknown field 'type'"},
      {"{" + tensor("a", "F33", "2", "0,8") + "}", 8, "tensor 'a': unknown dtype 'F33'"},
      {"{" + tensor("a", "F32", "-2", "0,8") + "}", 8, "tensor 'a': a negative number"},
      {"{" + tensor("a", "F32", "2.0", "0,8") + "}", 8, "tensor 'a': a number that is not whole"},
      {"{" + tensor("a", "F32", "true", "0,8") + "}", 8, "tensor 'a': a truth value"},
      {"{" + tensor("a", "F32", "[2]", "0,8") + "}", 8, "tensor 'a': a list"},
      {"{" + tensor("a", "F32", "2", "0") + "}", 8, "tensor 'a': data_offsets must be two numbers"},
      {"{" + tensor("a", "F32", "2", "0,8,8") + "}", 8,
       "tensor 'a': data_offsets must be two numbers"},
      {"{" + tensor("a", "F32", "2", "8,0") + "}", 8,
       "tensor 'a': its data_offsets [8, 0] lie outside"},
      {"{" + tensor("a", "F32", "2", "0,8") + "}", 7,
       "tensor 'a': its data_offsets [0, 8] lie outside the 7 bytes"},
      {"{" + tensor("a", "F32", "3", "0,8") + "}", 8,
       "tensor 'a': shape and dtype need 12 bytes, its offsets give 8"},
      {"{" + tensor("a", "F64", "4611686018427387904", "0,8") + "}", 8,
       "tensor 'a': its shape overflows"},
      {"{" + tensor("a", "F32", "4294967296,4294967296", "0,0") + "}", 0,
       "tensor 'a': its shape overflows"},
      {"{" + tensor("a", "U8", "9223372036854775808", "0,0") + "}", 0,
       "tensor 'a': its shape overflows"},
      {"{" + tensor("a", "U8", "18446744073709551616", "0,0") + "}", 0,
       "tensor 'a': a number that is not whole or too large"},
      {"{" + tensor("a", "U8", "4611686018427387904", "0,4611686018427387904") + "}", 0,
       "tensor 'a': its data_offsets"},
      {"{" + good + "," + tensor("b", "F32", "2", "4,12") + "}", 12,
       "tensor 'b' overlaps the one before it"},
      {"{" + good + "," + tensor("b", "F32", "2", "0,8") + "}", 8,
       "tensor 'b' overlaps the one before it"},
      {"{" + good + "," + tensor("b", "F32", "1", "9,13") + "}", 13,
       "tensor 'b' leaves a hole before it"},
      {"{" + tensor("a", "F32", "1", "4,8") + "}", 8, "tensor 'a' leaves a hole before it"},
      {"{" + good + "}", 9, "1 bytes follow the last tensor"},
      {"{}", 3, "3 bytes follow the last tensor"},
  };
  for (const auto& [header, data, expected] : cases) {
    const std::string found = problem(file_with(header, data));
    const std::string shown = header + " -> " + found;
    CHECK_MESSAGE(found.starts_with(expected), shown);
  }
  // Deep nesting stops at its second level, so it costs nothing.
  CHECK(problem(file_with("{\"a\":{\"dtype\":" + std::string(1'000'000, '{'))) != "");
}

TEST_CASE("the length of the header is checked before it is read") {
  CHECK(problem("").starts_with("it has 0 bytes"));
  CHECK(problem("1234567").starts_with("it has 7 bytes"));
  CHECK(problem(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10))
            .starts_with("its header claims 9223372036854775807 bytes; at most 100 MB"));
  CHECK(problem(std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10))  // 100,000,001
            .starts_with("its header claims 100000001 bytes; at most 100 MB"));
  CHECK(problem(std::string("\x03\0\0\0\0\0\0\0{}", 10)) ==
        "its header claims 3 bytes, the file has 2");
}

TEST_CASE("floats that lie at an odd place in the file can be used in place") {
  std::string bytes = file_with(
      "{" + tensor("u", "U8", "3", "0,3") + "," + tensor("f", "F32", "2", "3,11") + "}", 11);
  const float values[] = {1.5F, -2.0F};
  std::memcpy(bytes.data() + bytes.size() - 8, values, 8);
  const SafetensorsFile file = SafetensorsFile::parse(bytes, "w");
  CHECK(file.find("f")->floats()[0] == 1.5F);
  CHECK(file.find("f")->floats()[1] == -2.0F);
  CHECK(file.find("u")->bytes[2] == std::byte{1});
}

TEST_CASE("every truncation of a file is refused") {
  const std::vector<float> values = test::formula_tensor(3, 8);
  const std::vector<TensorView> tensors = {float_tensor("a", {8}, values)};
  const std::string bytes = safetensors_header(tensors, {}) +
                            std::string(reinterpret_cast<const char*>(values.data()), 32);
  CHECK(problem(bytes) == "");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(problem(bytes.substr(0, size)) != "");
  CHECK(problem(bytes + "x") != "");
}

TEST_CASE("a pickle is refused with the Python that converts it") {
  for (const std::string& start :
       {std::string("PK\x03\x04\0\0\x08\x08", 8), std::string("\x80\x02\x8a\nl\xfc\x9c", 7)}) {
    try {
      SafetensorsFile::parse(start + std::string(200, 'x'), "w.pt");
      FAIL("a pickle was read");
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::weights);
      CHECK(error.diagnostics()[0].message.starts_with("w.pt: a PyTorch pickle"));
      CHECK(error.diagnostics()[0].hint.find("torch.load('w.pt', weights_only=True)") !=
            std::string::npos);
    }
  }
}

TEST_CASE("a file that is not there is an error of the weights") {
  try {
    SafetensorsFile::read("/no/such/file");
    FAIL("read a file that is not there");
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    CHECK(error.diagnostics()[0].message == "cannot open /no/such/file: No such file or directory");
  }
}

}  // namespace dl
