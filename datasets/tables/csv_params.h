#pragma once

#include <optional>
#include <string>
#include <vector>

#include "datasets/tables/csv_table.h"

namespace dl {

template <>
struct EnumWords<CsvMissing> {
  static constexpr std::pair<std::string_view, CsvMissing> words[] = {
      {"error", CsvMissing::error}, {"mean", CsvMissing::mean}, {"drop", CsvMissing::drop}};
};
template <>
struct EnumWords<CsvTask> {
  static constexpr std::pair<std::string_view, CsvTask> words[] = {
      {"classification", CsvTask::classification}, {"regression", CsvTask::regression}};
};

/// One name or several.
struct CsvNames {
  std::vector<std::string> all;
};

/// What a config says of a table.
struct CsvParams : CsvFormatParams {
  std::string path, train, valid, test;
  CsvNames target;
  std::string id;
  std::optional<CsvTask> task;
  std::optional<std::vector<std::string>> numeric, categorical;
  std::vector<std::string> ignore;
  CsvMissing missing = CsvMissing::error;
  std::vector<std::string> missing_values = usual_missing_values();
  ScaleKind scale = ScaleKind::standard;
  bool scale_target = true;
  bool header = true;
  // What a run keeps of what was found in train.
  std::vector<std::vector<std::string>> categories;
  std::vector<std::string> classes;
  std::vector<double> offsets, scales, fill, target_offsets, target_scales;
};

ParamTable<CsvParams> csv_param_table();

/// Reads `node` and checks that its keys agree; throws UserError at the key.
CsvParams read_csv_params(const ConfigNode& node);

}  // namespace dl
