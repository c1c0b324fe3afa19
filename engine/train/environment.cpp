#include "engine/train/environment.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <oneapi/dnnl/dnnl_debug.h>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>

#include "core/error.h"
#include "core/parallel.h"
#include "core/text.h"
#include "core/version.h"

namespace dl {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name"))
      return line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return "unknown";
}

std::optional<std::size_t> bytes_in(const std::string& path) {
  const auto value = parse_int(first_line(path));  // "max" means no limit
  if (!value || *value <= 0) return std::nullopt;
  return static_cast<std::size_t>(*value);
}

/// Of the groups that this process is in, and of all above them, in both versions of cgroups.
/// Inside a container the name that `own` gives may not be there, and its root is the container's.
std::vector<std::string> memory_limit_files(const std::string& cgroups, const std::string& own) {
  std::vector<std::string> files;
  std::ifstream lines(own);
  for (std::string line; std::getline(lines, line);) {  // "4:memory:/a/b", or "0::/a/b"
    const auto colon = line.find(':'), second = line.find(':', colon + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(colon + 1, second - colon - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",memory,") == std::string::npos) continue;
    const std::string root = cgroups + (unified ? "" : "/memory");
    const std::string name = unified ? "/memory.max" : "/memory.limit_in_bytes";
    for (std::string group = line.substr(second + 1);; group.resize(group.rfind('/'))) {
      if (group == "/") group.clear();
      files.push_back(root + group + name);
      if (group.rfind('/') == std::string::npos) break;
    }
  }
  return files;
}

}  // namespace

Environment this_environment() {
  const dnnl_version_t* onednn = dnnl_version();
  return {.dltool = std::string(version()),
          .onednn = std::to_string(onednn->major) + "." + std::to_string(onednn->minor) + "." +
                    std::to_string(onednn->patch),
          .isa = dnnl_cpu_isa2str(static_cast<dnnl_cpu_isa_t>(dnnl::get_effective_cpu_isa())),
          .cpu = cpu_name(),
          .threads = thread_count()};
}

std::string to_json(const Environment& environment) {
  const nlohmann::ordered_json json = {{"dltool", environment.dltool},
                                       {"onednn", environment.onednn},
                                       {"isa", environment.isa},
                                       {"cpu", environment.cpu},
                                       {"threads", environment.threads}};
  return json.dump(2) + "\n";
}

Environment environment_from_json(const std::string& text, const std::string& path) {
  try {
    const auto json = nlohmann::json::parse(text);
    return {.dltool = json.at("dltool"),
            .onednn = json.at("onednn"),
            .isa = json.at("isa"),
            .cpu = json.at("cpu"),
            .threads = json.at("threads")};
  } catch (const nlohmann::json::exception& error) {
    throw UserError(ExitCode::weights, path + ": damaged: " + error.what());
  }
}

std::string difference(const Environment& now, const Environment& then) {
  std::vector<std::string> parts;
  const auto compare = [&](const std::string& what, const std::string& a, const std::string& b) {
    if (a != b) parts.push_back(what + " " + a + " instead of " + b);
  };
  compare("dltool", now.dltool, then.dltool);
  compare("oneDNN", now.onednn, then.onednn);
  compare("instruction set", now.isa, then.isa);
  compare("CPU", now.cpu, then.cpu);
  compare("threads", std::to_string(now.threads), std::to_string(then.threads));
  return join(parts, ", ");
}

int usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::string> cores;  // processors that share a core list the same siblings
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string siblings = first_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                            "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? "cpu" + std::to_string(cpu) : siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

void use_threads_of(const RunConfig& config, std::vector<std::string>& notes) {
  const bool automatic = config.train.threads.count == 0;
  const int wanted = automatic ? usable_cores() : config.train.threads.count;
  if (teams_may_shrink()) {
    notes.emplace_back(
        "OMP_DYNAMIC is not followed: a run has the same bits only with as many threads at all "
        "times, and train.threads says how many");
  }
  const int threads = use_threads(wanted);
  if (threads != wanted) {
    notes.push_back(fmt::format(
        "OpenMP gives {} thread{}, not {}: {}", threads, threads == 1 ? "" : "s", wanted,
        std::getenv("OMP_THREAD_LIMIT") ? "OMP_THREAD_LIMIT allows no more" : "it is limited"));
  }
  const char* said = std::getenv("OMP_NUM_THREADS");
  const auto number = parse_int(said ? std::string_view(said) : std::string_view());
  if (automatic && number && *number != threads) {
    notes.push_back(fmt::format(
        "OMP_NUM_THREADS={} is not followed: train.threads is auto, one for each core, of which "
        "there are {}; train.threads={} computes with as many as OMP_NUM_THREADS says",
        *number, wanted, *number));
  }
}

std::size_t memory_limit_bytes(const std::string& cgroups, const std::string& own) {
  const auto pages = static_cast<std::size_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  std::size_t limit = pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (const std::string& file : memory_limit_files(cgroups, own)) {
    if (const auto bytes = bytes_in(file)) limit = std::min(limit, *bytes);
  }
  return limit == 0 ? std::numeric_limits<std::size_t>::max() : limit;
}

}  // namespace dl
