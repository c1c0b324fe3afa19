#include "datasets/class_folders.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "datasets/images/image_files.h"
#include "tests/support/pictures.h"
#include "tests/support/texts.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::user_error;
using Names = std::vector<std::string>;

/// A folder of images, with what is asked of it.
struct Place {
  test::TempFolder folder;
  std::string root = folder.path();

  /// Files with nothing in them: only their names count here.
  void put(const Names& files) const {
    for (const std::string& file : files) {
      fs::create_directories(fs::path(folder / file).parent_path());
      test::write_bytes(folder / file, {1});
    }
  }
  void make(const std::string& name) const { fs::create_directories(folder / name); }
  ClassFolders at(const std::string& below = "", ClassFolderParams params = {}) const {
    return ClassFolders(kPictures, below.empty() ? root : folder / below, std::move(params));
  }
  LabelledFiles list(Split split, const ClassFolderParams& params = {}) const {
    const ClassFolders folders = at("", params);
    const SplitFolders splits = folders.find_splits();
    return folders.list(splits, split, folders.classes(splits));
  }
  Names classes(const ClassFolderParams& params = {}) const {
    return at("", params).classes(at("", params).find_splits());
  }
};

ClassFolderParams ignoring(const std::string& name) {
  return {.classes = {}, .ignore = {name}, .allow_empty = false};
}

constexpr const char* kEndings = "end in .jpg, .jpeg, .jfif, .jpe or .png";
constexpr const char* kRemedy =
    "images are read from JPEG and PNG files: convert the others, for example with ImageMagick, "
    "'mogrify -format png *.webp'";

std::unique_ptr<DataSource> source_of(const std::string& folder) {
  auto source = make_data_source(test::typed("image_folder", {{"path", folder}}));
  source->look_up({});
  return source;
}

}  // namespace

TEST_CASE("folders of splits may have other names, and what is not read beside them is told") {
  const Place place;
  test::write_pictures(place.folder / "train", {"cat", "dog"}, 4, 8, 9);
  test::write_pictures(place.folder / "test", {"cat", "dog"}, 4, 8, 9, 100);
  CHECK(source_of(place.root)->notes().empty());
  fs::rename(place.folder / "train", place.folder / "Training");
  fs::rename(place.folder / "test", place.folder / "VALIDATION");
  const auto source = source_of(place.root);
  CHECK(source->spec().class_names == Names{"cat", "dog"});
  CHECK(source->has(Split::valid));
  CHECK_FALSE(source->has(Split::test));
  CHECK(source->open(Split::train, {})->sample_name(0) == place.root + "/Training/cat/0000.jpg");
  CHECK(source->open(Split::valid, {})->size() == 8);
  CHECK(source->notes().empty());

  place.put({"readme.md", "b.png", "a.webp", "Training/c.png"});
  place.make("cow");
  place.make("tests");
  CHECK(
      source_of(place.root)->notes() ==
      Names{place.root + ": cow/, tests/ are not read: only train/, valid/ and test/ are, where "
                         "one of them is there",
            place.root + ": 2 images are in no class's folder and not read (first a.webp)",
            place.root + "/Training: 1 image is in no class's folder and not read (first c.png)"});
  CHECK(source_of(place.root + "/Training")->notes().size() == 1);
}

TEST_CASE("a folder that is to be ignored and is not there is told") {
  const Place place;
  place.put({"train/cat/1.png", "train/dog/1.png", "train/rest/1.png", "test/cat/1.png"});
  CHECK(place.at("", ignoring("rest")).find_splits().notes.empty());
  CHECK(place.at("", ignoring("test")).find_splits().notes.empty());
  CHECK(place.at("", ignoring("rset")).find_splits().notes ==
        Names{place.root + ": ignore: there is no folder 'rset'; did you mean 'rest'?"});
}

