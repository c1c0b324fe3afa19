#include <algorithm>

#include "engine/train/environment.h"
#include "engine/train/session.h"

// What a session does about the features of a frozen part: see engine/train/feature_cache.h.
namespace dl {

/// Of the phase, at most.
std::int64_t Session::epochs_to_come() const {
  const std::int64_t epochs = setup_.phases[phase_].end() - state_.epoch;
  const auto max_steps = setup_.config.train.max_steps;
  if (!max_steps) return epochs;
  const std::int64_t each = setup_.steps_per_epoch(*parts_.train);
  return std::min(epochs, (std::max<std::int64_t>(*max_steps - state_.step, 0) + each - 1) / each);
}

/// Keeps what the frozen part computes, where that pays. False: a signal came meanwhile.
bool Session::open_features(Sinks& sinks) {
  if (setup_.config.train.cache_features.where == FeatureCacheChoice::off) return true;
  const auto tell = [&](const std::string& text) { sinks.tell(&Sink::on_note, text); };
  if (parts_.programs->carries_state(Purpose::train)) {
    if (cut_at_features(setup_.graph, parts_.store))
      tell("the frozen part is computed anew each epoch: a layer carries its state on");
    return true;
  }
  const std::size_t used = total_bytes(parts_.memory);
  const std::size_t limit = memory_limit_bytes();
  const FeatureRequest request{
      .setup = setup_,
      .files = files_,
      .data = data_,
      .store = parts_.store,
      .stop = stop_,
      .memory_left = limit - std::min(limit, used),
      .epochs = epochs_to_come(),
      .tell = tell,
      .work = [&](const WorkReport& work) { sinks.tell(&Sink::on_work, work); }};
  const auto result = FeatureCache::make(request, features_);
  if (result == FeatureCache::Result::made) parts_.programs.reset();
  return result != FeatureCache::Result::stopped;
}

/// What a run recommends may be from another phase, so that it is the whole network that is judged.
void Session::close_features() {
  if (!features_) return;
  features_.reset();
  prepare_programs();
}

}  // namespace dl
