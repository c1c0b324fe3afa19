#include <algorithm>

#include "engine/train/environment.h"
#include "engine/train/session.h"

// What a session does about the features of a frozen part: see engine/train/feature_cache.h.
namespace dl {

/// A place that the config names for features is used, or it is told why not. `any`: a phase has
/// a part to keep them of.
void Session::expect_features(bool any) const {
  const FeatureCacheChoice said = setup_.config.train.cache_features.where;
  if (said != FeatureCacheChoice::ram && said != FeatureCacheChoice::disk) return;
  const std::string obstacle =
      any ? obstacle_to_features(setup_) : "no layer that the data reaches first is frozen";
  if (obstacle.empty()) return;
  throw UserError(setup_.config.train.cache_features.mark,
                  "train.cache_features: nothing can be kept",
                  obstacle + "; auto takes what there is");
}

/// Of the phase, at most.
std::int64_t Session::epochs_to_come() const {
  const std::int64_t epochs = setup_.phases[phase_].end() - state_.epoch;
  const auto max_steps = setup_.config.train.max_steps;
  if (!max_steps) return epochs;
  const std::int64_t each = setup_.steps_per_epoch(*train_);
  return std::min(epochs, (std::max<std::int64_t>(*max_steps - state_.step, 0) + each - 1) / each);
}

/// Keeps what the frozen part computes, where that pays. False: a signal came meanwhile.
bool Session::open_features(Sinks& sinks) {
  if (setup_.config.train.cache_features.where == FeatureCacheChoice::off) return true;
  const auto tell = [&](const std::string& text) { sinks.tell(&Sink::on_note, text); };
  if (programs_->carries_state(Purpose::train)) {
    if (cut_at_features(setup_.graph, store_))
      tell("the frozen part is computed anew each epoch: a layer carries its state on");
    return true;
  }
  std::size_t used = 0;
  for (const auto& [kind, bytes] : memory_) used += bytes;
  const std::size_t limit = memory_limit_bytes();
  const FeatureRequest request{
      .setup = setup_,
      .files = files_,
      .data = data_,
      .store = store_,
      .stop = stop_,
      .memory_left = limit - std::min(limit, used),
      .epochs = epochs_to_come(),
      .tell = tell,
      .work = [&](const WorkReport& work) { sinks.tell(&Sink::on_work, work); }};
  const auto result = FeatureCache::make(request, features_);
  if (result == FeatureCache::Result::made) programs_.reset();
  return result != FeatureCache::Result::stopped;
}

/// What a run recommends may be from another phase, so that it is the whole network that is judged.
void Session::close_features() {
  if (!features_) return;
  features_.reset();
  prepare_programs();
}

}  // namespace dl
