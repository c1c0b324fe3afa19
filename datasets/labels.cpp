#include "datasets/labels.h"

#include <cstring>

namespace dl {

bool has_labels(const DataSpec& spec) {
  return spec.targets.size() == 1 && spec.targets[0].type == DataType::s32 &&
         spec.targets[0].shape.empty();
}

LabelReader::LabelReader(const Dataset& dataset) : dataset_(dataset) {
  const DataSpec& spec = dataset.spec();
  for (const Field& field : spec.inputs) room_.emplace_back(field.encoded ? 0 : field.bytes());
  label_ = room_.size();
  for (const Field& field : spec.targets) room_.emplace_back(field.bytes());
  for (std::vector<std::byte>& bytes : room_) buffers_.emplace_back(bytes);
}

std::int32_t LabelReader::operator()(std::size_t index) {
  dataset_.read(index, buffers_);
  std::int32_t label;
  std::memcpy(&label, room_[label_].data(), sizeof(label));
  return label;
}

std::vector<std::vector<std::uint32_t>> samples_by_class(const SampleSet& set, const Mark& mark) {
  const DataSpec& spec = set.dataset->spec();
  std::vector<std::vector<std::uint32_t>> classes(static_cast<std::size_t>(*spec.classes));
  LabelReader label_of(*set.dataset);
  for (const std::uint32_t sample : set.samples)
    classes[static_cast<std::size_t>(label_of(sample))].push_back(sample);
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (!classes[c].empty()) continue;
    const std::string name = c < spec.class_names.size() ? spec.class_names[c] : std::to_string(c);
    throw UserError(ExitCode::data,
                    {Diagnostic{.mark = mark,
                                .message = "data: sampler: class '" + name +
                                           "' has no training samples that could be drawn",
                                .hint = "data.subset with classes leaves classes out"}});
  }
  return classes;
}

}  // namespace dl
