#pragma once

#include <string>
#include <vector>

#include "engine/train/environment.h"

namespace dl {

/// How a run came about: for people who look at it later. What its bits depend on is Environment.
struct Provenance {
  std::vector<std::string> command;  // as it was typed
  std::string folder = {}, host = {},
              system = {};  // where: the working folder, the machine, "Linux 6.1.0 x86_64"
  std::string compiler = {}, commit = {};  // of this program; commit "": not known
};

/// Of this process.
Provenance this_process(const std::string& commit);

/// env.json: the environment's members, and those of the provenance.
std::string to_json(const Environment& environment, const Provenance& provenance);

/// This program as it was called, to be typed again: "build/release/dltool".
std::string program_name();

}  // namespace dl
