#include "engine/train/checkpoint_search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/error.h"
#include "engine/train/manifest.h"
#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"
#include "tests/support/formula.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::FailingFileSystem;
using test::Failure;
using test::TempFolder;

/// A small state of training, another one for each step.
struct Sample {
  explicit Sample(std::int64_t step)
      : weight(test::formula_tensor(static_cast<std::uint32_t>(step), 6)),
        slot(test::formula_tensor(static_cast<std::uint32_t>(step) + 1000, 6)),
        content{{float_tensor("fc.weight", {2, 3}, weight)},
                {float_tensor("momentum/fc.weight", {2, 3}, slot)},
                {float_tensor("fc.weight", {2, 3}, slot)},
                {float_tensor("rnn.h_l0", {2, 3}, slot)},
                "{\"step\": " + std::to_string(step) + "}"} {}
  std::vector<float> weight, slot;
  CheckpointContent content;
};

std::string save(FileSystem& files, const std::string& run, std::int64_t step, bool best = false,
                 std::int64_t keep = 10) {
  return save_checkpoint(files, run, step, Sample(step).content, best, keep);
}

/// The step of what is found; its bytes must be those of that step.
std::int64_t found_step(const std::string& run, Which which = Which::last,
                        std::vector<std::string>* skipped = nullptr) {
  std::vector<std::string> passed_over;
  const LoadedCheckpoint loaded = find_checkpoint(run, which, passed_over);
  const Sample sample(loaded.step);
  CHECK(std::ranges::equal(loaded.model.find("fc.weight")->floats(), sample.weight));
  CHECK(std::ranges::equal(loaded.optim.find("momentum/fc.weight")->floats(), sample.slot));
  REQUIRE(loaded.ema.has_value());
  CHECK(std::ranges::equal(loaded.ema->find("fc.weight")->floats(), sample.slot));
  REQUIRE(loaded.carried.has_value());
  CHECK(std::ranges::equal(loaded.carried->find("rnn.h_l0")->floats(), sample.slot));
  CHECK(loaded.state == sample.content.state);
  if (skipped != nullptr) *skipped = passed_over;
  return loaded.step;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

bool loads_weights(const std::string& folder) {
  try {
    const LoadedCheckpoint loaded = load_checkpoint(folder, Keep::weights);
    return loaded.optim.tensors().empty() && !loaded.carried;
  } catch (const UserError&) {
    return false;
  }
}

/// The text of the UserError that loading `folder` ends with; "" when it loads. Where only weights
/// are kept the rest is verified all the same.
std::string problem(const std::string& folder) {
  try {
    load_checkpoint(folder);
    CHECK(loads_weights(folder));
    return "";
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    CHECK_FALSE(loads_weights(folder));
    return error.diagnostics()[0].message;
  }
}

void overwrite(const std::string& path, const std::string& bytes) {
  test::write_bytes(path, test::Bytes(bytes.begin(), bytes.end()));
}

/// In place: some file systems flush a file that is emptied and written again.
void flip_each_bit(const std::string& path, const std::string& whole,
                   const std::function<void(std::size_t)>& look) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    file.flush();
    REQUIRE(file.good());
  };
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    put(bit / 8, static_cast<char>(whole[bit / 8] ^ (1 << bit % 8)));
    look(bit);
    put(bit / 8, whole[bit / 8]);
  }
}

}  // namespace

TEST_CASE("a checkpoint is a folder of files that its MANIFEST lists") {
  const TempFolder run;
  const auto files = real_file_system();
  std::string said;
  const std::string path = save_checkpoint(*files, run.path(), 1000, Sample(1000).content, true, 3,
                                           [&](const std::string& saved) { said = saved; });
  CHECK(path == run / "checkpoints/step-00001000");
  CHECK(said == path);
  CHECK(names_in(run / "checkpoints") == Names{"best", "last", "step-00001000"});
  CHECK(names_in(path) == Names{"MANIFEST", "carried.safetensors", "ema.safetensors",
                                "model.safetensors", "optim.safetensors", "state.json"});
  CHECK(fs::read_symlink(run / "checkpoints/last") == "step-00001000");
  CHECK(fs::read_symlink(run / "checkpoints/best") == "step-00001000");
  const std::string manifest = read_file(path + "/MANIFEST");
  CHECK(manifest.starts_with("dltool checkpoint 1\nstep 1000\nbest yes\nmodel.safetensors "));
  CHECK(found_step(run.path()) == 1000);
  CHECK(load_checkpoint(run / "checkpoints/last").step == 1000);
}

