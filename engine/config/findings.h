#pragma once

#include <set>
#include <string>
#include <tuple>

#include "core/error.h"

namespace dl {

/// Errors found while a config is expanded: one for each place. A place is looked at several times
/// (by the check of names, then in every round of a repeat), and what was said of it first is
/// enough.
class Findings {
 public:
  explicit Findings(Problems& problems) : problems_(problems) {}

  void add(const Mark& mark, std::string message, std::string hint = {}) {
    ++count_;
    if (!places_.emplace(mark.file.get(), mark.line, mark.column).second) return;
    problems_.add(mark, std::move(message), std::move(hint));
  }
  /// Takes over a config error; any other (data, weights) is not ours to collect and is thrown on.
  void add(const UserError& error, const std::string& prefix = {}) {
    if (error.code() != ExitCode::config) throw error;
    for (const Diagnostic& found : error.diagnostics())
      add(found.mark, prefix + found.message, found.hint);
  }
  /// Something failed because of what is reported elsewhere.
  void fail() { ++count_; }
  /// Everything that was added, repeated or not: grows when a part of the work has failed.
  std::size_t count() const { return count_; }

 private:
  Problems& problems_;
  std::set<std::tuple<const SourceFile*, int, int>> places_;
  std::size_t count_ = 0;
};

/// "line 4", or "parts/base.yaml:4" where that is another file than the message's own.
inline std::string line_of(const Mark& mark, const Mark& seen_from) {
  if (!mark.valid()) return "?";
  const std::string line = std::to_string(mark.line);
  return mark.file == seen_from.file ? "line " + line : mark.file->path() + ":" + line;
}

}  // namespace dl
