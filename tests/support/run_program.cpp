#include "tests/support/run_program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace dl::test {
namespace {

std::string text_of(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char buffer[4096];
  while (const std::size_t count = std::fread(buffer, 1, sizeof(buffer), file))
    text.append(buffer, count);
  return text;
}

[[noreturn]] void become(const std::vector<char*>& words, const std::string& folder, int out,
                         int err) {
  if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
  ::setenv("OMP_NUM_THREADS", "2", 1);
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", 1);
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGUSR1}) ::signal(number, SIG_DFL);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::execv(words[0], words.data());
  ::_exit(127);
}

}  // namespace

RunningProgram::RunningProgram(const std::string& program,
                               const std::vector<std::string>& arguments, const std::string& folder)
    : out_(std::tmpfile()), err_(std::tmpfile()) {
  if (!out_ || !err_) throw std::runtime_error("no temporary file");
  std::vector<std::string> texts = {program};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  std::vector<char*> words;
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("fork failed");
  if (child_ == 0) become(words, folder, ::fileno(out_), ::fileno(err_));
}

RunningProgram::~RunningProgram() {
  if (!ended_) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, &status_, 0);
  }
  std::fclose(out_);
  std::fclose(err_);
}

void RunningProgram::signal(int number) const {
  if (!ended_) ::kill(child_, number);
}

bool RunningProgram::ended() {
  if (!ended_) ended_ = ::waitpid(child_, &status_, WNOHANG) == child_;
  return ended_;
}

ProgramResult RunningProgram::wait(double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!ended()) {
    if (std::chrono::steady_clock::now() > end) ::kill(child_, SIGKILL);
    sleep_milliseconds(2);
  }
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 1000 + WTERMSIG(status_), text_of(out_),
          text_of(err_)};
}

ProgramResult run_program(const std::string& program, const std::vector<std::string>& arguments,
                          const std::string& folder) {
  return RunningProgram(program, arguments, folder).wait();
}

void sleep_milliseconds(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

bool wait_until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    sleep_milliseconds(2);
  }
  return true;
}

}  // namespace dl::test
