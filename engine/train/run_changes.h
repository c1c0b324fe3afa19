#pragma once

#include <span>
#include <string>
#include <vector>

namespace dl {

/// What resume --set says, with paths of data that start in the working folder made absolute: the
/// run may be resumed from another. Throws UserError (ExitCode::command_line) for what may not
/// change.
std::vector<std::string> allowed_changes(std::span<const std::string> sets);

/// The text of config.resolved.yaml, `before`, with the keys that `sets` name as they are in
/// `after`, which is the same resolved by this version. Other keys stay as they are, though this
/// version may know more of them: they say what the run is.
std::string with_changes(const std::string& before, const std::string& after,
                         std::span<const std::string> sets);

}  // namespace dl
