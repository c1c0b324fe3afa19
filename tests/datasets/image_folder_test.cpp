#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>

#include "core/error.h"
#include "core/install_paths.h"
#include "core/parallel.h"
#include "datasets/batches.h"
#include "datasets/images/image_buffers.h"
#include "tests/support/pictures.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::Bytes;
using test::typed;
using Params = std::vector<std::pair<std::string, std::string>>;

Params with(Params params, const Params& more) {
  params.insert(params.end(), more.begin(), more.end());
  return params;
}

/// A source of what lies in `folder`, looked up.
std::unique_ptr<DataSource> source_of(const std::string& folder, const Params& more = {}) {
  auto source = make_data_source(typed("image_folder", with({{"path", folder}}, more)));
  source->look_up({});
  return source;
}

struct Sample {
  Bytes pixels;
  std::int64_t height, width;
  std::int32_t label;
};

Sample read_sample(const Dataset& data, std::size_t index) {
  PictureBuffers buffers;
  std::int32_t label = -1;
  const std::span<std::byte> out[] = {{}, std::as_writable_bytes(std::span(&label, 1))};
  data.read(index, out);
  data.decode(index, buffers);
  const Picture& picture = buffers.decoded;
  return {{picture.pixels.begin(),
           picture.pixels.begin() + static_cast<std::ptrdiff_t>(picture.bytes())},
          picture.height,
          picture.width,
          label};
}

std::vector<std::string> names_of(const Dataset& data) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < data.size(); ++i) names.push_back(data.sample_name(i));
  return names;
}

/// The message of the UserError, which must be one about data.
template <class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::data);
    return error.what();
  }
  return "nothing was thrown";
}

std::string opening(const std::string& folder, const Params& more = {},
                    Split split = Split::train) {
  return message_of([&] {
    make_data_source(typed("image_folder", with({{"path", folder}}, more)))->open(split, {});
  });
}

void write_picture(const std::string& path, std::uint8_t value, int height = 2, int width = 3) {
  fs::create_directories(fs::path(path).parent_path());
  const Bytes pixels(static_cast<std::size_t>(height * width), value);
  test::write_bytes(path, path.ends_with("png") ? test::png_bytes(height, width, 1, pixels)
                                                : test::jpeg_bytes(height, width, 1, pixels, 100));
}

/// train/ and test/ of two classes with four pictures each of 8x9.
struct TwoClasses {
  TwoClasses() {
    test::write_pictures(folder / "train", {"cat", "dog"}, 4, 8, 9);
    test::write_pictures(folder / "test", {"cat", "dog"}, 4, 8, 9, 100);
  }
  std::string of_train(const std::string& file) const { return folder / ("train/" + file); }

  test::TempFolder folder;
};

}  // namespace

TEST_CASE("classes are the folders and samples the files, sorted by their bytes") {
  const test::TempFolder folder;
  std::uint8_t value = 10;
  for (const char* name : {"b/2.png", "b/10.jpg", "b/sub/deep/1.PNG", "b/B.Jpeg", "a/x.png",
                           "Z/1.jpg", "a/.hidden.png", ".cache/1.png"})
    write_picture(folder / name, value += 10);
  test::write_bytes(folder / "a/notes.txt", {1});
  test::write_bytes(folder / "readme.png", {1});

  const auto source = source_of(folder.path(), {{"channels", "1"}});
  CHECK(source->spec().class_names == std::vector<std::string>{"Z", "a", "b"});
  CHECK(source->spec().classes == 3);
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{1, 0, 0});
  CHECK(source->has(Split::train));
  CHECK_FALSE(source->has(Split::valid));
  CHECK_FALSE(source->has(Split::test));

  const auto data = source->open(Split::train, {});
  std::vector<std::string> expected;
  for (const char* name :
       {"Z/1.jpg", "a/x.png", "b/10.jpg", "b/2.png", "b/B.Jpeg", "b/sub/deep/1.PNG"})
    expected.push_back(folder / name);
  CHECK(names_of(*data) == expected);
  const int labels[] = {0, 1, 2, 2, 2, 2}, values[] = {70, 60, 30, 20, 50, 40};
  for (std::size_t i = 0; i < data->size(); ++i) {
    const Sample sample = read_sample(*data, i);
    CHECK(sample.label == labels[i]);
    CHECK(sample.height == 2);
    CHECK(sample.width == 3);
    CHECK(sample.pixels == Bytes(6, static_cast<std::uint8_t>(values[i])));
  }
  CHECK(data->notes() ==
        std::vector<std::string>{
            folder.path() +
            ": 3 of 9 files are not read: 2 hidden, 1 .txt; images are the files that end in .jpg, "
            ".jpeg, .jfif, .jpe or .png"});
}

