#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "core/error.h"
#include "datasets/dataset.h"
#include "tests/support/data_files.h"
#include "tests/support/paths.h"

namespace dl {
namespace {

using test::Bytes;
using test::typed;

DataPaths paths_at(const std::string& data) { return {data, dl::test::source_path("datasets")}; }

struct Sample {
  std::vector<std::byte> input, target;
};

Sample read_sample(const Dataset& data, std::size_t index) {
  Sample sample{std::vector<std::byte>(data.spec().inputs[0].bytes()),
                std::vector<std::byte>(data.spec().targets[0].bytes())};
  const std::span<std::byte> out[] = {sample.input, sample.target};
  data.read(index, out);
  return sample;
}

int label_of(const Dataset& data, std::size_t index) {
  const Sample sample = read_sample(data, index);
  std::int32_t label = 0;
  std::memcpy(&label, sample.target.data(), sizeof(label));
  return label;
}

/// The message of the UserError (which must be one about data) that opening throws.
std::string message_of(const TypedNode& source, Split split, const DataPaths& paths) {
  try {
    make_data_source(source)->open(split, paths);
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::data);
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

/// A folder with good IDX files of five 2x3 pictures and a source that reads them.
struct SmallIdx {
  SmallIdx() {
    for (std::size_t i = 0; i < 30; ++i) pixels.push_back(static_cast<std::uint8_t>(i));
    images = test::idx_bytes({5, 2, 3}, pixels);
    labels = test::idx_bytes({5}, {0, 1, 2, 3, 0});
    write();
  }
  void write() const {
    test::write_bytes(folder / "img", images);
    test::write_bytes(folder / "lab", labels);
  }
  std::string message() const { return message_of(source, Split::train, paths_at(folder.path())); }

  test::TempFolder folder;
  Bytes pixels, images, labels;
  TypedNode source = typed("idx", {{"path", "@data"},
                                   {"train_images", "img"},
                                   {"train_labels", "lab"},
                                   {"shape", "[1, 2, 3]"},
                                   {"classes", "4"}});
};

}  // namespace

TEST_CASE("the embedded digits are whole, and each digit has its share of both splits") {
  const auto source = make_data_source(typed("digits"));
  const auto train = source->open(Split::train, paths_at("."));
  const auto test = source->open(Split::test, paths_at("."));
  CHECK(train->size() == 1437);
  CHECK(test->size() == 360);
  std::vector<int> counts(10);
  for (std::size_t i = 0; i < test->size(); ++i) ++counts[label_of(*test, i)];
  for (const int count : counts) CHECK((count >= 34 && count <= 37));
  std::set<std::vector<std::byte>> known;
  for (std::size_t i = 0; i < train->size(); ++i) known.insert(read_sample(*train, i).input);
  for (std::size_t i = 0; i < test->size(); ++i) {
    CHECK(known.count(read_sample(*test, i).input) == 0);
  }
}

TEST_CASE("every kind says shape and classes without data on the disk") {
  const auto facts = [](const TypedNode& node) {
    const auto source = make_data_source(node);
    return std::pair(source->spec().inputs[0].shape, *source->spec().classes);
  };
  using Facts = std::pair<std::vector<std::int64_t>, std::int64_t>;
  CHECK(facts(typed("mnist")) == Facts{{1, 28, 28}, 10});
  CHECK(facts(typed("fashion_mnist")) == Facts{{1, 28, 28}, 10});
  CHECK(facts(typed("digits")) == Facts{{1, 8, 8}, 10});
  CHECK(facts(typed("cifar10")) == Facts{{3, 32, 32}, 10});
  CHECK(facts(typed("cifar100")) == Facts{{3, 32, 32}, 100});
  CHECK(facts(typed("cifar100", {{"labels", "coarse"}})) == Facts{{3, 32, 32}, 20});
  CHECK(facts(typed("synthetic", {{"shape", "[4, 5]"}, {"classes", "3"}})) == Facts{{4, 5}, 3});
  for (const DataKind& kind : all_data_kinds()) {
    CHECK_FALSE(kind.summary.empty());
    std::unique_ptr<DataSource> source;
    try {
      source = make_data_source(typed(std::string(kind.name)));
    } catch (const UserError& error) {  // some cannot do without parameters
      CHECK(std::string(error.what()).find("missing key") != std::string::npos);
      continue;
    }
    const std::size_t names = source->spec().class_names.size();
    CHECK((names == 0 || names == static_cast<std::size_t>(*source->spec().classes)));
  }
}

TEST_CASE("unknown sources and keys are refused") {
  CHECK_THROWS_WITH_AS(make_data_source(typed("minst")),
                       "error: unknown data source 'minst'; did you mean 'mnist'?", UserError);
  CHECK_THROWS_AS(make_data_source(typed("digits", {{"path", "x"}})), UserError);
  CHECK_THROWS_AS(make_data_source(typed("synthetic")), UserError);
  CHECK_THROWS_AS(make_data_source(typed("synthetic", {{"shape", "[2]"}, {"outputs", "2"}})),
                  UserError);
  CHECK_THROWS_AS(make_data_source(typed("synthetic", {{"shape", "[65536, 65536, 65536, 65536]"}})),
                  UserError);
}

TEST_CASE("MNIST's files are read, plain or gzip, with the same content") {
  test::TempFolder folder;
  test::write_mnist(folder / "mnist", 20, 7);
  const auto source = make_data_source(typed("mnist"));
  const auto plain = source->open(Split::train, paths_at(folder.path()));
  REQUIRE(plain->size() == 20);
  CHECK(source->open(Split::test, paths_at(folder.path()))->size() == 7);
  CHECK(label_of(*plain, 13) == test::test_label(13, 10));
  CHECK(read_sample(*plain, 13).input[100] == std::byte{test::test_pixel(13, 100)});

  for (const std::string name : {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"}) {
    const std::string path = folder / ("mnist/" + name);
    test::write_gzip(path + ".gz", test::read_bytes(path));
    std::filesystem::remove(path);
  }
  const auto packed = source->open(Split::train, paths_at(folder.path()));
  CHECK(packed->fingerprint() == plain->fingerprint());
  CHECK(source->open(Split::test, paths_at(folder.path()))->fingerprint() != plain->fingerprint());
}

TEST_CASE("a missing data set names the file and how to get it") {
  test::TempFolder folder;
  const std::string message = message_of(typed("mnist"), Split::train, paths_at(folder.path()));
  CHECK(contains(message, "mnist/train-images-idx3-ubyte: No such file"));
  CHECK(contains(message, "scripts/get-data.sh mnist"));
  std::filesystem::create_directories(folder / "mnist/train-images-idx3-ubyte");
  CHECK(contains(message_of(typed("mnist"), Split::train, paths_at(folder.path())),
                 "no regular file"));
}

TEST_CASE("an IDX file cut anywhere is refused with file and offset") {
  SmallIdx good;
  CHECK(good.message() == "nothing was thrown");
  for (std::size_t size = 0; size < good.images.size(); ++size) {
    test::write_bytes(good.folder / "img", Bytes(good.images.begin(), good.images.begin() + size));
    const std::string message = good.message();
    CHECK(contains(message, good.folder / "img: byte " + std::to_string(size)));
    CHECK(contains(message, "short"));
  }
  good.write();
  for (std::size_t size = 0; size < good.labels.size(); ++size) {
    test::write_bytes(good.folder / "lab", Bytes(good.labels.begin(), good.labels.begin() + size));
    CHECK(contains(good.message(), good.folder / "lab: byte " + std::to_string(size)));
  }
}

TEST_CASE("a gzip file cut or changed anywhere is refused or reads the same") {
  SmallIdx good;
  test::write_gzip(good.folder / "img.gz", good.images);
  const Bytes packed = test::read_bytes(good.folder / "img.gz");
  std::filesystem::remove(good.folder / "img");
  const auto source = make_data_source(good.source);
  const std::string right = source->open(Split::train, paths_at(good.folder.path()))->fingerprint();
  for (std::size_t size = 0; size < packed.size(); ++size) {
    test::write_bytes(good.folder / "img.gz", Bytes(packed.begin(), packed.begin() + size));
    CHECK(contains(good.message(), "img.gz: "));
  }
  for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
    Bytes changed = packed;
    changed[bit / 8] ^= 1U << bit % 8;
    test::write_bytes(good.folder / "img.gz", changed);
    std::string found = right;  // a bit of the time stamp, say, changes nothing
    try {
      found = source->open(Split::train, paths_at(good.folder.path()))->fingerprint();
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::data);
    }
    CHECK(found == right);
  }
}

TEST_CASE("damaged IDX headers, labels and lengths are refused with their place") {
  SmallIdx good;
  const auto with_image_byte = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = good.images;
    changed[at] = value;
    test::write_bytes(good.folder / "img", changed);
    return good.message();
  };
  CHECK(contains(with_image_byte(0, 1), "img: byte 0: not an IDX file"));
  CHECK(contains(with_image_byte(2, 0x0d), "img: byte 2: element type 13"));
  CHECK(contains(with_image_byte(3, 0), "img: byte 3: 0 dimensions"));
  CHECK(contains(with_image_byte(3, 200), "img: byte 3: 200 dimensions"));
  CHECK(contains(with_image_byte(7, 0), "img: byte 4: holds no samples"));
  CHECK(contains(with_image_byte(7, 4), "img: byte 40: the data should end here"));
  CHECK(contains(with_image_byte(11, 3), "img: byte 8: a sample is 3x3, expected 1x2x3"));
  CHECK(contains(with_image_byte(4, 0x80), "img: byte 46: the file ends here"));
  good.write();

