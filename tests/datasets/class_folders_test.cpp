#include "datasets/class_folders.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/support/pictures.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<DataSource> source_of(const std::string& folder) {
  auto source = make_data_source(test::typed("image_folder", {{"path", folder}}));
  source->look_up({});
  return source;
}

}  // namespace

TEST_CASE("folders of splits may have other names, and what is not read beside them is told") {
  const test::TempFolder folder;
  const std::string root = folder.path();
  test::write_pictures(folder / "train", {"cat", "dog"}, 4, 8, 9);
  test::write_pictures(folder / "test", {"cat", "dog"}, 4, 8, 9, 100);
  CHECK(source_of(root)->notes().empty());
  fs::rename(folder / "train", folder / "Train");
  fs::rename(folder / "test", folder / "VALIDATION");
  const auto source = source_of(root);
  CHECK(source->spec().class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(source->has(Split::valid));
  CHECK_FALSE(source->has(Split::test));
  CHECK(source->open(Split::train, {})->sample_name(0) == root + "/Train/cat/0000.jpg");
  CHECK(source->open(Split::valid, {})->size() == 8);
  CHECK(source->notes().empty());

  test::write_bytes(folder / "readme.md", {1});
  fs::create_directories(folder / "cow");
  fs::create_directories(folder / "testing");
  test::write_bytes(folder / "b.png", {1});
  test::write_bytes(folder / "a.png", {1});
  test::write_bytes(folder / "Train/c.png", {1});
  CHECK(source_of(root)->notes() ==
        std::vector<std::string>{
            root + ": cow/, testing/ are not read: only train/, valid/ and test/ are, where one of "
                   "them is there",
            root + ": 2 pictures are in no class's folder and not read (first a.png)",
            root + "/Train: 1 picture is in no class's folder and not read (first c.png)"});
  CHECK(source_of(root + "/Train")->notes().size() == 1);
}

}  // namespace dl