TEST_CASE("train, valid or val, and test are splits, whose folders map to classes by name") {
  const test::TempFolder folder;
  test::write_pictures(folder / "train", {"cat", "dog", "emu"}, 2, 4, 4);
  test::write_pictures(folder / "test", {"dog"}, 3, 4, 4);
  for (const std::string name : {"val", "valid"}) {
    test::write_pictures(folder / name, {"emu", "cat"}, 1, 4, 4);
    const auto source = source_of(folder.path());
    CHECK(source->has(Split::valid));
    CHECK(source->has(Split::test));
    const auto valid = source->open(Split::valid, {}), tested = source->open(Split::test, {});
    REQUIRE(valid->size() == 2);
    CHECK(read_sample(*valid, 0).label == 0);
    CHECK(read_sample(*valid, 1).label == 2);
    CHECK(tested->size() == 3);
    CHECK(read_sample(*tested, 2).label == 1);
    CHECK_THROWS_AS(RunData(*source, {}, 1, 1), UserError);  // it has a valid set of its own
    fs::remove_all(folder / name);
  }
  const auto listed = source_of(folder.path(), {{"classes", "[emu, dog, cat]"}});
  const auto train = listed->open(Split::train, {});
  CHECK(read_sample(*train, 0).label == 0);
  CHECK(train->sample_name(0) == folder / "train/emu/0000.jpg");
  RunData held(*listed, {}, 2, 1);
  CHECK(held.open(Split::valid).samples.size() == 2);
  CHECK(held.open(Split::train).samples.size() == 4);
}

TEST_CASE("what the config says is enough where there is no data") {
  const auto source = make_data_source(
      typed("image_folder", {{"path", "/nowhere"}, {"classes", "[a, b]"}, {"size", "[4, 5]"}}));
  CHECK(source->spec().classes == 2);
  CHECK(source->spec().inputs[0].shape == std::vector<std::int64_t>{3, 4, 5});
  CHECK_FALSE(make_data_source(typed("image_folder", {{"path", "/nowhere"}}))->spec().classes);
  CHECK(message_of([&] { source->look_up({}); }) ==
        "error: /nowhere: there is no such folder\n  hint: it holds train/ and test/ with a folder "
        "for each class in each, or the class folders themselves");
  const auto cifar = make_data_source(typed("image_folder", {{"path", "@data/cifar10_images"}}));
  CHECK(message_of([&] {
          cifar->open(Split::train, {"/nowhere", ""});
        }) == "error: /nowhere/cifar10_images: there is no such folder\n  hint: " +
                  get_data_hint("cifar10_images"));
}

TEST_CASE("a source completes its entry with the classes that it found, and only then") {
  const TwoClasses two;
  const auto source = source_of(two.folder.path());
  ConfigNode params = ConfigNode::map({}, {});
  source->complete(params);
  REQUIRE(params.find("classes"));
  CHECK(params.find("classes")->items()[1].text() == "dog");
  CHECK(params.find("classes")->items()[1].quoted());
  source->complete(params);
  CHECK(params.entries().size() == 1);
  ConfigNode none = ConfigNode::map({}, {});
  make_data_source(typed("image_folder", {{"path", "/nowhere"}}))->complete(none);
  CHECK(none.entries().empty());
}