  test::write_bytes(good.folder / "lab", test::idx_bytes({5}, {0, 1, 4, 3, 0}));
  CHECK(contains(good.message(), "lab: byte 10: label 4 is out of range 0 to 3"));
  test::write_bytes(good.folder / "lab", test::idx_bytes({4}, {0, 1, 2, 3}));
  CHECK(contains(good.message(), "lab: byte 4: 4 labels, but"));
  test::write_bytes(good.folder / "lab", test::idx_bytes({5, 1}, {0, 1, 2, 3, 0}));
  CHECK(contains(good.message(), "lab: byte 3: labels have 2 dimensions"));
  test::write_bytes(good.folder / "lab", test::idx_bytes({5}, {0, 1, 2, 3, 0, 0}));
  CHECK(contains(good.message(), "lab: byte 13: the data should end here"));
}

TEST_CASE("hostile sizes are refused before anything is allocated") {
  SmallIdx good;
  const std::uint32_t huge = 0x80000000U;
  good.source = typed("idx", {{"path", "@data"},
                              {"train_images", "img"},
                              {"train_labels", "lab"},
                              {"shape", "[1, 1048576, 1048576]"},
                              {"classes", "4"}});
  test::write_bytes(good.folder / "img", test::idx_bytes({huge, huge, huge}, {}));
  CHECK(contains(good.message(), "expected 1x1048576x1048576"));
  test::write_bytes(good.folder / "img", test::idx_bytes({huge, 1U << 20, 1U << 20}, {}));
  CHECK(contains(good.message(), "beyond any file's size"));
  test::write_bytes(good.folder / "img", test::idx_bytes({1, 1U << 20, 1U << 20}, {}));
  CHECK(contains(good.message(), "the file ends here"));
  std::filesystem::remove(good.folder / "img");
  test::write_gzip(good.folder / "img.gz", test::idx_bytes({1, 1U << 20, 1U << 20}, {}));
  CHECK(contains(good.message(), "can hold"));
}

