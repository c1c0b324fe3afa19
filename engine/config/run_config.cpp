#include "engine/config/run_config.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <span>

#include "core/text.h"
#include "engine/config/config_tables.h"
#include "engine/config/data_facts.h"
#include "engine/config/expand.h"
#include "engine/config/loss_config.h"
#include "engine/config/merge.h"
#include "engine/config/name_check.h"
#include "engine/config/resolved.h"
#include "engine/config/yaml_file.h"
#include "engine/config/yaml_text.h"

namespace dl {
namespace {

/// The sections' own keys, and those that the caller knows of: what the config has chosen comes
/// first.
std::vector<SectionKeys> all_sections(const ConfigOptions& options, const ConfigNode& root) {
  std::vector<SectionKeys> all;
  for (const SectionKeys& other : options.other_sections) {
    const std::vector<std::string> parts = split(other.section, '.');
    const ConfigNode* chosen = root.find(parts[0]);
    const bool is_chosen =
        parts.size() == 2 && chosen &&
        (chosen->find(parts[1]) || (chosen->is_scalar() && chosen->text() == parts[1]));
    all.insert(is_chosen ? all.begin() : all.end(), other);
  }
  std::size_t at = 0;
  for (const SectionDoc& section : config_sections()) {
    if (section.path == "loss" || section.path.empty()) continue;
    all.insert(all.begin() + static_cast<std::ptrdiff_t>(at++),
               {section.path, words_of(section.params)});
  }
  all.push_back({"", words_of(specs_of(top_table()))});
  return all;
}

bool is_run_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '.' || c == '_' || c == '-' || c == '+';
         });
}

std::string name_of_file(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  for (char& c : name)
    if (!is_run_name(std::string("a") + c)) c = '_';
  return is_run_name(name) ? name : "run";
}

/// Reads the sections of one merged config into a RunConfig; everything wrong goes to `problems`.
class ConfigReader {
 public:
  ConfigReader(ConfigNode root, const ConfigOptions& options, Problems& problems,
               Findings& findings)
      : root_(std::move(root)),
        sections_(all_sections(options, root_)),
        reserved_names_(options.reserved_names),
        problems_(problems),
        findings_(findings) {
    drop_bad_keys(root_, specs_of(top_table()), "", sections_, problems_);
    expansion_ = std::make_unique<Expansion>(root_, options, findings_);
  }

  RunConfig read(const std::string& path) {
    for (const ParamSpec& spec : specs_of(top_table())) {
      if (spec.required && !root_.find(spec.name))
        problems_.add(root_.mark(), "missing section '" + spec.name + "': " + spec.doc);
    }
    read_top(path);
    read_section("data", data_table(), config_.data, resolved_.data);
    const ConfigNode* batch = root_.find("data") ? root_.find("data")->find("batch") : nullptr;
    config_.data.batch_mark = batch ? batch->mark() : config_.data.mark;
    read_phases();
    read_section("train", train_table(), config_.train, resolved_.train);
    if (root_.find("diagnostics"))
      read_section("diagnostics", diagnostics_table(), config_.diagnostics.emplace(),
                   resolved_.diagnostics);
    if (root_.find("finetune"))
      read_section("finetune", finetune_table(), config_.finetune.emplace(), resolved_.finetune);
    read_model();
    read_losses();
    read_choices();
    check_consistency();
    return std::move(config_);
  }

  /// Lets the source complete its entry, in `config` and in what is resolved.
  void complete_source(RunConfig& config, const ConfigOptions& options) {
    if (!config.data.source || !options.complete_source) return;
    TypedNode& source = *config.data.source;
    const std::size_t before = source.params.entries().size();
    options.complete_source(source, config.losses);
    if (source.params.entries().size() == before) return;
    ConfigNode::Entry entry{source.type, source.type_mark, source.params};
    *resolved_.data.find("source") = ConfigNode::map({std::move(entry)}, source.type_mark);
  }

  const ResolvedSections& resolved() const { return resolved_; }
  const ConfigNode& vars() const { return expansion_->vars(); }

 private:
  /// Runs `read`, and collects what it throws behind `what`.
  template <class Read>
  void collect(const std::string& what, const Read& read) {
    try {
      read();
    } catch (const UserError& error) {
      if (error.code() != ExitCode::config) throw;
      problems_.add(error, what);
    }
  }

  /// A section with its expressions replaced; none when it is not there or when an expression
  /// failed.
  std::optional<ConfigNode> expanded(const std::string& key) {
    if (!root_.find(key)) return std::nullopt;
    const std::size_t before = findings_.count();
    ConfigNode node = expansion_->section(key);
    return findings_.count() == before ? std::optional(std::move(node)) : std::nullopt;
  }

