#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dl {

/// A text that positions point into: a config file, or the text of a `--set` argument.
class SourceFile {
 public:
  SourceFile(std::string path, std::string text);

  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }
  /// The line without its end; `number` counts from 1. Empty when there is no such line.
  std::string_view line(int number) const;

 private:
  std::string path_;
  std::string text_;
  std::vector<std::size_t> starts_;
};

/// A place in a source file. `file` is shared because an error outlives the tree it was found in.
struct Mark {
  std::shared_ptr<const SourceFile> file;
  int line = 0;    // from 1; 0: no position
  int column = 0;  // from 1, in bytes
  int length = 1;  // bytes that the caret underlines

  bool valid() const { return file != nullptr && line > 0; }
  /// "resnet.yaml:14:11", or "" without a position.
  std::string text() const;
};

}  // namespace dl
