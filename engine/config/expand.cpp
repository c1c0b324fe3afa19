#include "engine/config/expand.h"

#include "core/params.h"

namespace dl {

Expansion::Expansion(const ConfigNode& root, const ConfigOptions& options, Findings& findings)
    : root_(root), options_(options), findings_(findings) {
  globals_.data = [this](const std::string& name, const Mark& mark) {
    return data_value(name, mark);
  };
  if (const ConfigNode* vars = root.find("vars")) read_vars(*vars);
  expander_ = std::make_unique<LayerExpander>(root.find("blocks"), options.layer_types,
                                              options.layer_results, globals_, budget_, findings);
}

void Expansion::read_vars(const ConfigNode& vars) {
  if (!vars.is_map())
    return findings_.add(vars.mark(), "vars: expected a map, found " + vars.describe());
  for (const ConfigNode::Entry& var : vars.entries()) globals_.pending.insert(var.key);
  for (const ConfigNode::Entry& var : vars.entries()) {
    const std::size_t before = findings_.count();
    const ConfigNode value = expand(var.value, globals_, budget_, findings_);
    if (findings_.count() == before && value.is_null())
      findings_.add(var.key_mark, "var '" + var.key + "' has no value");
    try {
      if (findings_.count() == before) {
        globals_.values.insert_or_assign(var.key, value_of(value));
        vars_.entries().push_back({var.key, var.key_mark, value});
      }
    } catch (const UserError& error) {
      findings_.add(error);
    }
    globals_.pending.erase(var.key);
    if (findings_.count() != before) globals_.broken.insert(var.key);
  }
}

ConfigNode Expansion::section(const std::string& key) {
  const ConfigNode* node = root_.find(key);
  return node ? expand(*node, globals_, budget_, findings_) : ConfigNode::null(root_.mark());
}

/// data.classes or data.vocabulary: as the config says, or as the source knows.
Value Expansion::data_value(const std::string& name, const Mark& mark) {
  const std::string key = name.substr(std::string("data.").size());
  if (key != "classes" && key != "vocabulary") {
    throw UserError(mark, "unknown name '" + name +
                              "'; of the data there are data.classes and data.vocabulary");
  }
  if (asking_) throw UserError(mark, "'" + name + "' depends on itself");
  asking_ = true;
  const ConfigNode* data = root_.find("data");
  const ConfigNode* written = data ? data->find(key) : nullptr;
  std::optional<std::int64_t> value;
  try {
    if (written) {
      const std::size_t before = findings_.count();
      const ConfigNode number = expand(*written, globals_, budget_, findings_);
      value = findings_.count() == before ? ValueType<std::int64_t>::read(number, at_least(1))
                                          : 1;  // 1: reported there
    } else {
      value = ask_source(key);
    }
  } catch (const UserError& error) {
    asking_ = false;
    if (!written || error.code() != ExitCode::config) throw;
    value = 1;  // the section's reader reports it where it is written
  }
  asking_ = false;
  if (!value)
    throw UserError(mark, "'" + name + "' is not known",
                    "write " + key + ": under data, or name a source that tells it");
  return *value;
}

std::optional<std::int64_t> Expansion::ask_source(const std::string& key) {
  const ConfigNode* data = root_.find("data");
  const ConfigNode* subset = data ? data->find("subset") : nullptr;
  const ConfigNode* chosen = subset ? subset->find("classes") : nullptr;
  if (key == "classes" && chosen) {
    const ConfigNode list = expand(*chosen, globals_, budget_, findings_);
    if (list.is_list() && !list.items().empty())
      return static_cast<std::int64_t>(list.items().size());
  }
  const ConfigNode* source = data ? data->find("source") : nullptr;
  if (!source || source->is_null() || !options_.data_facts) return std::nullopt;
  const auto known = [&]() -> std::optional<std::int64_t> {
    if (!facts_) return std::nullopt;
    return key == "classes" ? facts_->classes : facts_->vocabulary;
  };
  if (const auto fact = known()) return fact;
  facts_ = options_.data_facts(
      read_typed(expand(*source, globals_, budget_, findings_), "a data source"), key);
  return known();
}

}  // namespace dl