TEST_CASE("the newest are kept, and the best") {
  const TempFolder run;
  const auto files = real_file_system();
  for (const std::int64_t step : {1, 2, 3, 4, 5}) save(*files, run.path(), step, step == 2, 2);
  CHECK(names_in(run / "checkpoints") ==
        Names{"best", "last", "step-00000002", "step-00000004", "step-00000005"});
  CHECK(found_step(run.path()) == 5);
  CHECK(found_step(run.path(), Which::best) == 2);
}

TEST_CASE("'saved' is said before old checkpoints go, and not when saving failed") {
  const TempFolder run;
  const auto real = real_file_system();
  save(*real, run.path(), 1);
  bool older_there = false;
  save_checkpoint(*real, run.path(), 2, Sample(2).content, false, 1, [&](const std::string&) {
    older_there = fs::exists(run / "checkpoints/step-00000001");
  });
  CHECK(older_there);
  CHECK_FALSE(fs::exists(run / "checkpoints/step-00000001"));
}

TEST_CASE("every truncation and every flipped bit in any file of a checkpoint is found") {
  const TempFolder run;
  const auto files = real_file_system();
  Sample sample(1);
  sample.content.ema.clear();  // the same code as for the others
  sample.content.carried.clear();
  const std::string folder = save_checkpoint(*files, run.path(), 1, sample.content, true, 1);
  REQUIRE(problem(folder) == "");
  for (const std::string& name : names_in(folder)) {
    const std::string path = folder + "/" + name;
    const std::string whole = read_file(path);
    flip_each_bit(path, whole, [&](std::size_t bit) {
      if (problem(folder).empty()) FAIL(name << " with bit " << bit << " flipped was loaded");
    });
    REQUIRE(problem(folder) == "");
    for (std::size_t size = whole.size(); size-- > 0;) {
      fs::resize_file(path, size);
      if (problem(folder).empty()) FAIL(name << " cut to " << size << " bytes was loaded");
    }
    overwrite(path, whole + "x");
    CHECK(problem(folder) != "");
    fs::remove(path);
    CHECK(problem(folder).starts_with("cannot open " + path));
    overwrite(path, whole);
  }
  CHECK(problem(folder) == "");
}

TEST_CASE("a damaged checkpoint is passed over and named; with none left the exit code is 5") {
  const TempFolder run;
  const auto files = real_file_system();
  for (const std::int64_t step : {1, 2, 3}) save(*files, run.path(), step, step == 3);
  fs::resize_file(run / "checkpoints/step-00000003/model.safetensors", 100);
  std::vector<std::string> skipped;
  CHECK(found_step(run.path(), Which::last, &skipped) == 2);
  REQUIRE(skipped.size() == 1);
  CHECK(skipped[0].starts_with("checkpoint step-00000003 is passed over: "));
  CHECK(skipped[0].find("model.safetensors: damaged: it has 100 bytes instead of ") !=
        std::string::npos);

  CHECK(found_step(run.path(), Which::best, &skipped) == 2);
  REQUIRE(skipped.size() == 2);
  CHECK(skipped[1] == "the best checkpoint cannot be told; the newest that is whole is taken");

  fs::remove(run / "checkpoints/step-00000002/MANIFEST");
  overwrite(run / "checkpoints/step-00000001/state.json", "{\"step\": 7}");
  try {
    find_checkpoint(run.path(), Which::last, skipped);
    FAIL("a damaged checkpoint was loaded");
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::weights);
    for (const char* name : {"step-00000001", "step-00000002", "step-00000003"})
      CHECK(error.diagnostics()[0].hint.find(name) != std::string::npos);
  }
}

