#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/result_file.h"
#include "core/text.h"
#include "engine/train/init_config.h"
#include "engine/train/init_data.h"
#include "engine/train/start_check.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

/// What lies at the path.
enum class InitKind { images, texts, text, table, sequence, series };

struct InitOptions {
  std::string path, output, from, target, kind;
};

constexpr std::pair<std::string_view, InitKind> kKinds[] = {
    {"images", InitKind::images}, {"texts", InitKind::texts},       {"text", InitKind::text},
    {"table", InitKind::table},   {"sequence", InitKind::sequence}, {"series", InitKind::series}};

/// The folder's or the file's own name, of letters and digits: what run and file are called.
std::string name_of(const std::string& path) {
  std::string name = fs::path(path).lexically_normal().filename().string();
  if (name.empty() || name == ".") name = fs::absolute(path).parent_path().filename().string();
  if (fs::is_regular_file(path)) name = name.substr(0, name.find('.', 1));
  std::string plain;  // what a run may be called
  for (const char c : name) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    if (fine) plain += c;
    if (!fine && !plain.empty() && plain.back() != '-') plain += '-';
  }
  if (plain.ends_with('-')) plain.pop_back();
  return plain.empty() ? "data" : plain;
}

/// As the config says it: from its own folder, so that both may move together; absolute where they
/// have nothing but the root in common.
std::string from_config(const std::string& path, const std::string& config) {
  const fs::path there = fs::weakly_canonical(fs::absolute(path));
  const fs::path folder = fs::weakly_canonical(fs::absolute(config)).parent_path();
  const auto first = [](const fs::path& whole) { return *whole.relative_path().begin(); };
  const bool apart = there.relative_path().empty() || folder.relative_path().empty() ||
                     first(there) != first(folder);
  return apart ? there.string() : there.lexically_relative(folder).string();
}