TEST_CASE("what archives and systems leave behind is no class and no file, and is not told") {
  const Place place;
  place.put({"train/cat/1.png", "train/dog/1.png", "test/cat/1.png"});
  for (const std::string folder : {"", "train/", "train/cat/", "test/"}) {
    place.put({folder + "__MACOSX/train/cat/._1.png", folder + "Thumbs.db", folder + "desktop.ini",
               folder + ".DS_Store", folder + "._1.png",
               folder + ".ipynb_checkpoints/1-checkpoint.png", folder + "@eaDir/1.png/SYNO.png",
               folder + ".gitignore"});
  }
  CHECK(place.classes() == Names{"cat", "dog"});
  CHECK(place.at().find_splits().notes.empty());
  for (const Split split : {Split::train, Split::test}) {
    CHECK(place.list(split).notes.empty());
    CHECK(place.list(split).files.size() == (split == Split::train ? 2 : 1));
  }
}

TEST_CASE("files that are not read are counted by their endings, and what helps is told") {
  const Place place;
  place.put({"a/1.png", "a/2.JFIF", "a/3.jpe", "a/4.webp", "a/deep/5.WEBP", "a/6.heic", "a/7",
             "a/labels.txt", "a/.hidden.png", "b/1.jpg", ".cache/1.png"});
  const LabelledFiles list = place.list(Split::train);
  CHECK(list.files == Names{"a/1.png", "a/2.JFIF", "a/3.jpe", "b/1.jpg"});
  CHECK(list.labels == std::vector<std::int32_t>{0, 0, 0, 1});
  CHECK(list.notes ==
        Names{place.root +
              ": 7 of 11 files are not read: 2 .webp, 2 hidden, 1 .heic, 1 .txt, 1 without ending; "
              "images are the files that " +
              kEndings + "; " + kRemedy});
  place.put({"c/1.gif", "c/2.gif"});
  CHECK(user_error([&] { place.list(Split::train); }) ==
        "error: " + place.folder / "c" +
            ": holds no image (.jpg, .jpeg, .jfif, .jpe or .png), but 2 .gif\n  hint: " + kRemedy);
}

TEST_CASE("a file of another format's ending is read where its content is JPEG or PNG") {
  const Place place;
  place.put({"a/1.gif", "b/1.png"});
  const test::Bytes pixels(12, 7);
  test::write_bytes(place.folder / "a/2.webp", test::jpeg_bytes(2, 2, 3, pixels));
  test::write_bytes(place.folder / "a/3.HEIC", test::png_bytes(2, 2, 3, pixels));
  test::write_bytes(place.folder / "a/4.txt", test::png_bytes(2, 2, 3, pixels));
  CHECK(place.list(Split::train).files == Names{"a/2.webp", "a/3.HEIC", "b/1.png"});
}

TEST_CASE("a test set without classes is left out and told, a valid set is refused") {
  const Place place;
  place.put({"train/cat/1.png", "train/dog/1.png", "test/1.png", "test/2.png"});
  const SplitFolders splits = place.at().find_splits();
  CHECK(splits.test.empty());
  CHECK(splits.notes == Names{place.folder / "test" +
                              ": its 2 images are in no class's folder, so that the test set has "
                              "no labels and is left out; 'dltool predict RUN " +
                              place.folder / "test" + "' predicts it"});
  place.put({"valid/1.png"});
  CHECK(user_error([&] { place.at().find_splits(); }) ==
        "error: " + place.folder / "valid" +
            ": its 1 image is in no class's folder, and without classes they cannot validate\n  "
            "hint: give it a folder for each class, or leave it out: ignore: [valid], in the "
            "source");
  CHECK(place.at("", ignoring("valid")).find_splits().valid.empty());
  fs::remove_all(place.folder / "valid");
  place.make("valid/cat");
  CHECK(place.at().find_splits().notes[0] ==
        place.folder / "valid" + ": holds no images and is left out");
}

TEST_CASE("a class with an empty folder is told in test, refused in train unless it is allowed") {
  const Place place;
  place.put({"train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/1.txt"});
  CHECK(place.list(Split::test).notes[0] ==
        place.folder / "test" + ": no image is in the folder dog");
  place.make("train/cow");
  const std::string refused = user_error([&] { place.list(Split::train); });
  CHECK(refused == "error: " + place.folder / "train/cow" +
                       ": holds no image (.jpg, .jpeg, .jfif, .jpe or .png)\n  hint: allow_empty: "
                       "true, in the source, keeps it as a class without training samples; ignore: "
                       "[cow] leaves it out");
  const ClassFolderParams allowed{.classes = {}, .ignore = {}, .allow_empty = true};
  const LabelledFiles list = place.list(Split::train, allowed);
  CHECK(list.labels == std::vector<std::int32_t>{0, 2});
  CHECK(list.notes == Names{place.folder / "train" + ": no image is in the folder cow"});
  CHECK(place.classes(ignoring("cow")) == Names{"cat", "dog"});
  CHECK(place.list(Split::train, ignoring("cow")).notes.empty());
  fs::remove_all(place.folder / "train/dog");
  fs::remove_all(place.folder / "train/cat");
  CHECK(user_error([&] {
          place.list(Split::train, allowed);
        }).starts_with("error: " + place.folder / "train" + ": holds no image"));
}

