#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "core/params.h"

namespace dl {

/// What the manual tells of one thing that a config can name: a layer, an optimizer, a section.
struct DocEntry {
  std::string name, summary;
  std::vector<ParamSpec> params;
  std::vector<std::string> others = {};  // what other tools call it
};

/// The rows of a registry as entries of the manual. A kind has `name`, `summary` and `params`.
template <class Kinds>
std::vector<DocEntry> doc_entries(const Kinds& kinds) {
  std::vector<DocEntry> entries;
  for (const auto& kind : kinds)
    entries.push_back(
        {std::string(kind.name), std::string(kind.summary), kind.params, kind.others});
  return entries;
}

/// For the terminal: "relu - max(x, slope * x)" and a row for each key.
std::string help_text(const DocEntry& entry);
/// Names and summaries, a line each: what `dltool docs layers` prints.
std::string list_text(std::span<const DocEntry> entries);
/// For docs/reference: a heading of `level`, the summary, a table of the keys.
std::string markdown(const DocEntry& entry, int level = 2);
/// A whole page: title, introduction, and each entry.
std::string markdown_page(const std::string& title, const std::string& introduction,
                          std::span<const DocEntry> entries);

/// The sections that the config itself reads.
std::vector<DocEntry> section_entries();

/// JSON schema of a map with these keys. Any scalar may be an expression instead.
nlohmann::ordered_json params_schema(std::span<const ParamSpec> specs);

/// What a config chooses by type, for its schema.
struct SchemaParts {
  std::vector<DocEntry> layers, losses, optimizers, schedules, sources, transforms, initializers;
};
/// The schema of a whole config, with which editors complete and check: `dltool docs schema`.
std::string config_schema(const SchemaParts& parts);

}  // namespace dl
