#include "tests/support/texts.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"

namespace dl::test {

std::unique_ptr<DataSource> looked_up(const std::string& type, const SourceParams& params) {
  auto source = make_data_source(typed(type, params));
  source->look_up({});
  return source;
}

std::string user_error(const std::function<void()>& act, ExitCode code) {
  try {
    act();
  } catch (const UserError& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  return "nothing was thrown";
}

std::vector<std::vector<std::int32_t>> read_integers(const Dataset& data, std::size_t index) {
  std::vector<std::vector<std::int32_t>> fields;
  for (const auto* part : {&data.spec().inputs, &data.spec().targets}) {
    for (const Field& field : *part) fields.emplace_back(field.elements());
  }
  std::vector<std::span<std::byte>> out;
  for (auto& field : fields) out.push_back(std::as_writable_bytes(std::span(field)));
  data.read(index, out);
  return fields;
}

}  // namespace dl::test
