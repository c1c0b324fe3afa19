#include "engine/train/run_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <set>

#include "core/error.h"
#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"

namespace dl {
namespace {

namespace fs = std::filesystem;
using test::FailingFileSystem;
using test::Failure;
using test::TempFolder;

/// The working folder is `folder` while this lives: runs/ is made there.
class WorkIn {
 public:
  explicit WorkIn(const std::string& folder) : before_(fs::current_path()) {
    fs::current_path(folder);
  }
  ~WorkIn() { fs::current_path(before_); }

 private:
  fs::path before_;
};

/// Two ends that a child and its parent use to wait for each other.
struct Pipe {
  Pipe() { REQUIRE(::pipe(ends.data()) == 0); }
  ~Pipe() {
    for (const int end : ends) ::close(end);
  }
  void signal() const { CHECK(::write(ends[1], "x", 1) == 1); }
  void wait() const {
    char byte = 0;
    CHECK(::read(ends[0], &byte, 1) == 1);
  }
  std::array<int, 2> ends{};
};

/// Runs `body` in another process and returns that process; its result is the exit code.
pid_t in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  return child;
}

int result_of(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

int code_of(const std::function<void()>& body) {
  try {
    body();
    return 0;
  } catch (const UserError& error) {
    return static_cast<int>(error.code());
  }
}

std::size_t entries_in(const std::string& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : fs::recursive_directory_iterator(folder)) ++count;
  return count;
}

}  // namespace

TEST_CASE("runs are numbered, and one that has begun is never overwritten") {
  const TempFolder folder;
  const WorkIn here(folder.path());
  const auto files = real_file_system();
  for (const char* path : {"runs/lenet-001", "runs/lenet-002"}) {
    RunFolder run = RunFolder::create(*files, "", "lenet");
    CHECK(run.path() == path);
    run.write("config.resolved.yaml", "version: 1\n");  // from now on there is something to resume
  }
  CHECK(RunFolder::create(*files, "", "mlp").path() == "runs/mlp-001");
  CHECK(RunFolder::create(*files, "", "../up/and away").path() == "runs/.._up_and away-001");

  RunFolder run = RunFolder::create(*files, "some/where/mine/", "lenet");
  CHECK(run.path() == "some/where/mine");
  run.write("config.yaml", "version: 1\n");
  CHECK(read_file(run.file("config.yaml")) == "version: 1\n");

  fs::create_directory("empty");
  fs::create_symlink("nowhere", "dangling");
  test::write_bytes("file", {1});
  for (const char* taken : {"runs/lenet-001", "empty", "dangling", "file"})
    CHECK(code_of([&] { RunFolder::create(*files, taken, ""); }) == 10);
  CHECK(code_of([&] { RunFolder::create(*files, "file/run", ""); }) == 6);
}

TEST_CASE("a folder that another process works in is locked, and the loser changes nothing") {
  const TempFolder folder;
  const std::string path = folder / "run";
  const auto files = real_file_system();
  const Pipe ready, done;
  const pid_t child = in_child([&] {
    RunFolder run = RunFolder::create(*files, path, "");
    run.write("config.resolved.yaml", "version: 1\n");
    ready.signal();
    done.wait();
    return 0;
  });
  ready.wait();
  const std::size_t before = entries_in(folder.path());
  CHECK(code_of([&] { RunFolder::create(*files, path, ""); }) == 11);
  CHECK(code_of([&] { RunFolder::open(*files, path); }) == 11);
  CHECK(entries_in(folder.path()) == before);
  done.signal();
  CHECK(result_of(child) == 0);
  CHECK(code_of([&] { RunFolder::create(*files, path, ""); }) == 10);
  CHECK(code_of([&] { RunFolder::open(*files, path); }) == 0);
}

