#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/file_system.h"

namespace dl {

/// Where a tensor says that its bytes lie outside of the model's file.
struct ExternalPlace {
  std::string location, offset, length;  // as written; "": not said
};

/// Files beside a model that hold tensors. Only regular files in the model's folder or below it are
/// read, none through a link, and all tensors together take no more bytes than the files have.
class ExternalData {
 public:
  explicit ExternalData(std::string model_path) : model_path_(std::move(model_path)) {}

  /// The `bytes` bytes of a tensor, which is called so in messages. Throws UserError
  /// (ExitCode::weights).
  std::string read(const std::string& tensor, const ExternalPlace& place, std::uint64_t bytes);

 private:
  struct OpenFile {
    std::unique_ptr<InputFile> file;
    std::uint64_t unread = 0;
  };
  OpenFile& open(const std::string& tensor, const std::string& location);
  [[noreturn]] void refuse(const std::string& tensor, const std::string& what) const;

  std::string model_path_;
  std::map<std::string, OpenFile> files_;
};

}  // namespace dl
