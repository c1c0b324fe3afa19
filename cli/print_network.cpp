#include "cli/print_network.h"

#include "core/text.h"
#include "engine/sinks/network_table.h"
#include "engine/train/transfer_table.h"

namespace dl {

void print_network(const Setup& setup, const Transfer* transfer) {
  print_if_possible(stderr, network_table(network_rows(setup.graph)));
  if (transfer)
    print_if_possible(stderr,
                      "\n" + transfer_table(setup.graph, *transfer, setup.phases[0].frozen));
}

}  // namespace dl
