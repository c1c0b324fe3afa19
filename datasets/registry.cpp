#include "datasets/kinds.h"

namespace dl {

const std::vector<DataKind>& all_data_kinds() {
  static const std::vector<DataKind> kinds = {
      adding_kind(),        cifar10_kind(),      cifar100_kind(),
      csv_kind(),           csv_sequence_kind(), digits_kind(),
      fashion_mnist_kind(), idx_kind(),          image_folder_kind(),
      labelled_text_kind(), mnist_kind(),        synthetic_kind(),
      text_kind(),          ts_kind(),
  };
  return kinds;
}

std::unique_ptr<DataSource> make_data_source(const TypedNode& source) {
  const DataKind& kind =
      find_kind<DataKind>(all_data_kinds(), source.type, source.type_mark, "data source");
  return kind.make(source.params);
}

}  // namespace dl