TEST_CASE("a folder of test that is no class can be ignored, alone or with the whole split") {
  const Place place;
  place.put({"train/cat/1.png", "train/dog/1.png", "test/unknown/1.png"});
  CHECK(user_error([&] { place.list(Split::test); }) ==
        "error: " + place.folder / "test/unknown" +
            ": 'unknown' is none of the classes, cat, dog\n  hint: ignore: [unknown], in the "
            "source, leaves it out; ignore: [test] all of that split, which 'dltool predict RUN " +
            place.folder / "test" + "' predicts all the same");
  CHECK(place.at("", ignoring("test")).find_splits().test.empty());
  CHECK(place.at("", ignoring("unknown")).find_splits().test.empty());
}

TEST_CASE("where there is one class the folder that looks right is named") {
  const Place place;
  place.put({"a/images/cat/1.png", "a/images/dog/1.png", "b/all/train/x/cat/1.png",
             "b/all/train/x/dog/1.png", "b/all/test/x/cat/1.png", "c/set/train/cat/1.png",
             "c/set/train/dog/1.png", "d/only/1.png", "e/train/cat/1.png", "e/train/dog/1.png"});
  const auto hint = [&](const std::string& path) { return place.at(path).one_class_hint(); };
  const auto looks_right = [&](const std::string& path) {
    return "path: '" + place.folder / path + "' looks right: its folders are cat, dog";
  };
  CHECK(hint("a") == looks_right("a/images"));
  CHECK(hint("b") == looks_right("b/all/train/x"));
  CHECK(hint("b/all") == looks_right("b/all/train/x"));
  CHECK(hint("c") == looks_right("c/set"));
  CHECK(hint("d") == "each class has a folder of its own, with its images in it");
  CHECK(
      user_error([&] { place.at("e/train/cat").classes(place.at("e/train/cat").find_splits()); }) ==
      "error: " + place.folder / "e/train/cat" +
          ": holds no folders: each class needs one with its images\n  hint: " + looks_right("e"));
}

TEST_CASE("splits under other names are not taken for classes, unless they are listed") {
  const Place place;
  place.put({"training_set/cat/1.png", "training_set/dog/1.png", "test_set/cat/1.png"});
  CHECK(user_error([&] { place.classes(); }) ==
        "error: " + place.root +
            ": its folders test_set and training_set look like splits, not like classes\n  hint: "
            "splits are called train/, valid/ and test/, with a folder for each class in each; "
            "where those are classes, list all of them in the source: classes: [test_set, "
            "training_set]");
  fs::remove_all(place.folder / "test_set");
  place.put({"station/1.png"});
  CHECK(place.classes() == Names{"station", "training_set"});
}

TEST_CASE("folders below the classes that are called alike in each are told") {
  const Place place;
  place.put({"2023/cat/1.png", "2023/dog/1.png", "2024/cat/1.png", "2024/dog/1.png"});
  CHECK(place.list(Split::train).notes ==
        Names{place.root + ": the classes are its folders, 2023, 2024, and the folders cat, dog in "
                           "each of them are not told apart"});
  place.put({"2024/1.png"});
  CHECK(place.list(Split::train).notes.empty());
}

TEST_CASE("a class may be called train where it stands beside others") {
  const Place place;
  place.put({"bus/1.png", "car/1.png", "train/1.png"});
  CHECK(place.classes() == Names{"bus", "car", "train"});
  CHECK(place.list(Split::train).files.size() == 3);
  CHECK(place.at().find_splits().notes.empty());
}

}  // namespace dl