TEST_CASE("of many that start at once on one folder, one wins and the others end with 11") {
  const auto files = real_file_system();
  for (int round = 0; round < 20; ++round) {
    const TempFolder folder;
    const Pipe done;
    std::array<pid_t, 4> children{};
    for (pid_t& child : children) {
      child = in_child([&] {
        return code_of([&] {
          const RunFolder run = RunFolder::create(*files, folder / "run", "");
          done.wait();
        });
      });
    }
    // The three losers end by themselves; only then may the winner.
    std::multiset<int> codes;
    for (int i = 0; i < 3; ++i) {
      int status = 0;
      REQUIRE(::wait(&status) > 0);
      codes.insert(WEXITSTATUS(status));
    }
    CHECK(codes == std::multiset<int>{11, 11, 11});
    CHECK(entries_in(folder.path()) == 2);  // the folder and its lock
    done.signal();
    int status = 0;
    REQUIRE(::wait(&status) > 0);
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("runs that start at once get numbers of their own") {
  const TempFolder folder;
  const WorkIn here(folder.path());
  const auto files = real_file_system();
  std::array<pid_t, 6> children{};
  for (pid_t& child : children) {
    child = in_child([&] {
      return code_of([&] {
        for (int i = 0; i < 5; ++i)
          RunFolder::create(*files, "", "run").write("mine", std::to_string(::getpid()));
      });
    });
  }
  for (const pid_t child : children) CHECK(result_of(child) == 0);
  std::size_t runs = 0;
  for (const auto& entry : fs::directory_iterator("runs")) {
    ++runs;
    CHECK(fs::exists(entry.path() / "mine"));
    CHECK(entry.path().filename().string().size() == 7);  // no temporary is left
  }
  CHECK(runs == 30);
}

TEST_CASE("a lock goes with the process, not with the file") {
  const TempFolder folder;
  const auto files = real_file_system();
  CHECK(result_of(in_child([&] {
          auto* run = new RunFolder(RunFolder::create(*files, folder / "run", ""));
          run->write("config.resolved.yaml", "");
          return 0;  // as if it had been killed: nothing is closed
        })) == 0);
  const RunFolder run = RunFolder::open(*files, folder / "run/");
  CHECK(run.path() == folder / "run");
}

TEST_CASE("a reader sees whether a process works in a run, and does not keep it from working") {
  const TempFolder folder;
  const std::string path = folder / "run";
  const auto files = real_file_system();
  CHECK_FALSE(RunFolder::in_use(path));
  const Pipe ready, done;
  const pid_t child = in_child([&] {
    RunFolder run = RunFolder::create(*files, path, "");
    run.write("config.resolved.yaml", "version: 1\n");
    ready.signal();
    done.wait();
    return 0;
  });
  ready.wait();
  const std::size_t before = entries_in(folder.path());
  CHECK(RunFolder::in_use(path));
  CHECK(entries_in(folder.path()) == before);
  done.signal();
  CHECK(result_of(child) == 0);
  CHECK_FALSE(RunFolder::in_use(path));
  CHECK(code_of([&] { RunFolder::open(*files, path); }) == 0);
}

TEST_CASE("a file of a run can be taken away, whether it is there or not") {
  const TempFolder folder;
  const auto files = real_file_system();
  RunFolder run = RunFolder::create(*files, folder / "run", "");
  run.write("exit.json", "{}");
  run.remove("exit.json");
  run.remove("exit.json");
  CHECK_FALSE(fs::exists(run.file("exit.json")));
}

TEST_CASE("of many that start at once in the folder of a dead start, one gets it") {
  const auto files = real_file_system();
  for (int round = 0; round < 20; ++round) {
    const TempFolder folder;
    fs::create_directories(folder / "run/checkpoints/step-00000000");
    for (const char* name : {"run/.lock", "run/config.yaml", "run/env.json.tmp-1"})
      test::write_bytes(folder / name, {});
    const Pipe emptied, done;
    std::array<pid_t, 4> children{};
    for (pid_t& child : children) {
      child = in_child([&] {
        return code_of([&] {
          const RunFolder run = RunFolder::create(*files, folder / "run", "");
          emptied.signal();
          done.wait();
        });
      });
    }
    std::multiset<int> codes;
    for (int i = 0; i < 3; ++i) {
      int status = 0;
      REQUIRE(::wait(&status) > 0);
      codes.insert(WEXITSTATUS(status));
    }
    CHECK(codes == std::multiset<int>{11, 11, 11});
    emptied.wait();  // the losers may be gone before the winner has taken away what was there
    CHECK(entries_in(folder.path()) == 2);  // the folder and its lock
    done.signal();
    int status = 0;
    REQUIRE(::wait(&status) > 0);
    CHECK(WEXITSTATUS(status) == 0);
  }
}

TEST_CASE("a folder that may hold what somebody wants is not taken for that of a dead start") {
  const auto files = real_file_system();
  const auto code_with = [&](const std::string& name) {
    const TempFolder folder;
    fs::create_directory(folder / "run");
    test::write_bytes(folder / "run/.lock", {});
    if (name.ends_with('/'))
      fs::create_directories(folder / ("run/" + name));
    else if (!name.empty())
      test::write_bytes(folder / ("run/" + name), {1});
    const int code = code_of([&] { RunFolder::create(*files, folder / "run", ""); });
    if (code != 0) CHECK(fs::exists(folder / ("run/" + name)));
    return code;
  };
  CHECK(code_with("") == 0);
  CHECK(code_with("checkpoints/step-00000000/") == 0);
  for (const char* name : {"thesis.tex", "metrics.jsonl", "log.txt", "config.resolved.yaml",
                           "checkpoints/step-00000010/", "checkpoints/.old-step-00000010/"}) {
    CAPTURE(name);
    CHECK(code_with(name) == 10);
  }
}

TEST_CASE("the number of a dead start is used again") {
  const TempFolder folder;
  const WorkIn here(folder.path());
  const auto files = real_file_system();
  fs::create_directories("runs/net-001");
  test::write_bytes("runs/net-001/.lock", {});
  CHECK(RunFolder::create(*files, "", "net").path() == "runs/net-001");
}

TEST_CASE("a run knows whether its folder is still there") {
  const TempFolder folder;
  const auto files = real_file_system();
  const RunFolder run = RunFolder::create(*files, folder / "run", "");
  run.expect_there();
  fs::rename(folder / "run", folder / "away");
  CHECK(code_of([&] { run.expect_there(); }) == 6);
  fs::create_directory(folder / "run");
  test::write_bytes(folder / "run/.lock", {});
  CHECK(code_of([&] { run.expect_there(); }) == 6);
}

TEST_CASE("there is nothing to resume where no run is") {
  const TempFolder folder;
  const auto files = real_file_system();
  CHECK(code_of([&] { RunFolder::open(*files, folder / "none"); }) == 10);
  CHECK(code_of([&] { RunFolder::open(*files, folder.path()); }) == 10);
  CHECK(entries_in(folder.path()) == 0);
}

TEST_CASE("each file operation of making a run folder may fail: exit code 6, nothing half-made") {
  const auto real = real_file_system();
  for (const Failure failure : {Failure::no_space, Failure::io_error}) {
    for (int at = 1;; ++at) {
      const TempFolder folder;
      FailingFileSystem files(*real, failure, at);
      const int code = code_of([&] { RunFolder::create(files, folder / "runs/new", ""); });
      if (code == 0) break;
      CHECK(code == 6);
      CHECK_FALSE(fs::exists(folder / "runs/new/config.yaml"));
      for (const auto& entry : fs::directory_iterator(folder.path()))
        CHECK(entry.path().filename() == "runs");
    }
  }
}

TEST_CASE(
    "a metrics file grows, is cut on resuming, and says when it is shorter than it should be") {
  const TempFolder folder;
  const auto files = real_file_system();
  {
    GrowingFile file(*files, folder / "metrics.jsonl");
    file.append("{\"epoch\": 1}\n");
    file.sync();
    CHECK(file.size() == 13);
    file.append("{\"epoch\": 2}\n{\"ep");
  }
  GrowingFile file(*files, folder / "metrics.jsonl");
  CHECK(file.size() == 30);
  CHECK(file.cut(13));
  file.append("{\"epoch\": 3}\n");
  CHECK(read_file(folder / "metrics.jsonl") == "{\"epoch\": 1}\n{\"epoch\": 3}\n");
  CHECK(file.size() == 26);
  CHECK_FALSE(file.cut(27));
  CHECK(file.size() == 26);
}

TEST_CASE("a torn line is cut off, wherever its file ends") {
  const auto files = real_file_system();
  const std::string line(5000, 'x');  // longer than what is read at once
  for (const auto& [text, whole] :
       std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                        {"{}\n", "{}\n"},
                                                        {"{}\n{\"ep", "{}\n"},
                                                        {"{\"ep", ""},
                                                        {line + "\n" + line, line + "\n"},
                                                        {line, ""}}) {
    const TempFolder folder;
    test::write_bytes(folder / "file", test::Bytes(text.begin(), text.end()));
    GrowingFile file(*files, folder / "file");
    CHECK(file.cut_torn_line() == (text != whole));
    CHECK(file.size() == whole.size());
    file.append("[]\n");
    CHECK(read_file(folder / "file") == whole + "[]\n");
  }
}

TEST_CASE("a full disk under a metrics file is an error with exit code 6") {
  const TempFolder folder;
  const auto real = real_file_system();
  FailingFileSystem files(*real, Failure::short_write, 2);
  GrowingFile file(files, folder / "metrics.jsonl");
  CHECK(code_of([&] { file.append("{\"epoch\": 1}\n"); }) == 6);
}

TEST_CASE("a run folder that was made is there for good") {
  const auto disk = real_file_system();
  FailingFileSystem files(*disk);
  const TempFolder folder;
  const RunFolder run = RunFolder::create(files, folder / "run", "name");
  CHECK(fs::exists(folder / "run"));
  CHECK_FALSE(files.unsynced_folders().contains(folder.path()));
}

}  // namespace dl