TEST_CASE("a run without checkpoints has nothing to go on with") {
  const TempFolder run;
  std::vector<std::string> skipped;
  try {
    find_checkpoint(run.path(), Which::last, skipped);
    FAIL("found one");
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::run_folder);
  }
}

TEST_CASE("links that dangle, are missing or point elsewhere do not matter, and are set right") {
  const TempFolder run;
  const auto files = real_file_system();
  for (const std::int64_t step : {1, 2, 3}) save(*files, run.path(), step, step == 2);
  fs::remove(run / "checkpoints/last");
  fs::create_symlink("step-00000009", run / "checkpoints/last");
  fs::remove(run / "checkpoints/best");
  CHECK(found_step(run.path()) == 3);
  CHECK(found_step(run.path(), Which::best) == 2);
  save(*files, run.path(), 4);
  CHECK(fs::read_symlink(run / "checkpoints/last") == "step-00000004");
  CHECK(fs::read_symlink(run / "checkpoints/best") == "step-00000002");
}

TEST_CASE("a folder under another step's name is not taken for that step") {
  const TempFolder run;
  save(*real_file_system(), run.path(), 1);
  fs::copy(run / "checkpoints/step-00000001", run / "checkpoints/step-00000007");
  std::vector<std::string> skipped;
  CHECK(found_step(run.path(), Which::last, &skipped) == 1);
  CHECK(skipped.size() == 1);
  for (const char* name : {"step-9", "step-+0000009", "step-x", "step-", "step--0000009"})
    fs::create_directory(run / ("checkpoints/" + std::string(name)));
  CHECK(found_step(run.path(), Which::last, &skipped) == 1);
  CHECK(skipped.size() == 1);
}

TEST_CASE("a checkpoint of the same step is replaced, and stays the best") {
  const TempFolder run;
  const auto files = real_file_system();
  save(*files, run.path(), 1, true);
  save(*files, run.path(), 1);
  CHECK(names_in(run / "checkpoints") == Names{"best", "last", "step-00000001"});
  CHECK(load_checkpoint(run / "checkpoints/best").best);
  // A damaged one too.
  overwrite(run / "checkpoints/step-00000001/MANIFEST", "nothing");
  save(*files, run.path(), 1);
  CHECK(found_step(run.path()) == 1);
}

TEST_CASE("a manifest of another version says so") {
  const TempFolder run;
  const std::string folder = save(*real_file_system(), run.path(), 1);
  std::string text = read_file(folder + "/MANIFEST");
  text = "dltool checkpoint 2" + text.substr(19, text.rfind("MANIFEST ") - 19);
  overwrite(folder + "/MANIFEST", text + "MANIFEST " + sha256_hex(text) + "\n");
  CHECK(problem(folder).find("written by another version of dltool: 'dltool checkpoint 2'") !=
        std::string::npos);
}

TEST_CASE("a manifest with a line that is not understood is refused") {
  const TempFolder run;
  const std::string folder = save(*real_file_system(), run.path(), 1);
  const std::string text = read_file(folder + "/MANIFEST");
  const std::string body = text.substr(0, text.rfind("MANIFEST "));
  for (const char* more : {"more\n", "two words\n", "x 0x1 y\n", "x -1 y\n", "\n"}) {
    const std::string changed = body + more;
    overwrite(folder + "/MANIFEST", changed + "MANIFEST " + sha256_hex(changed) + "\n");
    CHECK_MESSAGE(problem(folder).find("a line is malformed") != std::string::npos, more);
  }
}

TEST_CASE("what dead writers left behind goes with the next save") {
  const TempFolder run;
  const auto files = real_file_system();
  save(*files, run.path(), 1);
  fs::create_directories(run / "checkpoints/.tmp-5-1");
  overwrite(run / "checkpoints/.tmp-5-1/model.safetensors", "half");
  fs::create_symlink("step-00000005", run / "checkpoints/.tmp-last-77");
  save(*files, run.path(), 2);
  CHECK(names_in(run / "checkpoints") == Names{"last", "step-00000001", "step-00000002"});
}

}  // namespace dl
