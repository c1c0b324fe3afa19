#include <zlib.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstring>
#include <set>

#include "datasets/class_index.h"
#include "datasets/class_names.h"
#include "datasets/kinds.h"
#include "datasets/text/labelled_texts.h"
#include "datasets/text/token_ids.h"
#include "datasets/text/token_params.h"
#include "datasets/text/tokenizer.h"

// Texts of any length, each of which belongs to a class.
namespace dl {
namespace {

struct Params : TokenParams, CsvFormatParams, ClassFolderParams {
  std::string path, train, valid, test;
  std::string text_column = "text", label_column = "label", id_column;
  std::int64_t length = 0;
};

ParamTable<Params> param_table() {
  ParamTable<Params> table = {
      data_path(with_default(
          "path", &Params::path,
          "folder of train/, valid/ (or val/, validation/) and test/ with a folder of .txt files "
          "for each class in each, or of the class folders themselves; '@data/...' lies in the "
          "data folder")),
      data_path(with_default("train", &Params::train,
                             "instead of path: a CSV file whose first row names the columns")),
      data_path(
          with_default("valid", &Params::valid, "beside train: likewise; '' when there is none")),
      data_path(
          with_default("test", &Params::test, "beside train: likewise; '' when there is none")),
      with_default("text_column", &Params::text_column, "of CSV files: the column of the texts"),
      with_default("label_column", &Params::label_column,
                   "of CSV files: the column of the classes"),
      with_default("id_column", &Params::id_column,
                   "of CSV files: a column that names the texts in predictions; '' when there is "
                   "none"),
      required("length", &Params::length, between(1, 1 << 20),
               "tokens of a sample: shorter texts are filled up with <pad>, longer ones cut")
          .also({"max_length", "sequence_length", "seq_len"}),
  };
  append(table, csv_format_table("of CSV files: "));
  append(table, class_folder_table());
  append(table, token_table());
  return table;
}

/// Numbers 0 and 1, in every unit.
std::vector<std::string> specials() {
  return {std::string(kPaddingToken), std::string(kUnknownToken)};
}

/// The tokens of all texts one after the other, and where each text begins.
struct EncodedTexts {
  explicit EncodedTexts(std::size_t vocabulary) : tokens(vocabulary) {}

  TokenIds tokens;
  std::vector<std::size_t> begins = {0};  // and the end of the last
  std::vector<std::int32_t> labels;
  std::vector<std::string> names, ids;  // ids: none, or one for each
  std::size_t cut = 0;                  // texts that were too long
  std::vector<std::string> notes = {};  // sentences on what is not read
};

class LabelledTextDataset final : public Dataset {
 public:
  LabelledTextDataset(DataSpec spec, std::string name, EncodedTexts texts)
      : spec_(std::move(spec)), name_(std::move(name)), texts_(std::move(texts)) {
    if (size() == 0) throw UserError(ExitCode::data, name_ + ": holds no text");
  }

  const DataSpec& spec() const override { return spec_; }
  std::size_t size() const override { return texts_.labels.size(); }
  std::string sample_name(std::size_t index) const override { return texts_.names[index]; }
  std::string sample_id(std::size_t index) const override {
    return texts_.ids.empty() ? std::string() : texts_.ids[index];
  }
  bool has_targets() const override {
    return std::ranges::any_of(texts_.labels, [](std::int32_t label) { return label >= 0; });
  }

  void read(std::size_t index, SampleBuffers out) const override {
    assert(index < size());
    const std::span<std::int32_t> tokens(reinterpret_cast<std::int32_t*>(out[0].data()),
                                         spec_.inputs[0].elements());
    const auto length = static_cast<std::int32_t>(texts_.begins[index + 1] - texts_.begins[index]);
    texts_.tokens.copy(texts_.begins[index], tokens.first(length));
    std::fill(tokens.begin() + length, tokens.end(), 0);  // <pad>
    std::memcpy(out[1].data(), &length, sizeof(length));
    std::memcpy(out[2].data(), &texts_.labels[index], sizeof(std::int32_t));
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = texts_.notes;
    if (texts_.cut > 0) {
      notes.push_back(name_ + ": " + std::to_string(texts_.cut) + " of " + std::to_string(size()) +
                      " texts are cut after " + std::to_string(spec_.inputs[0].elements()) +
                      " tokens (length)");
    }
    return notes;
  }

