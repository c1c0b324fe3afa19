#include <fmt/format.h>

#include <filesystem>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/result_file.h"
#include "engine/core/text.h"
#include "engine/train/init_config.h"

namespace dl {
namespace {

namespace fs = std::filesystem;

struct InitOptions {
  std::string folder, output, from;
};

/// The folder's own name, of letters and digits: what run and file are called.
std::string name_of(const std::string& folder) {
  std::string name = fs::path(folder).lexically_normal().filename().string();
  if (name.empty() || name == ".") name = fs::absolute(folder).parent_path().filename().string();
  std::string plain;  // what a run may be called
  for (const char c : name) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) || c == '_';
    if (fine) plain += c;
    if (!fine && !plain.empty() && plain.back() != '-') plain += '-';
  }
  if (plain.ends_with('-')) plain.pop_back();
  return plain.empty() ? "pictures" : plain;
}

/// As a shell reads it back.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
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

ExitCode init(const InitOptions& options) {
  const PictureSurvey survey = survey_pictures(options.folder);
  const auto classes = static_cast<std::int64_t>(survey.classes.size());
  const PictureNetwork network =
      options.from.empty() ? network_for(survey.shorter) : network_of_source(options.from, classes);
  InitRequest request{
      .folder = {}, .name = name_of(options.folder), .file = options.output, .from = {}};
  if (request.file.empty()) request.file = request.name + ".yaml";
  request.folder = from_config(options.folder, request.file);
  if (!options.from.empty()) request.from = from_config(options.from, request.file);
  std::error_code error;
  if (fs::exists(fs::symlink_status(request.file, error))) {
    throw UserError(ExitCode::output, request.file + " is there already",
                    "-o FILE writes another one");
  }
  const std::string text = init_config(request, survey, network);
  ResultFile file(request.file);
  file.write(text);
  file.finish();
  for (const std::string& note : survey.notes)
    print_if_possible(stderr, fmt::format("note: {}\n", escaped(note)));
  for (const std::string& bad : survey.bad)
    print_if_possible(stderr, fmt::format("note: left out: {}\n", escaped(bad)));
  try {
    load_setup({request.file, {}, ""});
  } catch (...) {  // no broken config is left in the way
    fs::remove(request.file, error);
    throw;
  }
  fmt::print("{}: {} on {} classes, {} pictures to train on\n", escaped(request.file),
             network.title, classes, survey.train_count());
  fmt::print("dltool {} {}\n", options.from.empty() ? "train" : "finetune",
             shell_word(escaped(request.file)));
  return ExitCode::finished;
}

}  // namespace

Command init_command() {
  return {"init", "Write a config for a folder of pictures", [](CLI::App& app) {
            const auto options = std::make_shared<InitOptions>();
            app.add_option("folder", options->folder,
                           "A folder of pictures for each class, perhaps below train/, valid/ and "
                           "test/")
                ->required()
                ->type_name("FOLDER");
            app.add_option("-o,--output", options->output,
                           "Where the config goes (default: the folder's name and .yaml)")
                ->type_name("CONFIG");
            app.add_option("--from", options->from,
                           "Fine-tune: a run, or weights of a network in configs/")
                ->type_name("SOURCE");
            return [=] { return init(*options); };
          }};
}

}  // namespace dl
