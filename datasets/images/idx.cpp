#include "datasets/images/idx_file.h"
#include "datasets/kinds.h"
#include "datasets/memory_dataset.h"

namespace dl {
namespace {

struct Params {
  std::string path;
  std::string train_images, train_labels, test_images, test_labels;
  std::vector<std::int64_t> shape;
  std::int64_t classes = 0;
  std::vector<std::string> class_names;
};

ParamTable<Params> param_table() {
  return {
      data_path(required("path", &Params::path,
                         "folder of the files; '@data/...' lies in the data folder")),
      required("train_images", &Params::train_images, "file name, plain or with .gz"),
      required("train_labels", &Params::train_labels, "file name, plain or with .gz"),
      with_default("test_images", &Params::test_images, "file name; '' when there is no test set"),
      with_default("test_labels", &Params::test_labels, "file name; '' when there is no test set"),
      required("shape", &Params::shape, between(1, 1 << 20),
               "of one sample, channels first: [1, 28, 28]; the files may leave out one channel"),
      required("classes", &Params::classes, between(1, 256), "labels are 0 to classes - 1"),
      with_default("class_names", &Params::class_names, "for reports; one for each class"),
  };
}

void check_consistency(const ConfigNode& node, const Params& params) {
  if (params.shape.empty() || params.shape.size() > 3) {
    throw UserError(node.find("shape")->mark(), "shape: 1 to 3 sizes are possible");
  }
  if (params.test_images.empty() != params.test_labels.empty()) {
    throw UserError(node.mark(), "test_images and test_labels belong together");
  }
  if (!params.class_names.empty() &&
      params.class_names.size() != static_cast<std::size_t>(params.classes)) {
    throw UserError(node.find("class_names")->mark(),
                    "class_names: " + std::to_string(params.class_names.size()) + " names for " +
                        std::to_string(params.classes) + " classes");
  }
}

std::unique_ptr<DataSource> make(const ConfigNode& node) {
  const Params params = read_params(node, param_table());
  check_consistency(node, params);
  const auto at = [&](const std::string& name) {
    return name.empty() ? name : params.path + "/" + name;
  };
  return std::make_unique<IdxSource>(
      labelled_pictures(params.shape, params.classes, params.class_names),
      IdxFiles{at(params.train_images), at(params.train_labels)},
      IdxFiles{at(params.test_images), at(params.test_labels)});
}

}  // namespace

DataKind idx_kind() {
  return {"idx", "pictures and labels in IDX files (MNIST's format) of any names and size",
          specs_of(param_table()), make};
}

}  // namespace dl