  std::string fingerprint() const override {
    unsigned long sum = texts_.tokens.crc32();
    sum = crc32_z(sum, reinterpret_cast<const Bytef*>(texts_.begins.data()),
                  texts_.begins.size() * sizeof(texts_.begins[0]));
    sum = crc32_z(sum, reinterpret_cast<const Bytef*>(texts_.labels.data()),
                  texts_.labels.size() * sizeof(texts_.labels[0]));
    char text[64];
    std::snprintf(text, sizeof text, "%zu texts, crc32 %08lx", size(), sum);
    return text;
  }

 private:
  DataSpec spec_;
  std::string name_;
  EncodedTexts texts_;
};

class LabelledTextSource final : public DataSource {
 public:
  LabelledTextSource(Params params, CsvFormat format)
      : params_(std::move(params)),
        columns_{format, params_.text_column, params_.label_column, params_.id_column} {
    spec_ = {.inputs = {{"tokens", DataType::s32, {params_.length}}, {"length", DataType::s32, {}}},
             .targets = {{"label", DataType::s32, {}}},
             .token_rule = TokenRule{params_.unit, params_.lowercase, false}};
    set_tokens(spec_, known_tokens(params_, specials()));
    set_classes(spec_, params_.classes);
  }

  const DataSpec& spec() const override { return spec_; }
  bool has(Split split) const override {
    if (split == Split::train) return true;
    return !(in_folders() ? found_.of(split) : table_of(split)).empty();
  }

  void look_up(const DataPaths& paths) override {
    if (in_folders()) found_ = folders(paths).find_splits();
    find_facts(spec_, paths);
  }
  std::vector<std::string> notes() const override { return found_.notes; }
  std::string one_class_hint(const DataPaths& paths) const override {
    return in_folders() ? folders(paths).one_class_hint()
                        : "label_column names the column of the classes";
  }
  void complete(ConfigNode& params) const override {
    complete_classes(spec_, params);
    complete_vocabulary(spec_, params);
  }

  std::unique_ptr<Dataset> open(Split split, const DataPaths& paths) const override {
    DataSpec spec = spec_;
    find_facts(spec, paths);  // where nothing was there when the config was read
    const auto texts = open_texts(split, spec.class_names, paths);
    return read_all(std::move(spec), *texts, place_of(split, paths));
  }

  std::unique_ptr<Dataset> open_file(const std::string& path) const override {
    if (!spec_.classes || !spec_.vocabulary) return DataSource::open_file(path);
    const auto texts = texts_in_file(path, columns_);
    return read_all(spec_, *texts, path);
  }

 private:
  bool in_folders() const { return !params_.path.empty(); }
  const std::string& table_of(Split split) const {
    return split == Split::train   ? params_.train
           : split == Split::valid ? params_.valid
                                   : params_.test;
  }

  ClassFolders folders(const DataPaths& paths) const {
    return ClassFolders(kTextFiles, paths.resolve(params_.path), params_,
                        "it holds train/ and test/ with a folder for each class in each, or the "
                        "class folders themselves");
  }

  std::unique_ptr<Dataset> read_all(DataSpec spec, LabelledTexts& texts,
                                    const std::string& place) const {
    const Vocabulary vocabulary(spec);
    const ClassIndex classes(spec.class_names);
    EncodedTexts encoded(vocabulary.size());
    TokenNumbers numbers(vocabulary);
    while (texts.next()) {
      const auto label = classes.find(texts.label());
      if (!label && !texts.label().empty()) texts.fail_label(spec.class_names);
      encoded.labels.push_back(label.value_or(-1));
      encoded.names.push_back(texts.name());
      if (!texts.id().empty()) encoded.ids.emplace_back(texts.id());
      encode(texts, numbers, encoded);
    }
    if (encoded.ids.size() != encoded.names.size()) encoded.ids.clear();
    encoded.tokens.shrink_to_fit();
    encoded.notes = texts.notes();
    numbers.add_note(place, params_.unit, encoded.notes);
    return std::make_unique<LabelledTextDataset>(std::move(spec), place, std::move(encoded));
  }

  /// The folder or the file of a split.
  std::string place_of(Split split, const DataPaths& paths) const {
    if (!in_folders()) return paths.resolve(table_of(split));
    return folders(paths).find_splits().of(split);
  }

