#pragma once

#include <string>

namespace dl {

// Small files of a run that are written once and read by other commands hold the SHA-256 of
// themselves: of their text with zeros in place of its 64 digits.

/// The text of a JSON object with one more member, "sha256".
std::string sealed_json(const std::string& text);
/// A YAML text with a last line, "# sha256 ...".
std::string sealed_yaml(const std::string& text);

/// Throws UserError (ExitCode::weights) when the text is not what was sealed; `path` and `hint` are
/// for its message. One without a seal is taken as it is: older versions wrote none.
void expect_sealed(const std::string& text, const std::string& path, const std::string& hint = {});

/// What to tell of a text that has no seal; "": it has one.
std::string unsealed_note(const std::string& text, const std::string& path);

}  // namespace dl
