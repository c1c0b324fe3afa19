#include "engine/core/parallel.h"

namespace dl {

// OpenMP's own setting is the one place that both oneDNN and our loops read.
int thread_count() { return omp_get_max_threads(); }
void use_threads(int count) { omp_set_num_threads(count); }

}  // namespace dl