TEST_CASE("folders that are not as they should be are refused by name") {
  const TwoClasses two;
  const std::string root = two.folder.path();
  fs::create_directories(two.of_train("empty"));
  test::write_bytes(two.of_train("empty/a.gif"), {1});
  CHECK(opening(root).starts_with("error: " + two.of_train("empty") +
                                  ": holds no image (.jpg, .jpeg, .jfif, .jpe or .png), but 1 "
                                  ".gif\n  hint: images are read from JPEG and PNG files"));
  CHECK(opening(root, {{"classes", "[cat, dogs]"}}) ==
        "error: " + two.of_train("dog") +
            ": 'dog' is none of the classes, cat, dogs; did you mean 'dogs'?\n  hint: ignore: "
            "[dog], in the source, leaves it out");
  fs::remove_all(two.of_train("empty"));
  CHECK(opening(root, {{"classes", "[cat, dog, cow]"}}) ==
        "error: " + (two.folder / "train") + ": there is no folder for the class 'cow'");
  CHECK(opening(root, {{"classes", "[cat, dog, cow]"}}, Split::test) == "nothing was thrown");
  CHECK(opening(root, {}, Split::valid) == "error: " + root + ": there is no folder valid/");
  fs::create_directories(two.folder / "test/bird");
  CHECK(opening(root, {}, Split::test).find("'bird' is none of the classes") != std::string::npos);
  fs::create_directories(two.folder / "val");
  CHECK(opening(root, {}, Split::valid) == "error: " + root + ": there is no folder valid/");
  fs::create_directories(two.folder / "valid");
  CHECK(opening(root).find("has both val/ and valid/, which stand for one split") !=
        std::string::npos);
  CHECK(opening(two.of_train("cat/0000.jpg")).find("is no folder") != std::string::npos);
  CHECK(opening(two.of_train("cat")).find("holds no folders") != std::string::npos);
  fs::create_directory_symlink(two.of_train("cat"), two.of_train("cat/again"));
  CHECK(opening(two.folder / "train").find("does a link lead in a circle?") != std::string::npos);
  fs::create_directories(two.folder / "names/a\x01");
  CHECK(opening(two.folder / "names").find("'a\\x01' is not printable UTF-8") != std::string::npos);
}

TEST_CASE("parameters that make no sense are refused where they stand") {
  const auto making = [](const Params& more) -> std::string {
    try {
      make_data_source(typed("image_folder", with({{"path", "x"}}, more)));
    } catch (const UserError& error) {
      CHECK(error.code() == ExitCode::config);
      return error.what();
    }
    return "nothing was thrown";
  };
  CHECK(making({{"channels", "2"}}) == "error: channels: is 2, must be 1 or 3");
  CHECK(making({{"channels", "4"}}) == "error: channels: is 4, must be at least 1 and at most 3");
  CHECK(making({{"size", "[1, 2, 3]"}}) == "error: size: expected one int or [height, width]");
  CHECK(making({{"classes", "[a, b, a]"}}) == "error: classes: 'a' stands here twice");
  CHECK(making({{"classes", "[a, b/c]"}}) == "error: classes: 'b/c' is no name of a folder");
  CHECK(making({{"on_bad", "skipp"}}).find("did you mean 'skip'?") != std::string::npos);
}

