#include "engine/train/carried_states.h"

#include <algorithm>

namespace dl {

void check_carried_states(const Setup& setup, const Programs& programs) {
  for (const Purpose purpose : {Purpose::train, Purpose::evaluate}) {
    if (!programs.carries_state(purpose) || programs.count(purpose) <= 1) continue;
    throw UserError(setup.config.data.mark,
                    "data: a layer with stateful: true wants all batches of one size",
                    "drop_last: true leaves the last samples of train out; eval_batch must divide "
                    "the number of samples of valid and test");
  }
}

std::vector<TensorView> carried_tensors(std::span<const CarriedState> states) {
  std::vector<TensorView> tensors;
  for (const CarriedState& state : states)
    tensors.push_back(float_tensor(state.name, state.shape.dims(), state.values));
  return tensors;
}

void load_carried(std::span<const CarriedState> states, const LoadedCheckpoint& checkpoint) {
  if (!checkpoint.carried)
    throw UserError(ExitCode::weights, checkpoint.folder + ": has no carried.safetensors");
  const std::string path = checkpoint.folder + "/carried.safetensors";
  for (const CarriedState& state : states) {
    std::ranges::copy(expect_tensor(*checkpoint.carried, path, state.name, state.shape),
                      state.values.begin());
  }
}

}  // namespace dl
