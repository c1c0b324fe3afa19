#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace dl {

/// A line of a table with a column for each thing that is compared.
struct TableRow {
  std::string label;
  std::vector<std::string> cells;
};

/// Rows under each other in columns that are as wide as they must be, but no wider than given: what
/// is longer goes on in the next line. Every row has as many cells as the first. Texts are escaped.
std::string column_table(std::span<const TableRow> rows, std::size_t widest_label,
                         std::size_t widest_cell);

}  // namespace dl