std::string small(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// "reviews.csv.gz" ends with ".csv".
bool ends(const std::string& path, std::initializer_list<std::string_view> endings) {
  std::string name = small(path);
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return std::ranges::any_of(endings, [&](std::string_view end) { return name.ends_with(end); });
}

bool holds_texts(const std::string& folder) {
  std::error_code error;
  std::size_t texts = 0, others = 0;
  for (fs::recursive_directory_iterator at(folder, error), end; at != end && !error;
       at.increment(error)) {
    if (!at->is_regular_file(error) || at->path().filename().string().starts_with('.')) continue;
    ++(ends(at->path().string(), {".txt"}) ? texts : others);
  }
  return texts > others;
}

InitKind kind_of(const InitOptions& options) {
  for (const auto& [word, kind] : kKinds) {
    if (word == options.kind) return kind;
  }
  const std::string& path = options.path;
  if (!fs::is_regular_file(path)) return holds_texts(path) ? InitKind::texts : InitKind::images;
  if (ends(path, {".ts"})) return InitKind::series;
  if (ends(path, {".txt"})) return InitKind::text;
  if (!ends(path, {".csv", ".tsv", ".tab"})) {
    throw UserError(ExitCode::command_line,
                    path +
                        ": expected a folder of images or texts, or a file .csv, .tsv, .ts or "
                        ".txt",
                    "--kind table, sequence, series or text says what it is");
  }
  const TableSurvey survey = survey_table(path);
  const ColumnSurvey* target = survey.find(options.target);
  const bool forecasts = options.target.empty() || (target && target->is_numeric());
  if (forecasts && follows_in_time(path, survey)) return InitKind::sequence;
  if (options.target.empty()) {
    throw UserError(ExitCode::command_line, path + ": which column is to be predicted?",
                    "--target COLUMN says it; --kind sequence forecasts tables whose rows follow "
                    "in time");
  }
  return text_column(survey, options.target).empty() ? InitKind::table : InitKind::texts;
}

/// A config's text, and what to say of it.
struct Written {
  std::string text, summary;
  std::vector<std::string> notes = {};
};

Written init_images(const InitOptions& options, const std::string& file) {
  const PictureSurvey survey = survey_pictures(options.path);
  const auto classes = static_cast<std::int64_t>(survey.classes.size());
  const PictureNetwork network =
      options.from.empty() ? network_for(survey.shorter) : network_of_source(options.from, classes);
  const InitRequest request{.folder = from_config(options.path, file),
                            .name = name_of(options.path),
                            .file = file,
                            .from = options.from.empty() ? "" : from_config(options.from, file)};
  Written written{init_config(request, survey, network),
                  fmt::format("{} on {} classes, {} images to train on", network.title, classes,
                              survey.train_count())};
  written.notes = survey.notes;
  for (const std::string& bad : survey.bad) written.notes.push_back("left out: " + bad);
  return written;
}

InitConfig init_data(const InitOptions& options, InitKind kind, const InitData& data) {
  switch (kind) {
    case InitKind::text:
      return init_text(data);
    case InitKind::series:
      return init_series(data);
    case InitKind::sequence:
      return init_sequence(data, survey_table(data.path));
    case InitKind::texts:
      if (!fs::is_regular_file(data.path)) return init_texts(data);
      return init_text_table(data, survey_table(data.path));
    default:
      if (options.target.empty())
        throw UserError(ExitCode::command_line, "--target COLUMN is missing: what is predicted");
      return init_table(data, survey_table(data.path));
  }
}

Written write_for(const InitOptions& options, const std::string& file) {
  const InitKind kind = kind_of(options);
  if (kind == InitKind::images) return init_images(options, file);
  if (!options.from.empty())
    throw UserError(ExitCode::command_line,
                    "--from is for images; --init WEIGHTS, of train, "
                    "starts any network from weights");
  const InitData data{.path = options.path,
                      .said = from_config(options.path, file),
                      .name = name_of(options.path),
                      .file = file,
                      .target = options.target};
  InitConfig config = init_data(options, kind, data);
  return {std::move(config.text), "predicts " + config.summary};
}

ExitCode init(const InitOptions& options) {
  const std::string path =
      options.output.empty() ? name_of(options.path) + ".yaml" : options.output;
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) {
    throw UserError(ExitCode::output, path + " is there already", "-o FILE writes another one");
  }
  const Written written = write_for(options, path);
  ResultFile file(path);
  file.write(written.text);
  file.finish();
  for (const std::string& note : written.notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  try {
    Setup setup = load_setup({path, {}, ""});
    check_start(setup);
  } catch (...) {  // no broken config is left in the way
    fs::remove(path, error);
    throw;
  }
  fmt::print("{}: {}\n", escaped(path), escaped(written.summary));
  fmt::print("dltool {} {}\n", options.from.empty() ? "train" : "finetune",
             shell_word(escaped(path)));
  return ExitCode::finished;
}

}  // namespace

Command init_command() {
  return {"init", "Write a config for images, tables, texts or series of your own",
          [](CLI::App& app) {
            const auto options = std::make_shared<InitOptions>();
            app.add_option("path", options->path,
                           "A folder of images or of .txt files in a folder for each class, "
                           "perhaps below train/, valid/ and test/; a table (.csv, .tsv); a text "
                           "(.txt) for a language model; series (.ts)")
                ->required()
                ->type_name("FOLDER|FILE");
            app.add_option("--target", options->target,
                           "Of a table: the column that is predicted; of rows that follow in time: "
                           "the one that is forecast (default: all)")
                ->type_name("COLUMN");
            std::vector<std::string> words;
            for (const auto& [word, kind] : kKinds) words.emplace_back(word);
            app.add_option("--kind", options->kind,
                           "What lies there, where that is not to be guessed; a sequence is a "
                           "table whose rows follow in time")
                ->check(CLI::IsMember(words))
                ->type_name(join(words, "|"));
            app.add_option("-o,--output", options->output,
                           "Where the config goes (default: the data's name and .yaml)")
                ->type_name("CONFIG");
            app.add_option("--from", options->from,
                           "Of images: fine-tune a run, or weights of a network in configs/")
                ->type_name("SOURCE");
            return [=] { return init(*options); };
          }};
}

}  // namespace dl
