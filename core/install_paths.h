#pragma once

#include <string>

namespace dl {

/// The folder that holds configs/ and datasets/digits/: share/dltool beside the bin/ of an
/// installed tree, wherever that was moved to, else the source tree that this program was built
/// from. UserError (ExitCode::data) when neither is there.
std::string resource_folder();

/// The embedded digits' IDX files, in resource_folder().
std::string digits_folder();

/// "SCRIPT NAME puts it in place": SCRIPT is get-data.sh in resource_folder(), short where it lies
/// below the current folder; NAME is a data set that it knows.
std::string get_data_hint(const std::string& name);

/// resource_folder() for a program at `executable` and sources in `source_tree` ("" for none); for
/// tests.
std::string find_resource_folder(const std::string& executable, const std::string& source_tree);

}  // namespace dl