  void read_top(const std::string& path) {
    TopKeys top;
    ConfigNode scalars = ConfigNode::map({}, root_.mark());
    for (const char* key : {"version", "name", "seed"}) {
      if (const auto node = expanded(key))
        scalars.entries().push_back({key, root_.find_entry(key)->key_mark, *node});
    }
    ParamTable<TopKeys> table = top_table();
    std::erase_if(table, [](const Param<TopKeys>& row) { return row.spec.required; });
    collect("", [&] { top = read_params(scalars, table); });
    const auto mark = [&](const char* key) { return root_.find(key)->mark(); };
    if (top.version != 1)
      problems_.add(mark("version"), "version " + std::to_string(top.version) +
                                         " is not known; this program reads version 1");
    const ConfigNode* name = scalars.find("name");  // not top.name: another key may be wrong
    if (name && name->is_scalar() && !is_run_name(name->text())) {
      problems_.add(
          mark("name"),
          "name: '" + name->text() +
              "' cannot name a folder: letters, digits and . _ - + only, no dot in front");
    }
    config_.name = name ? top.name : name_of_file(path);
    config_.seed = static_cast<std::uint64_t>(top.seed);
  }

  /// A section that its table reads. Unknown keys are reported even where an expression failed.
  template <class Section>
  void read_section(const std::string& key, const ParamTable<Section>& table, Section& section,
                    ConfigNode& resolved) {
    const ConfigNode* written = root_.find(key);
    if (!written) return;
    ConfigNode checked = *written;
    Problems ignored;
    drop_bad_keys(checked, specs_of(table), key, sections_, problems_);
    if (auto node = expanded(key)) {
      if (key == "data") collect("data: ", [&] { put_data_facts(*node); });
      resolved = *node;
      drop_bad_keys(resolved, specs_of(table), key, sections_, ignored);
      collect(key + ": ", [&] { section = read_params(resolved, table); });
    }
    section.mark = written->mark();
  }

  /// Their epochs are the run's: train.epochs need not say them again.
  void read_phases() {
    const auto node = expanded("phases");
    if (!node) return;
    resolved_.phases = *node;
    if (!node->is_list() || node->items().empty()) {
      problems_.add(node->mark(), "phases: expected a list of phases, found " +
                                      (node->is_list() ? "an empty one" : node->describe()));
      return;
    }
    for (const ConfigNode& item : node->items()) {
      collect("phases: ", [&] {
        PhaseConfig phase = read_params(item, phase_table());
        phase.mark = item.mark();
        phase_epochs_ += phase.epochs;
        config_.phases.push_back(std::move(phase));
      });
    }
    ConfigNode* train = root_.find("train");
    if (!train || !train->is_map() || train->find("epochs")) return;
    const std::string number = std::to_string(std::max<std::int64_t>(phase_epochs_, 1));
    train->entries().push_back({"epochs", node->mark(), ConfigNode::scalar(number, node->mark())});
  }

  void read_model() {
    const ConfigNode* model = root_.find("model");
    if (!model) return;
    config_.model.mark = model->mark();
    ConfigNode written = *model;
    drop_bad_keys(written, specs_of(model_table()), "model", sections_, problems_);
    ModelKeys keys;
    // The layers are not expanded like other values: their expressions have a scope of their own.
    collect("model: ", [&] { keys = read_params(expanded_but_layers(written), model_table()); });
    config_.model.input = keys.input;
    if (keys.layers.is_list()) {
      const std::size_t before = findings_.count();
      config_.model.layers = expansion_->layers(keys.layers);
      if (config_.model.layers.empty() && findings_.count() == before)
        findings_.add(keys.layers.mark(), "model: there are no layers");
    } else if (!keys.layers.is_null()) {
      problems_.add(keys.layers.mark(),
                    "model: layers: expected a list, found " + keys.layers.describe());
    }
    if (keys.output)
      config_.model.output =
          expansion_->resolve(*keys.output, written.find("output")->mark(), "output: ");
  }

  ConfigNode expanded_but_layers(const ConfigNode& model) {
    ConfigNode result = model;
    for (ConfigNode::Entry& entry : result.entries()) {
      if (entry.key != "layers") entry.value = expansion_->value(entry.value);
    }
    return result;
  }

  void read_losses() {
    const auto node = expanded("loss");
    if (!node) return;
    const std::vector<ConfigNode> entries =
        node->is_list() ? node->items() : std::vector<ConfigNode>{*node};
    if (entries.empty())
      problems_.add(node->mark(), "loss: expected a loss or a list of them, found an empty list");
    for (const ConfigNode& entry : entries)
      collect("loss: ", [&] {
        config_.losses.push_back(read_loss(entry, config_.losses, reserved_names_, *expansion_));
      });
  }

