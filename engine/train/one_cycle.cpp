#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/train/schedule_kind.h"

namespace dl {
namespace {

enum class Anneal { cos, linear };

}  // namespace

template <>
struct EnumWords<Anneal> {
  static constexpr std::pair<std::string_view, Anneal> words[] = {{"cos", Anneal::cos},
                                                                  {"linear", Anneal::linear}};
};

namespace {

struct Params {
  double pct_start = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  Anneal anneal = Anneal::cos;
  bool three_phase = false;
  bool cycle_momentum = true;
  double base_momentum = 0.85;
  double max_momentum = 0.95;
};

ParamTable<Params> param_table() {
  return {
      with_default("pct_start", &Params::pct_start, between(0, 1),
                   "share of the training that rises"),
      with_default("div_factor", &Params::div_factor, above(0), "the start is lr / div_factor"),
      with_default("final_div_factor", &Params::final_div_factor, above(0),
                   "the end is the start / final_div_factor"),
      with_default("anneal", &Params::anneal, "shape of rise and fall"),
      with_default("three_phase", &Params::three_phase,
                   "falls back to the start first, then to the end"),
      with_default("cycle_momentum", &Params::cycle_momentum,
                   "the momentum goes the other way, in place of the optimiser's (adam: the first "
                   "of betas); an optimiser without momentum stays without"),
      with_default("base_momentum", &Params::base_momentum, from_to_below(0, 1),
                   "the momentum where the rate is highest"),
      with_default("max_momentum", &Params::max_momentum, from_to_below(0, 1),
                   "the momentum at the start and at the end"),
  };
}

/// torch.optim.lr_scheduler.OneCycleLR (Smith and Topin 2018), step by step; the optimiser's lr is
/// the peak.
class OneCycle final : public Schedule {
 public:
  OneCycle(Params params, const ConfigNode& node) : params_(params) {
    if (params_.three_phase && params_.pct_start > 0.5) {
      throw UserError(node.find("pct_start")->mark(),
                      "pct_start: with three_phase the rate rises and falls in this share each, so "
                      "it must be at most 0.5");
    }
  }

  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    const double peak = context.base_lr, start = peak / params_.div_factor,
                 end = start / params_.final_div_factor;
    const Place place = place_of(context, at);
    if (place.phase == Phase::rise) return between_points(start, peak, place.share);
    if (place.phase == Phase::rest) return between_points(start, end, place.share);
    return between_points(peak, params_.three_phase ? start : end, place.share);
  }

  std::optional<double> momentum(const ScheduleContext& context,
                                 const Progress& at) const override {
    if (!params_.cycle_momentum) return std::nullopt;
    const double low = params_.base_momentum, high = params_.max_momentum;
    const Place place = place_of(context, at);
    if (place.phase == Phase::rise) return between_points(high, low, place.share);
    if (place.phase == Phase::rest) return high;
    return between_points(low, high, place.share);
  }

 private:
  enum class Phase { rise, fall, rest };  // rest: the third of three
  struct Place {
    Phase phase;
    double share;  // of the phase that is behind
  };

  Place place_of(const ScheduleContext& context, const Progress& at) const {
    const auto total = static_cast<double>(context.steps());
    const auto step = static_cast<double>(at.step);
    const double rise = params_.pct_start * total - 1;
    if (step <= rise) return {Phase::rise, rise > 0 ? step / rise : 1.0};
    if (!params_.three_phase) return {Phase::fall, (step - rise) / (total - 1 - rise)};
    const double fall = 2 * params_.pct_start * total - 2;
    if (step <= fall) return {Phase::fall, (step - rise) / (fall - rise)};
    return {Phase::rest, (step - fall) / (total - 1 - fall)};
  }

  double between_points(double from, double to, double share) const {
    share = std::clamp(share, 0.0, 1.0);
    if (params_.anneal == Anneal::linear) return from + (to - from) * share;
    return to + (from - to) / 2.0 * (1.0 + std::cos(std::numbers::pi * share));
  }

  Params params_;
};

}  // namespace

ScheduleKind one_cycle_kind() {
  return schedule_kind<OneCycle>(
      "one_cycle",
      "rises to the optimiser's rate and falls far below its start (OneCycleLR), step by step",
      param_table());
}

}  // namespace dl