TEST_CASE("a bad file is an error that names it, unless bad ones are skipped") {
  const TwoClasses two;
  const std::string cut = two.of_train("cat/0002.jpg"), text = two.of_train("dog/0001.png"),
                    other = two.of_train("dog/0003.png"), gone = two.of_train("cat/0001.png");
  Bytes half = test::read_bytes(cut);
  half.resize(half.size() / 2);
  test::write_bytes(cut, half);
  test::write_bytes(text, {'h', 'e', 'l', 'l', 'o'});
  test::write_bytes(other, test::png_bytes(9, 8, 1, Bytes(72)));
  fs::remove(gone);
  fs::create_symlink("nowhere.png", gone);

  const auto source = source_of(two.folder.path(), {{"size", "[8, 9]"}});
  const auto data = source->open(Split::train, {});
  REQUIRE(data->size() == 8);
  const auto reading = [](const Dataset& from, std::size_t i) {
    return message_of([&] { read_sample(from, i); });
  };
  const std::string hint =
      "\n  hint: on_bad: skip, in the source, leaves bad files out before training";
  CHECK(reading(*data, 0) == "nothing was thrown");
  CHECK(reading(*data, 1).starts_with("error: " + gone + ": cannot be read: "));
  CHECK(reading(*data, 2) ==
        "error: " + cut + ": is a damaged JPEG: Premature end of JPEG file" + hint);
  CHECK(reading(*data, 5) == "error: " + text + ": is neither a JPEG nor a PNG picture" + hint);
  CHECK(reading(*data, 7) ==
        "error: " + other + ": is 9x8, but size: says 8x9 (height x width)" + hint);
  CHECK(message_of([&] { data->fingerprint(); }).starts_with("error: " + gone));

  const int threads_before = thread_count();
  for (const int threads : {1, 2}) {
    use_threads(threads);
    const auto kept = source_of(two.folder.path(), {{"size", "[8, 9]"}, {"on_bad", "skip"}})
                          ->open(Split::train, {});
    CHECK(names_of(*kept) ==
          std::vector<std::string>{two.of_train("cat/0000.jpg"), two.of_train("cat/0003.png"),
                                   two.of_train("dog/0000.jpg"), two.of_train("dog/0002.jpg")});
    CHECK(read_sample(*kept, 3).label == 1);
    const std::vector<std::string> notes = kept->notes();
    REQUIRE(notes.size() == 5);
    CHECK(notes[0] == (two.folder / "train") + ": 4 of 8 files are left out (on_bad: skip)");
    CHECK(notes[2] == "left out: " + cut + ": is a damaged JPEG: Premature end of JPEG file");
    CHECK(notes[4] == "left out: " + other + ": is 9x8, but size: says 8x9 (height x width)");
    test::write_bytes(two.of_train("cat/0003.png"), half);
    CHECK(reading(*kept, 1).ends_with("hint: it was good when the data was opened"));
    test::write_bytes(two.of_train("cat/0003.png"), test::png_bytes(8, 9, 1, Bytes(72)));
  }
  use_threads(threads_before);
  for (const char* name : {"cat/0000.jpg", "cat/0003.png"})
    test::write_bytes(two.of_train(name), {});
  CHECK(opening(two.folder.path(), {{"on_bad", "skip"}, {"size", "[8, 9]"}})
            .starts_with("error: " + (two.folder / "train") +
                         ": none of the 4 images of the class 'cat' is good\n  hint: the first "
                         "bad file is " +
                         two.of_train("cat/0000.jpg") + ": is empty"));
}

TEST_CASE("a list of bad files that is endless is cut") {
  const test::TempFolder folder;
  test::write_pictures(folder.path(), {"a"}, 2, 4, 4);
  for (int i = 0; i < 150; ++i)
    test::write_bytes(folder / ("a/bad" + std::to_string(i) + ".png"), {});
  const auto notes =
      source_of(folder.path(), {{"on_bad", "skip"}})->open(Split::train, {})->notes();
  CHECK(notes.size() == 102);
  CHECK(notes.back() == "left out: 50 more");
}

