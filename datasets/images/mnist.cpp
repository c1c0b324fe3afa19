#include "core/install_paths.h"
#include "datasets/images/idx_file.h"
#include "datasets/kinds.h"
#include "datasets/memory_dataset.h"

// The data sets that come as four IDX files under MNIST's names.
namespace dl {
namespace {

constexpr std::int64_t kClasses = 10;

std::vector<std::string> digit_names() {
  return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
}

std::vector<std::string> clothing_names() {
  return {"t-shirt/top", "trouser", "pullover", "dress", "coat",
          "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};
}

std::unique_ptr<DataSource> four_files(const std::string& folder, const std::string& test_prefix,
                                       DataSpec spec, const std::string& hint) {
  const auto files = [&](const std::string& prefix) {
    return IdxFiles{folder + "/" + prefix + "-images-idx3-ubyte",
                    folder + "/" + prefix + "-labels-idx1-ubyte", hint};
  };
  return std::make_unique<IdxSource>(std::move(spec), files("train"), files(test_prefix));
}

struct MnistParams {
  std::string path = "@data/mnist";
};
struct FashionParams {
  std::string path = "@data/fashion_mnist";
};

template <class P>
ParamTable<P> folder_table() {
  return {data_path(
      with_default("path", &P::path,
                   "folder of train-images-idx3-ubyte, train-labels-idx1-ubyte and the same of "
                   "t10k; each plain or with .gz"))};
}

template <class P>
DataKind mnist_like(std::string_view name, std::string_view summary,
                    const std::vector<std::string>& names) {
  const ParamTable<P> table = folder_table<P>();
  return {name, summary, specs_of(table), [=](const ConfigNode& node) {
            const DataSpec spec = labelled_pictures({1, 28, 28}, kClasses, names);
            return four_files(read_params(node, table).path, "t10k", spec,
                              get_data_hint(std::string(name)));
          }};
}

}  // namespace

DataKind mnist_kind() {
  return mnist_like<MnistParams>(
      "mnist", "MNIST: 60,000 and 10,000 grey pictures of handwritten digits, 1x28x28",
      digit_names());
}

DataKind fashion_mnist_kind() {
  return mnist_like<FashionParams>(
      "fashion_mnist", "Fashion-MNIST: 60,000 and 10,000 grey pictures of clothing, 1x28x28",
      clothing_names());
}

DataKind digits_kind() {
  return {"digits",
          "the embedded digits: 1,437 and 360 grey pictures of handwritten digits, 1x8x8",
          {},
          [](const ConfigNode& node) {
            struct Params {};
            read_params(node, ParamTable<Params>{});  // refuses every key
            return four_files("@builtin/digits", "test",
                              labelled_pictures({1, 8, 8}, kClasses, digit_names()),
                              "the digits come with dltool: is the installation whole?");
          }};
}

}  // namespace dl
