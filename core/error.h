#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/exit_code.h"
#include "core/source.h"

namespace dl {

/// One thing that a user can put right: where it is, what it is, and (perhaps) what to do.
struct Diagnostic {
  Mark mark;            // may be without a position
  std::string message;  // "layer 'conv1' (conv): unknown key 'kernal_size'; did you mean ..."
  std::string hint = {};

  /// The message as it is printed: position, source line, caret, hint. Control characters are
  /// escaped.
  std::string text() const;
};

/// A mistake of the user's (never a bug of ours): one or more diagnostics and the exit code they
/// lead to.
class UserError : public std::runtime_error {
 public:
  UserError(ExitCode code, std::vector<Diagnostic> diagnostics);
  /// An error without a position: data, files, memory.
  UserError(ExitCode code, std::string message, std::string hint = {});
  /// An error in the config at `mark`.
  UserError(const Mark& mark, std::string message, std::string hint = {});

  ExitCode code() const { return code_; }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

 private:
  ExitCode code_;
  std::vector<Diagnostic> diagnostics_;
};

/// How a command ended that threw: the program's exit code, and what to tell the user.
struct FailureReport {
  ExitCode code;
  std::string message;
};
FailureReport failure_report(const std::exception_ptr& error);

/// Sources that do not fit a layer's parameters. Thrown by Layer::infer, which does not know its
/// own name or place; the graph adds both.
class ShapeError : public std::runtime_error {
 public:
  explicit ShapeError(const std::string& message, std::string hint = {})
      : std::runtime_error(message), hint_(std::move(hint)) {}
  const std::string& hint() const { return hint_; }

 private:
  std::string hint_;
};

/// Collects the config errors of a pass, so that all of a file are reported at once (up to 20).
class Problems {
 public:
  void add(Diagnostic diagnostic);
  void add(const Mark& mark, std::string message, std::string hint = {});
  /// Takes over all diagnostics of `error`, each message behind `prefix` ("layer 'conv1' (conv):
  /// ").
  void add(const UserError& error, const std::string& prefix = {});

  bool empty() const { return found_.empty(); }
  /// Throws one UserError (ExitCode::config) with everything collected, ordered by file and line.
  void throw_if_any() const;

 private:
  std::vector<Diagnostic> found_;
};

}  // namespace dl
