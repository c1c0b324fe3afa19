#include "datasets/text/labelled_texts.h"

#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "datasets/tables/csv_file.h"

namespace dl {
namespace {

constexpr std::size_t kClassesShown = 10;

/// Files of one text each. Without labels they are to be predicted.
class FolderTexts final : public LabelledTexts {
 public:
  FolderTexts(std::string folder, std::vector<std::string> classes, LabelledFiles list)
      : folder_(std::move(folder)), classes_(std::move(classes)), list_(std::move(list)) {}

  bool next() override {
    if (at_ == list_.files.size()) return false;
    file_.emplace(below(folder_, list_.files[at_++]));
    file_->make_utf8();
    return true;
  }
  std::string& text() override { return file_->text(); }
  std::string_view label() const override {
    return list_.labels.empty() ? std::string_view() : classes_[list_.labels[at_ - 1]];
  }
  std::string name() const override { return file_->path(); }
  std::vector<std::string> notes() const override { return list_.notes; }

  void fail(const TextError& error) const override {
    throw UserError(ExitCode::data, file_->place(error.offset()) + ": " + error.what(),
                    error.hint());
  }
  void fail_label(std::span<const std::string>) const override {
    throw UserError(ExitCode::data, name() + ": is in the folder of no class");
  }

 private:
  std::string folder_;
  std::vector<std::string> classes_;
  LabelledFiles list_;
  std::size_t at_ = 0;  // the file after the one that was read
  std::optional<TextFile> file_;
};

/// A file that holds one text, to be predicted.
class LoneText final : public LabelledTexts {
 public:
  explicit LoneText(const std::string& path) : file_(path) { file_.make_utf8(); }

  bool next() override { return !std::exchange(read_, true); }
  std::string& text() override { return file_.text(); }
  std::string_view label() const override { return {}; }
  std::string name() const override { return file_.path(); }
  void fail(const TextError& error) const override {
    throw UserError(ExitCode::data, file_.place(error.offset()) + ": " + error.what(),
                    error.hint());
  }
  void fail_label(std::span<const std::string>) const override {
    throw UserError(ExitCode::data, name() + ": has no class");
  }

 private:
  TextFile file_;
  bool read_ = false;
};

class TableTexts final : public LabelledTexts {
 public:
  /// `predicting`: there need be no classes.
  TableTexts(const std::string& path, const TextColumns& columns, bool predicting)
      : table_(path, columns.format),
        text_column_(table_.index_of(columns.text)),
        predicting_(predicting) {
    label_column_ = predicting ? table_.find(columns.label) : table_.index_of(columns.label);
    if (!columns.id.empty())
      id_column_ = predicting ? table_.find(columns.id) : table_.index_of(columns.id);
  }

  bool next() override {
    if (!table_.next()) return false;
    text_ = table_.row()[text_column_].text;
    if (!predicting_ && label().empty()) table_.fail(*label_column_, "is empty, expected a class");
    return true;
  }
  std::string& text() override { return text_; }
  std::string_view label() const override {
    return label_column_ ? table_.row()[*label_column_].word() : std::string_view();
  }
  std::string name() const override { return table_.path() + ":" + std::to_string(table_.line()); }
  std::string_view id() const override {
    return id_column_ ? table_.row()[*id_column_].word() : std::string_view();
  }
  std::vector<std::string> notes() const override { return table_.notes(); }

  void fail(const TextError& error) const override {
    table_.fail(text_column_, error.what(), error.hint());
  }
  void fail_label(std::span<const std::string> classes) const override {
    const std::string found(label());
    const bool all = classes.size() <= kClassesShown;
    const std::string names =
        join(all ? classes : classes.first(kClassesShown), ", ") + (all ? "" : ", ...");
    table_.fail(*label_column_,
                "'" + found + "' is none of the classes, " + names + did_you_mean(found, classes));
  }

 private:
  CsvFile table_;
  std::size_t text_column_;
  std::optional<std::size_t> label_column_, id_column_;
  bool predicting_;
  std::string text_;
};

}  // namespace

std::unique_ptr<LabelledTexts> texts_in_folders(const ClassFolders& folders, Split split,
                                                std::vector<std::string> classes) {
  const SplitFolders splits = folders.find_splits();
  LabelledFiles list = folders.list(splits, split, classes);
  return std::make_unique<FolderTexts>(splits.of(split), std::move(classes), std::move(list));
}

std::unique_ptr<LabelledTexts> texts_in_table(const std::string& path, const TextColumns& columns) {
  return std::make_unique<TableTexts>(path, columns, false);
}

std::unique_ptr<LabelledTexts> texts_in_file(const std::string& path, const TextColumns& columns) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    FolderFiles files = some_files_in(path, kTextFiles);
    LabelledFiles list{.files = std::move(files.found), .labels = {}};
    std::string note = unread_note(path, files.unread, list.files.size(), kTextFiles);
    if (!note.empty()) list.notes.push_back(std::move(note));
    return std::make_unique<FolderTexts>(path, std::vector<std::string>(), std::move(list));
  }
  if (path.ends_with(".txt")) return std::make_unique<LoneText>(path);
  return std::make_unique<TableTexts>(path, columns, true);
}

}  // namespace dl
