#include "engine/config/reference.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/config/run_config.h"

namespace dl {
namespace {

using Row = std::array<std::string, 5>;  // key, type, default, range, doc

/// ">= 1", "0 to 1", "0 <= x < 1": short, for a column.
std::string range_text(const Limits& limits) {
  // The ends that all whole numbers have are told once, for all of them.
  const bool low = std::isfinite(limits.min) && limits.min != -kMaxCount;
  const bool high = std::isfinite(limits.max) && limits.max != kMaxCount;
  if (low && high && !limits.min_open && !limits.max_open)
    return number_text(limits.min) + " to " + number_text(limits.max);
  if (low && high) {
    return number_text(limits.min) + (limits.min_open ? " < x" : " <= x") +
           (limits.max_open ? " < " : " <= ") + number_text(limits.max);
  }
  if (low) return (limits.min_open ? "> " : ">= ") + number_text(limits.min);
  return high ? (limits.max_open ? "< " : "<= ") + number_text(limits.max) : "";
}

void add_rows(std::span<const ParamSpec> specs, const std::string& prefix, std::vector<Row>& rows) {
  for (const ParamSpec& spec : specs) {
    const std::string standard = spec.required               ? "required"
                                 : spec.default_text.empty() ? ""
                                                             : "default " + spec.default_text;
    const std::string type = spec.type == "node" ? "" : spec.type;
    rows.push_back({prefix + spec.name, type, standard, range_text(spec.limits), spec.doc});
    add_rows(spec.nested, prefix + spec.name + ".", rows);
  }
}

std::vector<Row> rows_of(const DocEntry& entry) {
  std::vector<Row> rows;
  add_rows(entry.params, "", rows);
  return rows;
}

/// A cell of a Markdown table, where bars and line ends would end it.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

std::string help_text(const DocEntry& entry) {
  std::string out = entry.name + " - " + entry.summary + "\n";
  const std::vector<Row> rows = rows_of(entry);
  std::array<std::size_t, 5> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const Row& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths[i] > 0) line += " " + row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string list_text(std::span<const DocEntry> entries) {
  std::size_t width = 0;
  for (const DocEntry& entry : entries) width = std::max(width, entry.name.size());
  std::string out;
  for (const DocEntry& entry : entries) {
    out +=
        "  " + entry.name + std::string(width - entry.name.size() + 3, ' ') + entry.summary + "\n";
  }
  return out;
}

std::string markdown(const DocEntry& entry, int level) {
  std::string out = std::string(static_cast<std::size_t>(level), '#') + " " + entry.name + "\n\n" +
                    entry.summary + "\n";
  const std::vector<Row> rows = rows_of(entry);
  if (rows.empty()) return out + "\nIt has no parameters.\n";
  out += "\n| key | type | default | range | |\n|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    const std::string standard =
        row[2].starts_with("default ") ? "`" + row[2].substr(8) + "`" : row[2];
    out += "| `" + row[0] + "` | " + cell(row[1]) + " | " + cell(standard) + " | " + cell(row[3]) +
           " | " + cell(row[4]) + " |\n";
  }
  return out;
}

std::string markdown_page(const std::string& title, const std::string& introduction,
                          std::span<const DocEntry> entries) {
  std::string out = "# " + title + "\n\n" + introduction + "\n";
  for (const DocEntry& entry : entries) out += "\n" + markdown(entry);
  return out;
}

std::vector<DocEntry> section_entries() {
  std::vector<DocEntry> entries;
  for (SectionDoc& section : config_sections()) {
    entries.push_back({section.path.empty() ? "top level" : section.path,
                       std::move(section.summary), std::move(section.params)});
  }
  return entries;
}

}  // namespace dl
