#include "cli/print_network.h"

#include "engine/core/text.h"
#include "engine/sinks/network_table.h"

namespace dl {

void print_network(const Setup& setup) {
  print_if_possible(stderr, network_table(network_rows(setup.graph)));
}

}  // namespace dl
