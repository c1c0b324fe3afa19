#pragma once

#include "datasets/dataset.h"

// One function for each file of this folder that reads a format; registry.cpp lists them.
namespace dl {

DataKind adding_kind();
DataKind cifar10_kind();
DataKind cifar100_kind();
DataKind csv_kind();
DataKind csv_sequence_kind();
DataKind digits_kind();
DataKind fashion_mnist_kind();
DataKind idx_kind();
DataKind image_folder_kind();
DataKind labelled_text_kind();
DataKind mnist_kind();
DataKind synthetic_kind();
DataKind text_kind();
DataKind ts_kind();

}  // namespace dl
