#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/class_folders.h"
#include "datasets/tables/csv_format.h"
#include "datasets/text_file.h"

namespace dl {

/// Texts with their classes, read one after the other. All errors are UserError (ExitCode::data)
/// that name the file, and in it the place.
class LabelledTexts {
 public:
  virtual ~LabelledTexts() = default;
  /// Reads the next text; false: there is none.
  virtual bool next() = 0;
  /// The text, which the caller may change until next().
  virtual std::string& text() = 0;
  /// The name of its class; "" where it is to be predicted.
  virtual std::string_view label() const = 0;
  /// "reviews/pos/12.txt", "reviews.csv:12".
  virtual std::string name() const = 0;
  /// What a column of names calls it; "": nothing.
  virtual std::string_view id() const { return {}; }
  /// Sentences on what is not read, and on how the texts so far were read.
  virtual std::vector<std::string> notes() const { return {}; }
  /// Tells what is wrong with the text.
  [[noreturn]] virtual void fail(const TextError& error) const = 0;
  /// Tells that the class is none of those.
  [[noreturn]] virtual void fail_label(std::span<const std::string> classes) const = 0;
};

/// The .txt files in the folders of a split, class by class.
std::unique_ptr<LabelledTexts> texts_in_folders(const ClassFolders& folders, Split split,
                                                std::vector<std::string> classes);
inline constexpr std::string_view kTextEndings[] = {".txt"};
inline constexpr FileKind kTextFiles{"text", kTextEndings};

/// A table with a column of texts and one of classes.
struct TextColumns {
  CsvFormat format;
  std::string text, label, id;  // names of the columns; no id: ""
};
std::unique_ptr<LabelledTexts> texts_in_table(const std::string& path, const TextColumns& columns);

/// Texts to be predicted: that of a .txt file, those of all in a folder and its folders, or those
/// of a table, which need not have classes.
std::unique_ptr<LabelledTexts> texts_in_file(const std::string& path, const TextColumns& columns);

}  // namespace dl
