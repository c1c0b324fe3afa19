#include "engine/sinks/column_table.h"

#include <algorithm>

#include "core/text.h"

namespace dl {
namespace {

constexpr std::size_t kGap = 2;

bool continues_letter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// In letters: UTF-8 takes several bytes for some.
std::size_t width_of(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_letter));
}

/// How many bytes of `text` go into a line of `width` letters: up to the last blank or else the
/// last mark in its second half, so that words stay whole where they can.
std::size_t bytes_of_line(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  for (std::size_t letters = 0; end < text.size(); ++end) {
    if (!continues_letter(text[end]) && letters++ == width) break;
  }
  for (const char* breaks : {" ", "/,._-"}) {
    const std::size_t at = text.substr(0, end).find_last_of(breaks);
    if (at != std::string_view::npos && at + 1 >= end / 2) return at + 1;
  }
  return end;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (width_of(text) > width) {
    const std::size_t bytes = bytes_of_line(text, width);
    lines.emplace_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  lines.emplace_back(text);
  return lines;
}

/// One row's cells, the label among them, each as the lines it takes.
using WrappedRow = std::vector<std::vector<std::string>>;

WrappedRow wrap(const TableRow& row, std::size_t widest_label, std::size_t widest_cell) {
  WrappedRow cells = {wrapped(escaped(row.label), widest_label)};
  for (const std::string& cell : row.cells) cells.push_back(wrapped(escaped(cell), widest_cell));
  return cells;
}

void print(const WrappedRow& row, const std::vector<std::size_t>& widths, std::string& out) {
  std::size_t lines = 0;
  for (const auto& cell : row) lines = std::max(lines, cell.size());
  for (std::size_t line = 0; line < lines; ++line) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = line < row[i].size() ? row[i][line] : "";
      text += cell + std::string(widths[i] + kGap - width_of(cell), ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
}

}  // namespace

std::string column_table(std::span<const TableRow> rows, std::size_t widest_label,
                         std::size_t widest_cell) {
  std::vector<WrappedRow> wrapped_rows;
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows[0].cells.size() + 1);
  for (const TableRow& row : rows) {
    wrapped_rows.push_back(wrap(row, widest_label, widest_cell));
    for (std::size_t i = 0; i < widths.size(); ++i) {
      for (const std::string& line : wrapped_rows.back()[i])
        widths[i] = std::max(widths[i], width_of(line));
    }
  }
  std::string out;
  for (const WrappedRow& row : wrapped_rows) print(row, widths, out);
  return out;
}

}  // namespace dl
