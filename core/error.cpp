#include "core/error.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <tuple>

#include "core/file_system.h"
#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kMaxReported = 20;
constexpr std::size_t kMaxLineShown = 160;

std::string joined(const std::vector<Diagnostic>& diagnostics) {
  std::string all;
  for (std::size_t i = 0; i < diagnostics.size() && i < kMaxReported; ++i) {
    if (i > 0) all += '\n';
    all += diagnostics[i].text();
  }
  if (diagnostics.size() > kMaxReported) {
    all += "\n(and " + std::to_string(diagnostics.size() - kMaxReported) + " more errors)";
  }
  return all;
}

/// The source line and the caret under it; a long line is shown as a window around the position.
std::string excerpt(const Mark& mark) {
  const std::string_view line = mark.file->line(mark.line);
  const std::size_t column = std::min<std::size_t>(mark.column - 1, line.size());
  std::size_t begin = 0;
  if (line.size() > kMaxLineShown && column > kMaxLineShown / 2) begin = column - kMaxLineShown / 2;
  const std::string_view shown = line.substr(begin, kMaxLineShown);
  const std::size_t offset = column - begin;
  const std::size_t room = shown.size() > offset ? shown.size() - offset : 1;
  const std::size_t length = std::clamp<std::size_t>(mark.length, 1, room);

  // Escaping may lengthen what stands before the caret, so measure the escaped prefix.
  const std::string number = std::to_string(mark.line);
  std::string out = "   " + number + " | " + escaped(shown) + "\n";
  out += std::string(3 + number.size(), ' ') + " | ";
  out += std::string(escaped(shown.substr(0, offset)).size(), ' ') + '^' +
         std::string(length - 1, '~');
  return out;
}

}  // namespace

std::string Diagnostic::text() const {
  std::string out = mark.valid() ? escaped(mark.text()) + ": error: " : "error: ";
  out += escaped(message);
  if (mark.valid()) out += "\n" + excerpt(mark);
  if (!hint.empty()) out += "\n  hint: " + escaped(hint);
  return out;
}

UserError::UserError(ExitCode code, std::vector<Diagnostic> diagnostics)
    : std::runtime_error(joined(diagnostics)), code_(code), diagnostics_(std::move(diagnostics)) {}

UserError::UserError(ExitCode code, std::string message, std::string hint)
    : UserError(code, {Diagnostic{{}, std::move(message), std::move(hint)}}) {}

UserError::UserError(const Mark& mark, std::string message, std::string hint)
    : UserError(ExitCode::config, {Diagnostic{mark, std::move(message), std::move(hint)}}) {}

void Problems::add(Diagnostic diagnostic) { found_.push_back(std::move(diagnostic)); }

void Problems::add(const Mark& mark, std::string message, std::string hint) {
  add(Diagnostic{mark, std::move(message), std::move(hint)});
}

void Problems::add(const UserError& error, const std::string& prefix) {
  for (Diagnostic diagnostic : error.diagnostics()) {
    diagnostic.message.insert(0, prefix);
    found_.push_back(std::move(diagnostic));
  }
}

void Problems::throw_if_any() const {
  if (found_.empty()) return;
  std::vector<Diagnostic> sorted = found_;
  const auto key = [](const Diagnostic& d) {
    return std::tuple(d.mark.file ? d.mark.file->path() : std::string(), d.mark.line,
                      d.mark.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  throw UserError(ExitCode::config, std::move(sorted));
}

FailureReport failure_report(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const UserError& user) {
    return {user.code(), user.what()};
  } catch (const FileError& file) {
    return {ExitCode::output, "error: " + escaped(file.what())};
  } catch (const std::system_error& system) {  // fmt's, when it cannot print
    return {ExitCode::output, "error: " + escaped(system.what())};
  } catch (const std::bad_alloc&) {
    return {ExitCode::memory, "error: out of memory\n  hint: a smaller data.batch needs less"};
  } catch (const std::exception& other) {
    return {ExitCode::internal,
            "error: internal error, a bug of dltool's: " + escaped(other.what())};
  }
}

}  // namespace dl
