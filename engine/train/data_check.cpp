#include "engine/train/data_check.h"

#include "datasets/data_file.h"
#include "engine/train/batch_rules.h"
#include "engine/train/workspace.h"

namespace dl {

void check_data(const Setup& setup, std::vector<std::string>& notes) {
  if (!setup.source) return check_training_batches(setup, std::nullopt);
  const StopFlag none;
  OpenData data(setup, none);
  try {
    data.samples(Split::train);
  } catch (const MissingData& error) {  // a config may be checked before its data is there
    notes.push_back("the data was not looked at: " + error.diagnostics()[0].message);
    return check_training_batches(setup, std::nullopt);
  }
  check_training_batches(setup, data.samples(Split::train));
  data.training_batches();
  for (const Split split : {Split::valid, Split::test}) {
    if (data.has(split)) data.evaluation_batches(split);
  }
  for (std::string& note : data.notes()) notes.push_back(std::move(note));
}

}  // namespace dl
