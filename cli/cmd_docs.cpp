#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "cli/arguments.h"
#include "cli/command.h"
#include "engine/config/reference.h"
#include "engine/core/file_system.h"
#include "engine/core/text.h"
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
      entries.push_back({std::string(kind.name), std::string(kind.summary), kind.params});
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

ExitCode print_topic(const std::string& word, const std::string& name) {
  const std::vector<Topic> all = topics();
  std::vector<std::string> words = {"schema"};
  for (const Topic& topic : all) {
    words.push_back(topic.one);
    words.push_back(topic.many);
    if (word != topic.one && word != topic.many) continue;
    if (name.empty()) {
      fmt::print("{}", list_text(topic.entries));
      return ExitCode::finished;
    }
    std::vector<std::string> names;
    for (const DocEntry& entry : topic.entries) {
      names.push_back(entry.name);
      if (entry.name != name) continue;
      fmt::print("{}", help_text(entry));
      return ExitCode::finished;
    }
    throw UserError(ExitCode::command_line, "docs: no " + topic.one + " is called '" + name + "'" +
                                                did_you_mean(name, names));
  }
  throw UserError(ExitCode::command_line,
                  "docs: unknown topic '" + word + "'" + did_you_mean(word, words),
                  "topics: " + join(words, ", "));
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
                       "sections, schema")
            ->type_name("TOPIC");
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