TEST_CASE("a gzip file that unpacks to more than its header says is refused") {
  SmallIdx good;
  Bytes bomb = good.images;
  bomb.resize(1 << 22);
  test::write_gzip(good.folder / "img.gz", bomb);
  std::filesystem::remove(good.folder / "img");
  CHECK(contains(good.message(), "img.gz: unpacked byte 46: the data should end here"));
}

TEST_CASE("CIFAR's binary files are read in order, with fine and coarse labels") {
  test::TempFolder folder;
  test::write_cifar10(folder / "cifar10", 4);
  const auto ten = make_data_source(typed("cifar10"))->open(Split::train, paths_at(folder.path()));
  REQUIRE(ten->size() == 20);
  for (std::size_t i = 0; i < 20; ++i) CHECK(label_of(*ten, i) == test::test_label(i, 10));
  const Bytes second = test::read_bytes(folder / "cifar10/data_batch_2.bin");
  CHECK(read_sample(*ten, 5).input[7] == std::byte{second[3073 + 1 + 7]});

  test::write_cifar100(folder / "cifar100/cifar-100-binary", 6);
  const DataPaths paths = paths_at(folder.path());
  const auto fine = make_data_source(typed("cifar100"))->open(Split::test, paths);
  const auto coarse =
      make_data_source(typed("cifar100", {{"labels", "coarse"}}))->open(Split::test, paths);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(label_of(*fine, i) == test::test_label(6 + i, 100));
    CHECK(label_of(*coarse, i) == test::test_label(6 + i, 100) / 5);
  }
}

