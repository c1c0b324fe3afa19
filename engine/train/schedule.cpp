#include "engine/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/train/schedule_kind.h"

namespace dl {

enum class By { epoch, step };
template <>
struct EnumWords<By> {
  static constexpr std::pair<std::string_view, By> words[] = {{"epoch", By::epoch},
                                                              {"step", By::step}};
};

namespace {

/// Exactly one of `epochs` and `steps` must be written.
void require_one_unit(const ConfigNode& node) {
  const bool epochs = node.find("epochs") != nullptr, steps = node.find("steps") != nullptr;
  if (epochs == steps)
    throw UserError(node.mark(), epochs ? "say 'epochs' or 'steps', not both"
                                        : "missing key 'epochs' (or 'steps')");
}

struct NoParams {};

class Constant final : public Schedule {
 public:
  Constant(NoParams, const ConfigNode&) {}
  double lr(const ScheduleContext& context, const Progress&, const ScheduleState&) const override {
    return context.base_lr;
  }
};

struct StepParams {
  std::optional<std::int64_t> epochs, steps;
  double gamma = 0.1;
};

/// torch.optim.lr_scheduler.StepLR.
class StepSchedule final : public Schedule {
 public:
  StepSchedule(StepParams params, const ConfigNode& node) : params_(params) {
    require_one_unit(node);
  }
  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    const std::int64_t falls =
        params_.epochs ? at.epoch / *params_.epochs : at.step / *params_.steps;
    return context.base_lr * std::pow(params_.gamma, static_cast<double>(falls));
  }

 private:
  StepParams params_;
};

struct MultistepParams {
  std::vector<std::int64_t> epochs, steps;
  double gamma = 0.1;
};

/// torch.optim.lr_scheduler.MultiStepLR.
class Multistep final : public Schedule {
 public:
  Multistep(MultistepParams params, const ConfigNode& node) : params_(std::move(params)) {
    require_one_unit(node);
    const ConfigNode* list = node.find("epochs") ? node.find("epochs") : node.find("steps");
    const std::vector<std::int64_t>& values = milestones();
    if (values.empty()) throw UserError(list->mark(), "expected at least one milestone");
    for (std::size_t i = 1; i < values.size(); ++i) {
      if (values[i] <= values[i - 1])
        throw UserError(list->items()[i].mark(), "milestones must increase");
    }
  }
  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    const std::int64_t now = params_.epochs.empty() ? at.step : at.epoch;
    const auto passed =
        std::upper_bound(milestones().begin(), milestones().end(), now) - milestones().begin();
    return context.base_lr * std::pow(params_.gamma, static_cast<double>(passed));
  }

 private:
  const std::vector<std::int64_t>& milestones() const {
    return params_.epochs.empty() ? params_.steps : params_.epochs;
  }
  MultistepParams params_;
};

struct ExponentialParams {
  double gamma = 0;
};

/// torch.optim.lr_scheduler.ExponentialLR.
class Exponential final : public Schedule {
 public:
  Exponential(ExponentialParams params, const ConfigNode&) : params_(params) {}
  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    return context.base_lr * std::pow(params_.gamma, static_cast<double>(at.epoch));
  }

 private:
  ExponentialParams params_;
};

/// Share of the training that is behind, 0..1.
double share_done(const ScheduleContext& context, const Progress& at, By by) {
  const double done = by == By::epoch
                          ? static_cast<double>(at.epoch) / static_cast<double>(context.epochs)
                          : static_cast<double>(at.step) / static_cast<double>(context.steps());
  return std::min(1.0, done);
}

struct PolynomialParams {
  double power = 1;
  double end_lr = 0;
  By by = By::epoch;
};

/// torch.optim.lr_scheduler.PolynomialLR, with an end other than zero.
class Polynomial final : public Schedule {
 public:
  Polynomial(PolynomialParams params, const ConfigNode&) : params_(params) {}
  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    const double left = std::pow(1.0 - share_done(context, at, params_.by), params_.power);
    return params_.end_lr + (context.base_lr - params_.end_lr) * left;
  }

 private:
  PolynomialParams params_;
};

struct CosineParams {
  double eta_min = 0;
  By by = By::epoch;
};

