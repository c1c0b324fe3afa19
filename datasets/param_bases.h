#pragma once

#include <concepts>

#include "core/params.h"

namespace dl {

/// `rows` become keys of P, which is a Base and more.
template <class P, class Base>
requires std::derived_from<P, Base>
void append(ParamTable<P>& table, const ParamTable<Base>& rows) {
  for (const Param<Base>& row : rows) table.push_back({row.spec, row.read});
}

}  // namespace dl