TEST_CASE("damaged CIFAR files are refused with file and offset") {
  test::TempFolder folder;
  test::write_cifar10(folder / "cifar10", 2);
  const DataPaths paths = paths_at(folder.path());
  const std::string path = folder / "cifar10/test_batch.bin";
  const Bytes good = test::read_bytes(path);
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{3072}, std::size_t{3074}, good.size() - 1}) {
    test::write_bytes(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    const std::string message = message_of(typed("cifar10"), Split::test, paths);
    CHECK(contains(message, "test_batch.bin: byte " + std::to_string(size)));
  }
  Bytes wrong = good;
  wrong[3073] = 10;
  test::write_bytes(path, wrong);
  CHECK(contains(message_of(typed("cifar10"), Split::test, paths),
                 "byte 3073: label 10 is out of range 0 to 9"));
  std::filesystem::remove(folder / "cifar10/data_batch_3.bin");
  CHECK(contains(message_of(typed("cifar10"), Split::train, paths),
                 "data_batch_3.bin: No such file"));
}

TEST_CASE(
    "synthetic samples depend on seed and number alone, and train and test share their patterns") {
  const TypedNode node =
      typed("synthetic", {{"shape", "[3, 8, 8]"}, {"classes", "4"}, {"noise", "0"}});
  const auto source = make_data_source(node);
  const auto train = source->open(Split::train, {});
  const auto test = source->open(Split::test, {});
  const Sample first = read_sample(*train, 5);
  read_sample(*train, 6);
  CHECK(read_sample(*train, 5).input == first.input);
  // Without noise, samples of one class are equal across the splits.
  std::vector<std::vector<std::byte>> of_class(4);
  for (std::size_t i = 0; i < train->size(); ++i)
    of_class[label_of(*train, i)] = read_sample(*train, i).input;
  for (std::size_t i = 0; i < test->size(); ++i) {
    CHECK(read_sample(*test, i).input == of_class[label_of(*test, i)]);
  }
  CHECK(std::set(of_class.begin(), of_class.end()).size() == 4);
}

TEST_CASE("the adding problem marks a number in each half and asks for their sum") {
  const auto source = make_data_source(typed("adding", {{"length", "9"}, {"samples", "50"}}));
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{9, 2});
  const auto train = source->open(Split::train, {});
  REQUIRE(train->size() == 50);
  for (std::size_t i = 0; i < 50; ++i) {
    float series[18], sum = 0, value = -1;
    const std::span<std::byte> out[] = {std::as_writable_bytes(std::span(series)),
                                        std::as_writable_bytes(std::span(&value, 1))};
    train->read(i, out);
    int marks[2] = {0, 0};
    for (std::size_t t = 0; t < 9; ++t) {
      CHECK(series[2 * t] >= 0);
      CHECK(series[2 * t] < 1);
      if (series[2 * t + 1] == 0) continue;
      CHECK(series[2 * t + 1] == 1);
      ++marks[t >= 4];
      sum += series[2 * t];
    }
    CHECK(marks[0] == 1);
    CHECK(marks[1] == 1);
    CHECK(value == sum);
  }
}

TEST_CASE("synthetic regression has as many targets as asked for") {
  const auto source = make_data_source(typed(
      "synthetic", {{"shape", "[6]"}, {"task", "regression"}, {"outputs", "3"}, {"noise", "0"}}));
  CHECK_FALSE(source->spec().classes);
  CHECK(source->spec().targets[0].shape == std::vector<std::int64_t>{3});
  const auto data = source->open(Split::train, {});
  CHECK(read_sample(*data, 0).target != read_sample(*data, 1).target);
}

}  // namespace dl
