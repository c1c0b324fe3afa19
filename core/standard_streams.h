#pragma once

#include <exception>
#include <optional>

namespace dl {

/// Why what was printed to stdout did not get there, as an errno; none when it did, and when its
/// reader has gone: who closes a pipe has seen enough.
std::optional<int> lost_result();

/// Whether `error` says that the reader of a pipe has gone.
bool is_gone_reader(const std::exception_ptr& error);

}  // namespace dl
