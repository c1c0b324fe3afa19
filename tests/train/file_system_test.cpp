#include "core/file_system.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>

#include "tests/support/data_files.h"
#include "tests/support/failing_file_system.h"

namespace dl {
namespace {

using test::FailingFileSystem;
using test::Failure;
using test::TempFolder;

std::size_t files_in(const TempFolder& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
    ++count;
  return count;
}

int error_of(const auto& operation) {
  try {
    operation();
  } catch (const FileError& error) {
    return error.error_number();
  }
  return 0;
}

}  // namespace

TEST_CASE("what is written is read back, and appended text follows it") {
  const TempFolder folder;
  const auto files = real_file_system();
  write_file(*files, folder / "a", std::string("one\0two", 7));
  const auto more = files->append(folder / "a");
  more->write(std::as_bytes(std::span("three", 5)));
  more->close();
  CHECK(read_file(folder / "a") == std::string("one\0twothree", 12));
  files->truncate(folder / "a", 3);
  CHECK(read_file(folder / "a") == "one");
  CHECK_THROWS_AS(read_file(folder / "a", 2), FileError);
}

TEST_CASE("a file error names operation, path and reason") {
  const TempFolder folder;
  const auto files = real_file_system();
  try {
    files->make_folder(folder / "no/such");
    FAIL("made a folder in one that is not there");
  } catch (const FileError& error) {
    CHECK(error.what() ==
          "cannot make folder " + (folder / "no/such") + ": No such file or directory");
  }
  CHECK(error_of([&] { files->make_folder(folder.path()); }) == EEXIST);
  CHECK(error_of([&] { files->create(folder / "no/such"); }) == ENOENT);
  CHECK(error_of([&] { files->rename(folder / "no", folder / "yes"); }) == ENOENT);
  CHECK(error_of([&] { files->sync_folder(folder / "no"); }) == ENOENT);
  CHECK(error_of([&] { files->remove_all(folder / "no"); }) == 0);
}

TEST_CASE("folders and pipes are not read as files") {
  const TempFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(error_of([&] { read_file(folder / "pipe"); }) == EINVAL);
  CHECK(error_of([&] { read_file(folder.path()); }) == EISDIR);
  CHECK(error_of([] { read_file("/dev/zero"); }) == EINVAL);
}

TEST_CASE("reading past the end is an error, not zeros") {
  const TempFolder folder;
  write_file(*real_file_system(), folder / "a", "12345");
  const InputFile file(folder / "a");
  CHECK(file.size() == 5);
  std::string text(2, ' ');
  const auto into = std::as_writable_bytes(std::span(text.data(), text.size()));
  file.read_at(3, into);
  CHECK(text == "45");
  CHECK_THROWS_AS(file.read_at(4, into), FileError);
}

TEST_CASE("an atomic write leaves the old or the new text, whatever fails") {
  const auto real = real_file_system();
  FailingFileSystem counting(*real);
  {
    const TempFolder folder;
    write_file_atomically(counting, folder / "a", "new text");
  }
  REQUIRE(counting.operations() == 6);  // create, write, sync, close, rename, sync of the folder
  for (const Failure failure :
       {Failure::no_space, Failure::io_error, Failure::short_write, Failure::crash}) {
    for (int at = 1; at <= counting.operations(); ++at) {
      const TempFolder folder;
      write_file(*real, folder / "a", "old");
      FailingFileSystem files(*real, failure, at);
      CHECK_THROWS_AS(write_file_atomically(files, folder / "a", "new text"), FileError);
      const std::string text = read_file(folder / "a");
      CHECK_MESSAGE(text == (at == 6 ? "new text" : "old"), at);
      if (failure != Failure::crash) CHECK(files_in(folder) == 1);
    }
  }
}

TEST_CASE("a limit on file sizes is an error of the write when SIGXFSZ is ignored") {
  const TempFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{10, 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    // The first write is short (10 bytes), the rest fails.
    const int error =
        error_of([&] { write_file(*real_file_system(), folder / "a", std::string(30, 'x')); });
    ::_exit(error == EFBIG ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace dl
