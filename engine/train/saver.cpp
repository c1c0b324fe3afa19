#include "engine/train/saver.h"

#include <new>
#include <utility>

namespace dl {

Saver::Saver(Parts parts) : parts_(std::move(parts)), rule_(save_rule(parts_.config.every)) {}

SaveMoment Saver::now(const TrainState& state) const {
  return {.epoch = state.epoch, .step = state.step, .seconds = parts_.clock()};
}

void Saver::begin(const TrainState& state) { last_ = now(state); }

bool Saver::due(const TrainState& state) const { return due_in_epoch(rule_, last_, now(state)); }

void Saver::save(const TrainState& state, bool best) {
  if (best)
    held_.drop();
  else
    write_held();
  write(state.step, parts_.content(state), best);
  last_ = now(state);
}

void Saver::end_epoch(const TrainState& state, bool best, bool ends_run) {
  const EpochEnd end{.best = best, .ends_run = ends_run, .best_held = !held_.empty()};
  switch (at_epoch_end(rule_, last_, now(state), end)) {
    case EpochSave::nothing:
      break;
    case EpochSave::hold:
      hold(state);
      break;
    case EpochSave::write_held:
      write_held();
      break;
    case EpochSave::save:
      save(state, best);
      break;
  }
}

void Saver::hold(const TrainState& state) {
  try {
    held_.take(state.step, parts_.content(state), parts_.is_fixed);
  } catch (const std::bad_alloc&) {  // then it costs time instead
    save(state, true);
  }
}

void Saver::write_held() {
  if (held_.empty()) return;
  write(held_.step(), held_.content(), true);
  held_.drop();
  last_.seconds = parts_.clock();
}

void Saver::close() {
  write_held();
  held_ = {};
}

void Saver::write(std::int64_t step, const CheckpointContent& content, bool best) {
  const SaveInProgress saving(parts_.stop);
  parts_.folder.expect_there();
  parts_.sync_metrics();
  save_checkpoint(parts_.files, parts_.folder.path(), step, content, best, parts_.config.keep,
                  [&](const std::string& path) {
                    if (!sinks_) return;
                    sinks_->tell(&Sink::on_note, "saved " + path + (best ? " (best)" : ""));
                  });
}

HeldCheckpoint::IsFixed fixed_weights(const WeightStore& store, const Updater& updater) {
  // An average goes on towards a weight that does not change.
  if (updater.averages()) return [](std::string_view) { return false; };
  return [&store](std::string_view name) { return store.find(name)->frozen; };
}

std::size_t held_best_bytes(const Setup& setup, const WeightStore& store, const Updater& updater) {
  const TrainConfig& train = setup.config.train;
  const bool held_out = setup.config.data.split.valid.amount > 0;
  const bool judged =
      !train.monitor.empty() || held_out || (setup.source && setup.source->has(Split::valid));
  if (!judged || save_rule(train.checkpoint.every).seconds <= 0) return 0;
  const CheckpointContent content{.model = weight_tensors(store),
                                  .optim = updater.slot_tensors(),
                                  .ema = updater.average_tensors(),
                                  .carried = {},
                                  .state = {}};
  return HeldCheckpoint::bytes_of(content, fixed_weights(store, updater));
}

}  // namespace dl
