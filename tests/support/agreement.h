#pragma once

#include <string>
#include <vector>

namespace dl::test {

/// What verbs make of one config. Each call runs the real program.
class Agreement {
 public:
  /// `arguments`: the config and what else is common to all verbs; `run`: a folder that is not
  /// there, and is not afterwards. The program runs in `folder`.
  Agreement(std::vector<std::string> arguments, std::string run, std::string folder = "");

  /// Checks, as a doctest, that `train` starts where `check` accepts the config, and refuses it
  /// with the same exit code and the same first error where `check` does; likewise `summary` and
  /// `bench`, which need no data: of what check refuses they refuse what is wrong in the config
  /// (exit code 3). Returns check's code.
  int check() const;

 private:
  struct Outcome {
    int code;
    std::string error;  // the first
  };
  Outcome run(const std::string& verb, const std::vector<std::string>& more = {}) const;
  void same(const Outcome& checked, const Outcome& other, const std::string& verb) const;

  std::vector<std::string> arguments_;
  std::string run_, folder_;
};

}  // namespace dl::test
