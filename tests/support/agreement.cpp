#include "tests/support/agreement.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/paths.h"
#include "tests/support/run_program.h"

namespace dl::test {
namespace {

std::string first_error(const std::string& text) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find("error: ") != std::string::npos) return line;
  }
  return "";
}

/// Of memory: what the process has taken so far is among the figures, and differs by some pages.
std::string without_figures(std::string error) {
  std::erase_if(error, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
  return error;
}

}  // namespace

Agreement::Agreement(std::vector<std::string> arguments, std::string run, std::string folder)
    : arguments_(std::move(arguments)), run_(std::move(run)), folder_(std::move(folder)) {}

int Agreement::check() const {
  const Outcome checked = run("check");
  same(checked, run("train", {"--run", run_, "-q"}), "train");
  if (checked.code != 0) CHECK_FALSE(std::filesystem::exists(run_));
  std::filesystem::remove_all(run_);
  if (checked.code == 0 || checked.code == 3) {
    same(checked, run("summary"), "summary");
    same(checked, run("bench", {"--steps", "1"}), "bench");
  }
  return checked.code;
}

Agreement::Outcome Agreement::run(const std::string& verb,
                                  const std::vector<std::string>& more) const {
  std::vector<std::string> arguments = {verb};
  arguments.insert(arguments.end(), arguments_.begin(), arguments_.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProgramResult result = run_program(dltool_binary(), arguments, folder_);
  const std::string error = first_error(result.err);
  return {result.exit_code, result.exit_code == 7 ? without_figures(error) : error};
}

void Agreement::same(const Outcome& checked, const Outcome& other, const std::string& verb) const {
  CAPTURE(arguments_[0]);
  CAPTURE(verb);
  CHECK(other.code == checked.code);
  CHECK(other.error == checked.error);
}

}  // namespace dl::test