  std::unique_ptr<LabelledTexts> open_texts(Split split, const std::vector<std::string>& classes,
                                            const DataPaths& paths) const {
    return in_folders() ? texts_in_folders(folders(paths), split, classes)
                        : texts_in_table(paths.resolve(table_of(split)), columns_);
  }

  /// The classes and the tokens that train has, as far as the config leaves them open.
  void find_facts(DataSpec& spec, const DataPaths& paths) const {
    if (in_folders() && !spec.classes)
      set_classes(spec, folders(paths).classes(folders(paths).find_splits()));
    if (spec.classes && spec.vocabulary) return;
    std::set<std::string, std::less<>> labels;
    TokenCounts counts;
    const auto texts = open_texts(Split::train, spec.class_names, paths);
    while (texts->next()) {
      if (!labels.contains(texts->label())) labels.emplace(texts->label());
      if (!spec.vocabulary)
        for_each_of(*texts, [&](std::string_view token, std::size_t) { counts.add(token); });
    }
    const std::string place = place_of(Split::train, paths);
    if (!spec.classes) set_classes(spec, checked(labels, place));
    if (!spec.vocabulary) set_tokens(spec, tokens_of(counts, params_, specials(), place));
  }

  std::vector<std::string> checked(const std::set<std::string, std::less<>>& labels,
                                   const std::string& place) const {
    if (labels.size() > kMaxClasses) {
      throw UserError(ExitCode::data,
                      place + ": column '" + columns_.label +
                          "': " + std::to_string(labels.size()) + " different classes, more than " +
                          std::to_string(kMaxClasses),
                      "label_column names the column of the classes");
    }
    return sorted_classes({labels.begin(), labels.end()});
  }

  template <class Body>
  void for_each_of(LabelledTexts& texts, const Body& body) const {
    fold_case(texts.text(), *spec_.token_rule);
    try {
      for_each_token(texts.text(), *spec_.token_rule, body);
    } catch (const TextError& error) {
      texts.fail(error);
    }
  }

  /// All of the text is looked at, so that what is wrong with it is told, however long it is.
  void encode(LabelledTexts& texts, TokenNumbers& numbers, EncodedTexts& encoded) const {
    std::size_t count = 0;
    const auto most = static_cast<std::size_t>(params_.length);
    for_each_of(texts, [&](std::string_view token, std::size_t offset) {
      if (++count <= most) encoded.tokens.add(numbers.number_of(token, offset));
    });
    if (count == 0) {
      texts.fail(
          TextError(0, "there is no " + std::string(unit_name(params_.unit)) + " in this text"));
    }
    if (count > most) ++encoded.cut;
    encoded.begins.push_back(encoded.tokens.size());
  }

  Params params_;
  TextColumns columns_;
  DataSpec spec_;
  SplitFolders found_;
};

void check_consistency(const ConfigNode& node, const Params& params) {
  if (params.path.empty() == params.train.empty()) {
    throw UserError(node.mark(), params.path.empty() ? "missing key 'path' or 'train' (string)"
                                                     : "path and train: give one of them");
  }
  for (const char* key :
       {"valid", "test", "text_column", "label_column", "id_column", "separator", "quote"}) {
    const ConfigNode* value = node.find(key);
    if (value && !params.path.empty())
      throw UserError(value->mark(), std::string(key) + ": only for CSV files, beside train");
  }
  for (const char* key : {"ignore", "allow_empty"}) {
    const ConfigNode* value = node.find(key);
    if (value && params.path.empty())
      throw UserError(value->mark(), std::string(key) + ": only for folders, beside path");
  }
  check_classes(node, params.classes, !params.path.empty());
  const std::vector<std::string> front = specials();
  check_token_params(node, params, front);
  const ConfigNode* list = node.find("vocabulary");
  const auto [place, missing] = std::ranges::mismatch(params.vocabulary, front);
  if (list && missing != front.end())
    throw UserError(list->mark(), "vocabulary: must begin with <pad> and <unk>");
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  Params params = read_params(node, param_table());
  check_consistency(node, params);
  const CsvFormat format = csv_format(node, params, true);
  return std::make_unique<LabelledTextSource>(std::move(params), format);
}

}  // namespace

DataKind labelled_text_kind() {
  return {"labelled_text",
          "texts with classes: .txt files in a folder for each, or a CSV file",
          specs_of(param_table()),
          make,
          {"labeled_text", "text_folder", "text_classification"}};
}

}  // namespace dl