  /// What is chosen by type and read by its owner: the optimizer and the schedule.
  void read_choices() {
    if (const auto node = expanded("optimizer")) {
      resolved_.optimizer = *node;
      collect("optimizer: ", [&] { config_.optimizer = read_typed(*node, "an optimizer"); });
    }
    config_.schedule = {"constant", root_.mark(), ConfigNode::map({}, root_.mark())};
    const auto node = expanded("schedule");
    if (!node) return;
    resolved_.schedule = *node;
    ConfigNode kind = *node;
    if (const ConfigNode* warmup = node->find("warmup")) {
      config_.warmup = *warmup;
      std::erase_if(kind.entries(),
                    [](const ConfigNode::Entry& entry) { return entry.key == "warmup"; });
      if (kind.entries().empty()) return;
    }
    collect("schedule: ", [&] { config_.schedule = read_typed(kind, "a schedule"); });
  }

  void check_consistency() {
    const TrainConfig& train = config_.train;
    const auto mark = [&](const char* key) { return root_.find("train")->find(key)->mark(); };
    if (train.effective_batch && *train.effective_batch % config_.data.batch != 0) {
      problems_.add(mark("effective_batch"), "train: effective_batch is " +
                                                 std::to_string(*train.effective_batch) +
                                                 ", must be a multiple of data.batch, which is " +
                                                 std::to_string(config_.data.batch));
    }
    if (phase_epochs_ > 0 && train.epochs > 0 && train.epochs != phase_epochs_) {
      problems_.add(mark("epochs"),
                    "train: epochs is " + std::to_string(train.epochs) + ", but the phases have " +
                        std::to_string(phase_epochs_),
                    mark("epochs").file->path() == "--set"
                        ? "--set phases.0.epochs=N says how long the first one lasts"
                        : "leave it out, or write epochs: ~ where it is inherited");
    }
    if (!train.monitor.empty()) {
      const std::vector<std::string> parts = split(train.monitor, '/');
      const bool good =
          parts.size() == 2 && !parts[1].empty() && (parts[0] == "train" || parts[0] == "valid");
      if (!good)
        problems_.add(mark("monitor"), "train: monitor: '" + train.monitor +
                                           "' is no metric; write valid/loss, valid/top1, ...");
    }
  }

  ConfigNode root_;
  std::vector<SectionKeys> sections_;
  std::vector<std::string> reserved_names_;
  Problems& problems_;
  Findings& findings_;
  std::unique_ptr<Expansion> expansion_;
  RunConfig config_;
  std::int64_t phase_epochs_ = 0;  // of all phases
  ResolvedSections resolved_;
};

RunConfig load(const ConfigOptions& options, Problems& problems) {
  MergedFiles files = read_with_extends(options.path, problems);
  for (const std::string& set : options.sets) {
    try {
      apply_set(files.root, set, problems, options.other_sections);
    } catch (const UserError& error) {
      problems.add(error);
    }
  }
  Findings findings(problems);
  check_names(files.root, *files.root.mark().file, findings);
  ConfigReader reader(std::move(files.root), options, problems, findings);
  RunConfig config = reader.read(options.path);
  if (!problems.empty()) return config;

  reader.complete_source(config, options);
  ConfigNode resolved = resolved_config(config, reader.resolved());
  config.facts_text = take_data_facts(resolved);
  if (count_nodes(resolved) > kMaxConfigNodes) {
    throw UserError(config.model.mark, "the expanded model comes to over 100,000 values");
  }
  config.resolved_text = yaml_text(resolved);
  expect_readable(config.resolved_text, config.model.mark);
  if (!reader.vars().entries().empty()) config.vars_text = yaml_text(reader.vars());
  config.given_text = std::move(files.given_text);
  config.files = std::move(files.files);
  return config;
}

}  // namespace

RunConfig load_config(const ConfigOptions& options) {
  Problems problems;
  RunConfig config;
  try {
    config = load(options, problems);
  } catch (const UserError& error) {
    // What ended the reading early stands beside what was found before; data that cannot be read is
    // told only when the config itself is right.
    if (error.code() == ExitCode::config)
      problems.add(error);
    else if (problems.empty())
      throw;
  }
  problems.throw_if_any();
  return config;
}

std::vector<SectionDoc> config_sections() {
  return {
      {"", "the top level of a config", specs_of(top_table())},
      {"data", "where samples come from and how they are batched", specs_of(data_table())},
      {"model", "the network", specs_of(model_table())},
      {"loss", "keys that every loss takes beside its own", specs_of(loss_table())},
      {"train", "how long and how to train", specs_of(train_table())},
      {"diagnostics", "looking into the network while it trains", specs_of(diagnostics_table())},
      {"finetune", "weights that come from elsewhere, and which of them are trained",
       specs_of(finetune_table())},
      {"phases", "parts of the run that differ in what is trained; each has",
       specs_of(phase_table())},
  };
}

}  // namespace dl
