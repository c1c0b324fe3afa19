#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/train/schedule.h"

namespace dl {

using ScheduleKind = Kind<std::unique_ptr<Schedule>>;

/// A row of the registry for the schedule S, made of the struct that `table` fills and the node.
template <class S, class P>
ScheduleKind schedule_kind(std::string_view name, std::string_view summary, ParamTable<P> table) {
  std::vector<ParamSpec> specs = specs_of(table);
  return {name, summary, std::move(specs),
          [table = std::move(table)](const ConfigNode& node) -> std::unique_ptr<Schedule> {
            return std::make_unique<S>(read_params(node, table), node);
          }};
}

// Those that have a file of their own.
ScheduleKind one_cycle_kind();
ScheduleKind plateau_kind();

}  // namespace dl
