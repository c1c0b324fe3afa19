#pragma once

#include <string>
#include <vector>

#include "datasets/tables/table_survey.h"

namespace dl {

// Commented configs for tables, texts and series of one's own.

/// What such a config is made of.
struct InitData {
  std::string path;    // of the data, as this process finds it
  std::string said;    // of the data, as the config says it
  std::string name;    // of the run
  std::string file;    // what the config will be called, for its comments
  std::string target;  // a column; "": none was named
};

/// A config, and what it takes the data for, in a sentence.
struct InitConfig {
  std::string text, summary;
};

// All throw UserError (ExitCode::data) where the data cannot be read, and ExitCode::command_line
// where the target is no column.

/// A table, a sample a row.
InitConfig init_table(const InitData& data, const TableSurvey& survey);
/// A table with a column of texts and one of classes, the target.
InitConfig init_text_table(const InitData& data, const TableSurvey& survey);
/// The column of texts of such a table; "": there is none, or it is not for certain.
std::string text_column(const TableSurvey& survey, const std::string& target);
/// A folder of .txt files in a folder for each class.
InitConfig init_texts(const InitData& data);
/// A text for a language model.
InitConfig init_text(const InitData& data);
/// A table whose rows follow in time. The target is what is forecast; "": all columns.
InitConfig init_sequence(const InitData& data, const TableSurvey& survey);
/// Whether a column of the table holds dates in which its rows follow, forward or backward.
bool follows_in_time(const std::string& path, const TableSurvey& survey);
/// Series of the UCR/UEA archive's format; the file of the other split is found by its name.
InitConfig init_series(const InitData& data);

}  // namespace dl
