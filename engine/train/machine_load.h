#pragma once

#include <iosfwd>
#include <optional>
#include <set>
#include <string>

namespace dl {

/// What /proc/stat says of some processors, in ticks since the machine started.
struct ProcessorTicks {
  double idle = 0, all = 0;
  int running = 0;  // threads of all processes that run or could, now
};
/// None where the text is not what Linux writes.
std::optional<ProcessorTicks> processor_ticks(std::istream& stat, const std::set<int>& processors);

/// Processors out of `count` that were idle between two looks.
double idle_between(const ProcessorTicks& before, const ProcessorTicks& after, int count);

/// A sentence for who trains with so many threads beside other work; "" where there is room for
/// them.
std::string load_note(double idle, int processors, int threads);

/// The same of this machine as it is now; looks for a moment where threads of others are running.
std::string load_note(int threads);

}  // namespace dl
