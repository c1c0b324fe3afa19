#pragma once

#include <string>

#include "engine/train/meter.h"
#include "engine/train/setup.h"

namespace dl {

/// The metric that decides which checkpoint is best: "valid/top1". Empty: there is none.
struct Monitor {
  std::string split;
  MetricSpec metric = {};
  bool none() const { return split.empty(); }
};
/// What train.monitor says, or the main metric of the first loss on valid. Throws UserError when
/// there is no such split or metric, or none at all where train.stop or the schedule watch one.
/// `samples`: of valid, where they are counted.
Monitor choose_monitor(const Setup& setup, const Meter& meter, bool has_valid,
                       std::optional<std::size_t> samples = {});

}  // namespace dl
