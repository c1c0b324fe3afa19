#include "cli/print_network.h"

#include <fmt/format.h>

#include "engine/sinks/network_table.h"

namespace dl {

void print_network(const Setup& setup) {
  fmt::print(stderr, "{}", network_table(network_rows(setup.graph)));
}

}  // namespace dl
