#pragma once

#include <string>

#include "core/config_node.h"
#include "core/error.h"

namespace dl {

/// What a run keeps of its data beside its config: lists (of columns, classes, tokens, scales) that
/// are longer than YAML is good for. The config names the file and its digest under the source:
/// `facts: {file: data_facts.json, sha256: ...}`.
inline constexpr const char* kDataFactsFile = "data_facts.json";

/// The most that is written and that is read.
inline constexpr std::size_t kMaxDataFactsBytes = std::size_t{1} << 30;

/// Moves the long lists of the source of a resolved config out of it, where the source holds so
/// much that they should not stand there. Returns the file's text; "": nothing was moved. Throws
/// UserError (ExitCode::data) where it comes to more than a file may have.
std::string take_data_facts(ConfigNode& resolved);

/// Puts the lists of the file that the source in a config's section `data` names, beside the
/// config, into the source's entry; nothing where it names none. Throws UserError: at the key, or
/// ExitCode::weights for a file that is not what its digest says.
void put_data_facts(ConfigNode& data);

}  // namespace dl
