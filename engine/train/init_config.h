#pragma once

#include <string>

#include "datasets/images/image_survey.h"
#include "engine/train/known_networks.h"

namespace dl {

/// What a config for pictures of one's own is made of.
struct InitRequest {
  std::string folder;  // as image_folder is to find it
  std::string name;    // of the run
  std::string file;    // what the config will be called, for its comments
  std::string from;    // weights to begin with; "": from nothing
};

/// A commented config that trains `network` on those pictures, or fine-tunes it.
std::string init_config(const InitRequest& request, const PictureSurvey& survey,
                        const PictureNetwork& network);

}  // namespace dl
