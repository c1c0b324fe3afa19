#include "engine/formats/pickle.h"

#include "core/error.h"

namespace dl {

void refuse_pickle(std::string_view start, const std::string& path) {
  // Of a safetensors file the ninth byte begins its header; its length may look like anything.
  if (start.size() > 8 && start[8] == '{') return;
  const bool zip = start.starts_with("PK\x03\x04");
  const bool pickle = start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5;
  if (!zip && !pickle) return;
  throw UserError(
      ExitCode::weights,
      path + ": a PyTorch pickle, which could run any code when it is read; dltool reads none",
      "convert it in Python: import torch; from safetensors.torch import save_file; "
      "save_file(torch.load('w.pt', weights_only=True), 'w.safetensors')");
}

}  // namespace dl
