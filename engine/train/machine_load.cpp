#include "engine/train/machine_load.h"

#include <fmt/format.h>
#include <sched.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/text.h"

namespace dl {
namespace {

/// Those that this process may run on.
std::set<int> allowed_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::set<int> processors;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return processors;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) processors.insert(cpu);
  }
  return processors;
}

std::optional<ProcessorTicks> ticks_now(const std::set<int>& processors) {
  std::ifstream stat("/proc/stat");
  return processor_ticks(stat, processors);
}

}  // namespace

std::optional<ProcessorTicks> processor_ticks(std::istream& stat, const std::set<int>& processors) {
  ProcessorTicks sum;
  std::size_t found = 0;
  bool has_running = false;
  for (std::string line; std::getline(stat, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    if (name == "procs_running") has_running = bool(words >> sum.running);
    if (!name.starts_with("cpu")) continue;
    const auto number = parse_int(std::string_view(name).substr(3));  // none: all together
    if (!number || !processors.contains(static_cast<int>(*number))) continue;
    constexpr int kIdle = 3, kWait = 4, kColumns = 8;  // the rest is part of the first two
    double ticks = 0;
    for (int column = 0; column < kColumns && words >> ticks; ++column) {
      sum.all += ticks;
      if (column == kIdle || column == kWait) sum.idle += ticks;
    }
    ++found;
  }
  if (found != processors.size() || !has_running) return std::nullopt;
  return sum;
}

double idle_between(const ProcessorTicks& before, const ProcessorTicks& after, int count) {
  const double all = after.all - before.all;
  return all > 0 ? count * (after.idle - before.idle) / all : count;
}

std::string load_note(double idle, int processors, int threads) {
  constexpr double kMargin = 0.5;  // what little work there always is
  if (idle > threads - kMargin) return "";
  const std::string start = fmt::format(
      "the machine is busy: {:.1f} of its {} processors {} idle, and {} thread{} to "
      "compute",
      idle, processors, idle == 1 ? "is" : "are", threads, threads == 1 ? " is" : "s are");
  if (threads == 1) return start;
  return start +
         "; threads that wait for each other may make every step many times slower. "
         "train.threads: measured, or fewer of them, helps, as does stopping the other work";
}

std::string load_note(int threads) {
  constexpr auto kLook = std::chrono::milliseconds(50);
  const std::set<int> processors = allowed_processors();
  const auto count = static_cast<int>(processors.size());
  const auto before = ticks_now(processors);
  if (!before || before->running - 1 + threads <= count) return "";  // this thread runs as well
  std::this_thread::sleep_for(kLook);
  const auto after = ticks_now(processors);
  return after ? load_note(idle_between(*before, *after, count), count, threads) : "";
}

}  // namespace dl