/// torch.optim.lr_scheduler.CosineAnnealingLR over the whole training (Loshchilov and Hutter 2017,
/// equation 5).
class Cosine final : public Schedule {
 public:
  Cosine(CosineParams params, const ConfigNode&) : params_(params) {}
  double lr(const ScheduleContext& context, const Progress& at,
            const ScheduleState&) const override {
    const double wave =
        (1.0 + std::cos(std::numbers::pi * share_done(context, at, params_.by))) / 2.0;
    return params_.eta_min + (context.base_lr - params_.eta_min) * wave;
  }

 private:
  CosineParams params_;
};

ScheduleKind step_kind() {
  return schedule_kind<StepSchedule, StepParams>(
             "step", "multiplies the rate by gamma every so often (StepLR)",
             {with_default("epochs", &StepParams::epochs, at_least(1), "epochs between falls"),
              with_default("steps", &StepParams::steps, at_least(1),
                           "or optimiser steps between falls"),
              with_default("gamma", &StepParams::gamma, above(0), "factor of a fall")})
      .also({"step_decay"});
}

ScheduleKind multistep_kind() {
  return schedule_kind<Multistep, MultistepParams>(
             "multistep", "multiplies the rate by gamma at each milestone (MultiStepLR)",
             {with_default("epochs", &MultistepParams::epochs, at_least(1),
                           "milestones in epochs, increasing"),
              with_default("steps", &MultistepParams::steps, at_least(1), "or in optimiser steps"),
              with_default("gamma", &MultistepParams::gamma, above(0), "factor of a fall")})
      .also({"multi_step_decay", "milestones", "piecewise"});
}

}  // namespace

const std::vector<ScheduleKind>& all_schedules() {
  static const std::vector<ScheduleKind> kinds = {
      schedule_kind<Constant, NoParams>("constant", "the same rate throughout", {})
          .also({"none", "fixed"}),
      schedule_kind<Cosine, CosineParams>(
          "cosine", "half a cosine wave down to eta_min (CosineAnnealingLR)",
          {with_default("eta_min", &CosineParams::eta_min, at_least(0), "rate at the end"),
           with_default("by", &CosineParams::by, "how often the rate changes")})
          .also({"cosine_annealing", "cosine_decay"}),
      schedule_kind<Exponential, ExponentialParams>(
          "exponential", "multiplies the rate by gamma every epoch (ExponentialLR)",
          {required("gamma", &ExponentialParams::gamma, above(0), "factor of an epoch")})
          .also({"exponential_decay"}),
      multistep_kind(),
      one_cycle_kind(),
      plateau_kind(),
      schedule_kind<Polynomial, PolynomialParams>(
          "polynomial", "falls to end_lr along a power of what is left (PolynomialLR)",
          {with_default("power", &PolynomialParams::power, above(0), "1 is a straight line"),
           with_default("end_lr", &PolynomialParams::end_lr, at_least(0), "rate at the end"),
           with_default("by", &PolynomialParams::by, "how often the rate changes")})
          .also({"poly", "polynomial_decay", "linear", "linear_decay"}),
      step_kind(),
  };
  return kinds;
}

ParamTable<Warmup> warmup_table() {
  return {with_default("epochs", &Warmup::epochs, at_least(1),
                       "length in epochs; either this or steps is required"),
          with_default("steps", &Warmup::steps, at_least(1), "length in optimiser steps"),
          with_default("start_factor", &Warmup::start_factor, between(0, 1),
                       "share of the rate at the first step")};
}

Warmup read_warmup(const ConfigNode& node, std::optional<std::int64_t> epochs) {
  Warmup warmup = read_params(node, warmup_table());
  require_one_unit(node);
  if (epochs && warmup.epochs && *warmup.epochs > *epochs) {
    throw UserError(node.find("epochs")->mark(),
                    "epochs: a warm-up of " + node.find("epochs")->text() +
                        " epochs is longer than the training, which has " +
                        std::to_string(*epochs));
  }
  return warmup;
}

double Warmup::factor(const ScheduleContext& context, std::int64_t step) const {
  const std::int64_t length = epochs ? *epochs * context.steps_per_epoch : steps.value_or(0);
  if (step >= length) return 1;
  return start_factor +
         (1.0 - start_factor) * static_cast<double>(step) / static_cast<double>(length);
}

}  // namespace dl
