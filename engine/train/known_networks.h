#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config_node.h"
#include "engine/train/weight_source.h"

namespace dl {

/// A network that pictures can be classified with.
struct PictureNetwork {
  std::string title;                     // "ResNet-18"
  std::string extends;                   // "@configs/imagenet/resnet18.yaml"; "": see `model`
  std::string vars = {};                 // YAML of the vars that differ from that config's
  std::optional<ConfigNode> model = {};  // of a run: its layers, losses and output
  std::string rename = {};               // preset for the source's names
  std::vector<std::string> heads = {};
  std::int64_t channels = 3, size = 224;  // of its input
  bool any_size = true;                   // it takes others too
  std::string normalize = {};             // the transform, with its parameters; "": none
};

/// The network whose weights a source has: that of a run, with its head made to tell `classes`
/// apart, or the one of configs/ that all tensors but the head's fit. Throws UserError
/// (ExitCode::weights) when there is none.
PictureNetwork network_of_source(const std::string& path, std::int64_t classes);

/// One to train from nothing on pictures whose shorter side is that long.
PictureNetwork network_for(std::int64_t shorter);

}  // namespace dl
