#include "tests/support/table_files.h"

#include <doctest/doctest.h>

#include <cstring>

#include "engine/config/yaml_file.h"
#include "engine/config/yaml_text.h"
#include "tests/support/data_files.h"

namespace dl::test {

TypedNode typed_yaml(const std::string& text) {
  Problems problems;
  const auto file = std::make_shared<SourceFile>("c.yaml", text);
  const ConfigNode node = parse_yaml(file, problems);
  problems.throw_if_any();
  return read_typed(node, "a data source");
}

std::vector<std::vector<double>> sample_of(const Dataset& data, std::size_t index) {
  std::vector<const Field*> fields;
  for (const Field& field : data.spec().inputs) fields.push_back(&field);
  for (const Field& field : data.spec().targets) fields.push_back(&field);
  std::vector<std::vector<std::byte>> bytes;
  for (const Field* field : fields) bytes.emplace_back(field->bytes());
  std::vector<std::span<std::byte>> out(bytes.begin(), bytes.end());
  data.read(index, out);
  std::vector<std::vector<double>> sample;
  for (std::size_t k = 0; k < fields.size(); ++k) {
    std::vector<double>& values = sample.emplace_back();
    for (std::size_t i = 0; i < fields[k]->elements(); ++i) {
      float number = 0;
      std::int32_t whole = 0;
      std::memcpy(&number, bytes[k].data() + 4 * i, 4);
      std::memcpy(&whole, bytes[k].data() + 4 * i, 4);
      values.push_back(fields[k]->type == DataType::f32 ? static_cast<double>(number) : whole);
    }
  }
  return sample;
}

std::unique_ptr<DataSource> found_source(const TypedNode& node, const std::string& folder) {
  auto source = make_data_source(node);
  source->look_up({folder, ""});
  return source;
}

std::string data_error(const TypedNode& node, const std::string& folder, Split split) {
  try {
    found_source(node, folder)->open(split, {folder, ""});
  } catch (const UserError& error) {
    CHECK(error.code() == ExitCode::data);
    std::string message = error.diagnostics()[0].message;
    if (message.starts_with(folder + "/")) message.erase(0, folder.size() + 1);
    return message;
  }
  return "nothing was thrown";
}

std::string completed(const TypedNode& node, const std::string& folder) {
  ConfigNode params = node.params;
  found_source(node, folder)->complete(params);
  return yaml_text(params);
}

}  // namespace dl::test