TEST_CASE("the fingerprint covers names and bytes, and not the number of threads") {
  const TwoClasses two;
  const auto print = [&] {
    return source_of(two.folder.path())->open(Split::train, {})->fingerprint();
  };
  const std::string before = print();
  CHECK(before.starts_with("8 pictures, crc32 "));
  const int threads_before = thread_count();
  for (const int threads : {1, 2, 3}) {
    use_threads(threads);
    CHECK(print() == before);
  }
  use_threads(threads_before);
  fs::rename(two.of_train("cat/0003.png"), two.of_train("cat/0004.png"));
  CHECK(print() != before);
  fs::rename(two.of_train("cat/0004.png"), two.of_train("cat/0003.png"));
  CHECK(print() == before);
  Bytes bytes = test::read_bytes(two.of_train("cat/0003.png"));
  bytes.back() ^= 1;
  test::write_bytes(two.of_train("cat/0003.png"), bytes);
  CHECK(print() != before);
}

TEST_CASE("there may be more classes than a byte can count") {
  const test::TempFolder folder;
  for (int i = 0; i < 300; ++i) {
    char name[32];
    std::snprintf(name, sizeof name, "c%03d/1.png", i);
    write_picture(folder / name, 1);
  }
  const auto data = source_of(folder.path())->open(Split::train, {});
  CHECK(*data->spec().classes == 300);
  CHECK(read_sample(*data, 299).label == 299);
}

TEST_CASE("pictures of all sizes give the same batches with any workers, read ahead or not") {
  const test::TempFolder folder;
  for (int i = 0; i < 60; ++i) {
    const int height = 20 + i * 7 % 31, width = 18 + i * 5 % 23, label = i % 3;
    const Bytes pixels = test::striped_picture(static_cast<std::size_t>(i), label, height, width);
    const std::string name = "c" + std::to_string(label) + "/" + std::to_string(i);
    fs::create_directories(folder / ("c" + std::to_string(label)));
    test::write_bytes(folder / (name + ".jpg"), test::jpeg_bytes(height, width, 3, pixels));
  }
  const auto source = source_of(folder.path());
  const auto data = source->open(Split::train, {});
  const std::vector<TypedNode> list = {typed("resize", {{"size", "16"}}),
                                       typed("random_crop", {{"size", "14"}}),
                                       typed("random_flip")};
  const Pipeline pipeline(source->spec(), list);
  std::vector<std::uint32_t> samples(60);
  std::iota(samples.begin(), samples.end(), 0U);
  const auto epoch = [&](std::size_t prefetch, std::size_t workers) {
    Batches batches(
        {data.get(), samples}, pipeline,
        {.batch = 16, .shuffle = true, .seed = 3, .prefetch = prefetch, .workers = workers});
    batches.start(1);
    std::vector<float> all;
    while (const Batch* batch = batches.next()) {
      const auto pixels = batch->inputs[0].floats();
      all.insert(all.end(), pixels.begin(), pixels.end());
      for (const std::int32_t label : batch->targets[0].ints())
        all.push_back(static_cast<float>(label));
    }
    return all;
  };
  const std::vector<float> expected = epoch(0, 1);
  CHECK(expected.size() == 60 * (3 * 14 * 14 + 1));
  for (const std::size_t workers : {1U, 2U, 3U}) CHECK(epoch(2, workers) == expected);
}

TEST_CASE("a picture that a transform cannot use is an error that names its file") {
  const TwoClasses two;
  const auto source = source_of(two.folder.path());
  const auto data = source->open(Split::train, {});
  const std::vector<TypedNode> list = {typed("random_crop", {{"size", "9"}})};
  const Pipeline pipeline(source->spec(), list);
  const std::vector<std::uint32_t> samples = {5};
  Batches batches({data.get(), samples}, pipeline, {.batch = 1, .prefetch = 0});
  batches.start(0);
  CHECK(message_of([&] { batches.next(); }) ==
        "error: " + two.of_train("dog/0001.png") +
            ": is 8x9 (after resize, where there is one), too small for random_crop's 9x9");
}

}  // namespace dl
