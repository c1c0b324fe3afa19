#include "engine/train/provenance.h"

#include <sys/utsname.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/text.h"

namespace dl {
namespace {

std::string compiler_name() {
#ifdef __clang__
  return std::string("clang ") + __clang_version__;
#else
  return std::string("gcc ") + __VERSION__;
#endif
}

/// The words of the command line. Whoever parses them does not pass them on, and the system knows.
std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.ends_with('\0')) text.pop_back();
  return split(text, '\0');
}

}  // namespace

Provenance this_process(const std::string& commit) {
  Provenance process{.command = command_line(), .compiler = compiler_name(), .commit = commit};
  std::error_code error;
  process.folder = std::filesystem::current_path(error).string();
  utsname system{};
  if (uname(&system) == 0) {
    process.host = system.nodename;
    process.system = std::string(system.sysname) + " " + system.release + " " + system.machine;
  }
  return process;
}

std::string to_json(const Environment& environment, const Provenance& provenance) {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(to_json(environment));
  json["command"] = provenance.command;
  json["folder"] = provenance.folder;
  json["host"] = provenance.host;
  json["system"] = provenance.system;
  json["compiler"] = provenance.compiler;
  if (!provenance.commit.empty()) json["commit"] = provenance.commit;
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string program_name() {
  const std::vector<std::string> command = command_line();
  return command.empty() || command[0].empty() ? "dltool" : shell_word(command[0]);
}

}  // namespace dl
