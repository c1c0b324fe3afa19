#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/arguments.h"
#include "cli/command.h"
#include "core/file_system.h"
#include "core/text.h"
#include "engine/config/reference.h"
#include "layers/initializer.h"

namespace dl {
namespace {

/// What the manual is about, by the word that users give: `dltool docs layer conv`, `dltool docs
/// layers`.
struct Topic {
  std::string one, many, title, introduction;
  std::vector<DocEntry> entries;
};

std::vector<DocEntry> layer_entries(bool losses) {
  std::vector<DocEntry> entries;
  for (const LayerKind& kind : all_layers()) {
    if (kind.loss.has_value() == losses)
      entries.push_back(
          {std::string(kind.name), std::string(kind.summary), kind.params, kind.others});
  }
  return entries;
}

/// With what may stand beside any of them.
std::vector<DocEntry> schedule_entries() {
  std::vector<DocEntry> entries = doc_entries(all_schedules());
  entries.push_back({"warmup",
                     "stands beside the schedule, as in `{cosine: {}, warmup: {epochs: 1}}`: the "
                     "learning rate rises linearly from start_factor times what the schedule says "
                     "to all of it",
                     specs_of(warmup_table())});
  return entries;
}

std::vector<Topic> topics() {
  return {
      {"layer", "layers", "Layers",
       "What an entry of `model.layers` can be. `name` and `from` are common to all.",
       layer_entries(false)},
      {"loss", "losses", "Losses",
       "What stands under `loss`. `from`, `target`, `weight`, `train_only` and `name` are common "
       "to all.",
       layer_entries(true)},
      {"optimizer", "optimizers", "Optimizers", "What stands under `optimizer`.",
       doc_entries(all_optimizers())},
      {"schedule", "schedules", "Schedules",
       "What stands under `schedule`; `warmup` stands beside any of them.", schedule_entries()},
      {"initializer", "initializers", "Initialisers",
       "What `weight_init` and `bias_init` of a layer can be.", doc_entries(all_initializers())},
      {"source", "sources", "Data sources", "What stands under `data.source`.",
       doc_entries(all_data_kinds())},
      {"transform", "transforms", "Transforms",
       "What stands in `data.transforms.train` and `data.transforms.eval`.",
       doc_entries(all_transform_kinds())},
      {"section", "sections", "Sections of a config", "The keys that a config itself has.",
       section_entries()},
  };
}

std::string page_of(const Topic& topic) {
  return markdown_page(topic.title, topic.introduction, topic.entries);
}

std::vector<Word> words_of(const Topic& topic) {
  std::vector<Word> words;
  for (const DocEntry& entry : topic.entries) words.emplace_back(entry.name, entry.others);
  return words;
}

ExitCode print_entry(const Topic& topic, const std::string& name) {
  const auto entry = std::ranges::find(topic.entries, name, &DocEntry::name);
  if (entry == topic.entries.end()) {
    throw UserError(ExitCode::command_line, "docs: no " + topic.one + " is called '" + name + "'" +
                                                did_you_mean(name, words_of(topic)));
  }
  fmt::print("{}", help_text(*entry));
  return ExitCode::finished;
}

/// `dltool docs conv`: what is called so, in whatever topics.
bool print_everywhere(const std::vector<Topic>& all, const std::string& name) {
  int found = 0;
  for (const Topic& topic : all) {
    if (std::ranges::find(topic.entries, name, &DocEntry::name) == topic.entries.end()) continue;
    fmt::print("{}{}: ", found++ > 0 ? "\n" : "", topic.one);
    print_entry(topic, name);
  }
  return found > 0;
}

/// `dltool docs batch`: the keys that are called so, and whose they are.
bool print_keys(const std::vector<Topic>& all, const std::string& name) {
  bool found = false;
  for (const Topic& topic : all) {
    for (const DocEntry& entry : topic.entries) {
      const auto key = std::ranges::find(entry.params, name, &ParamSpec::name);
      if (key == entry.params.end()) continue;
      DocEntry alone = entry;
      alone.params = {*key};
      fmt::print("{}{}: {}", found ? "\n" : "", topic.one, help_text(alone));
      found = true;
    }
  }
  return found;
}

[[noreturn]] void refuse_word(const std::vector<Topic>& all, const std::string& word) {
  std::vector<Word> words = {"schema"};
  std::vector<std::string> names = {"schema"};
  for (const Topic& topic : all) {
    words.push_back(topic.one);
    words.push_back(topic.many);
    names.push_back(topic.many);
    for (Word& name : words_of(topic)) words.push_back(std::move(name));
  }
  throw UserError(ExitCode::command_line,
                  "docs: there is nothing about '" + word + "'" + did_you_mean(word, words),
                  "topics: " + join(names, ", "));
}

ExitCode print_topic(const std::string& word, const std::string& name) {
  const std::vector<Topic> all = topics();
  for (const Topic& topic : all) {
    if (word != topic.one && word != topic.many) continue;
    if (!name.empty()) return print_entry(topic, name);
    fmt::print("{}", list_text(topic.entries));
    return ExitCode::finished;
  }
  const std::size_t dot = word.find('.');  // docs train.epochs, docs optimizer.sgd
  if (dot != std::string::npos && name.empty()) {
    const std::string section = word.substr(0, dot), rest = word.substr(dot + 1);
    for (const Topic& topic : all) {
      if (topic.one == section) return print_entry(topic, rest);
    }
    for (Topic topic : all) {
      std::erase_if(topic.entries, [&](const DocEntry& entry) { return entry.name != section; });
      if (print_keys({topic}, rest)) return ExitCode::finished;
    }
  }
  if (name.empty() && (print_everywhere(all, word) || print_keys(all, word)))
    return ExitCode::finished;
  refuse_word(all, word);
}

std::string schema() {
  return config_schema({.layers = layer_entries(false),
                        .losses = layer_entries(true),
                        .optimizers = doc_entries(all_optimizers()),
                        .schedules = doc_entries(all_schedules()),
                        .sources = doc_entries(all_data_kinds()),
                        .transforms = doc_entries(all_transform_kinds()),
                        .initializers = doc_entries(all_initializers())});
}

std::map<std::string, std::string> reference_files() {
  std::map<std::string, std::string> files;
  for (const Topic& topic : topics()) files[topic.many + ".md"] = page_of(topic);
  files["config.schema.json"] = schema();
  return files;
}

/// Names each page that is not what the declarations say.
ExitCode check_reference(const std::string& folder) {
  bool fresh = true;
  for (const auto& [name, text] : reference_files()) {
    const std::string path = folder + "/" + name;
    std::string found;
    try {
      found = read_file(path);
    } catch (const FileError&) {
      found.clear();
    }
    if (found == text) continue;
    print_if_possible(stderr,
                      fmt::format("{} is stale: run dltool docs --write {}\n", path, folder));
    fresh = false;
  }
  return fresh ? ExitCode::finished : ExitCode::internal;
}

ExitCode write_reference(const std::string& folder) {
  const auto files = real_file_system();
  try {
    std::filesystem::create_directories(folder);
    for (const auto& [name, text] : reference_files())
      write_file_atomically(*files, folder + "/" + name, text);
  } catch (const std::exception& error) {
    throw UserError(ExitCode::output, error.what());
  }
  return ExitCode::finished;
}

}  // namespace

Command docs_command() {
  return {
      "docs", "The manual: layers, losses, optimizers, schedules, data, sections, schema",
      [](CLI::App& app) {
        const auto topic = std::make_shared<std::string>(), name = std::make_shared<std::string>();
        const auto check = std::make_shared<std::string>(), write = std::make_shared<std::string>();
        app.add_option("topic", *topic,
                       "layers, losses, optimizers, schedules, initializers, sources, transforms, "
                       "sections, schema; or a name of one of them, or a key, whatever it is of")
            ->type_name("TOPIC|NAME");
        app.add_option("name", *name, "One of them, as in: docs layer conv")->type_name("NAME");
        app.add_option("--check", *check,
                       "Exit with 1 if the reference pages in this folder are stale")
            ->type_name("DIR");
        app.add_option("--write", *write, "Write the reference pages into this folder")
            ->type_name("DIR");
        return [=]() -> ExitCode {
          if (!check->empty()) return check_reference(*check);
          if (!write->empty()) return write_reference(*write);
          if (*topic == "schema") {
            fmt::print("{}\n", schema());
            return ExitCode::finished;
          }
          return print_topic(topic->empty() ? "sections" : *topic, *name);
        };
      }};
}

}  // namespace dl
