#include "datasets/class_names.h"

#include <set>
#include <string_view>

#include "core/error.h"

namespace dl {

void check_classes(const ConfigNode& node, std::span<const std::string> classes, bool folders) {
  const ConfigNode* list = node.find("classes");
  if (!list) return;
  if (classes.empty()) throw UserError(list->mark(), "classes: is empty");
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string& name = classes[i];
    const Mark& mark = list->items()[i].mark();
    if (folders && (name.empty() || name[0] == '.' || name.find('/') != std::string::npos))
      throw UserError(mark, "classes: '" + name + "' is no name of a folder");
    if (!seen.insert(name).second)
      throw UserError(mark, "classes: '" + name + "' stands here twice");
  }
}

void set_classes(DataSpec& spec, std::vector<std::string> names) {
  spec.classes = std::nullopt;
  if (!names.empty()) spec.classes = static_cast<std::int64_t>(names.size());
  spec.class_names = std::move(names);
}

void complete_classes(const DataSpec& spec, ConfigNode& params) {
  if (params.find("classes") || spec.class_names.empty()) return;
  std::vector<ConfigNode> names;
  for (const std::string& name : spec.class_names)
    names.push_back(ConfigNode::scalar(name, params.mark(), true));
  params.entries().push_back(
      {"classes", params.mark(), ConfigNode::list(std::move(names), params.mark())});
}

}  // namespace dl
