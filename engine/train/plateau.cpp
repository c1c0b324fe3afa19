#include <algorithm>
#include <limits>

#include "engine/train/schedule_kind.h"

namespace dl {
namespace {

enum class ThresholdMode { rel, abs };

}  // namespace

template <>
struct EnumWords<ThresholdMode> {
  static constexpr std::pair<std::string_view, ThresholdMode> words[] = {
      {"rel", ThresholdMode::rel}, {"abs", ThresholdMode::abs}};
};

namespace {

struct Params {
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  ThresholdMode threshold_mode = ThresholdMode::rel;
  std::int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;
};

ParamTable<Params> param_table() {
  return {
      with_default("factor", &Params::factor, from_to_below(0, 1), "factor of a fall"),
      with_default("patience", &Params::patience, at_least(0),
                   "epochs without improvement that are let pass"),
      with_default("threshold", &Params::threshold, at_least(0), "how much counts as improvement"),
      with_default("threshold_mode", &Params::threshold_mode,
                   "threshold as a share of the best, or absolute"),
      with_default("cooldown", &Params::cooldown, at_least(0),
                   "epochs after a fall that do not count"),
      with_default("min_lr", &Params::min_lr, at_least(0), "the rate never falls below this"),
      with_default("eps", &Params::eps, at_least(0), "a fall by no more than this is left out"),
  };
}

/// torch.optim.lr_scheduler.ReduceLROnPlateau.
class Plateau final : public Schedule {
 public:
  Plateau(Params params, const ConfigNode&) : params_(params) {}
  bool watches_metric() const override { return true; }

  double lr(const ScheduleContext& context, const Progress&,
            const ScheduleState& state) const override {
    return rate(context, state.scale);
  }

  void on_epoch_end(const ScheduleContext& context, ScheduleState& state, double metric,
                    bool lower_is_better) const override {
    constexpr double kWorst = std::numeric_limits<double>::infinity();
    if (better(metric, state.best.value_or(lower_is_better ? kWorst : -kWorst), lower_is_better)) {
      state.best = metric;
      state.bad_epochs = 0;
    } else {
      ++state.bad_epochs;
    }
    if (state.cooldown > 0) {
      --state.cooldown;
      state.bad_epochs = 0;
    }
    if (state.bad_epochs > params_.patience) {
      const double lower = state.scale * params_.factor;
      if (rate(context, state.scale) - rate(context, lower) > params_.eps) state.scale = lower;
      state.cooldown = params_.cooldown;
      state.bad_epochs = 0;
    }
  }

 private:
  double rate(const ScheduleContext& context, double scale) const {
    return std::max(std::min(params_.min_lr, context.base_lr), context.base_lr * scale);
  }

  bool better(double metric, double best, bool lower) const {
    const bool relative = params_.threshold_mode == ThresholdMode::rel;
    if (lower)
      return metric < (relative ? best * (1.0 - params_.threshold) : best - params_.threshold);
    return metric > (relative ? best * (1.0 + params_.threshold) : best + params_.threshold);
  }

  Params params_;
};

}  // namespace

ScheduleKind plateau_kind() {
  return schedule_kind<Plateau>("plateau",
                                "falls when the monitored metric stands still (ReduceLROnPlateau)",
                                param_table())
      .also({"reduce_on_plateau", "reduce_lr_on_plateau"});
}

}  // namespace dl
