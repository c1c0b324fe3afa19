#include "engine/train/session.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/core/parallel.h"
#include "engine/sinks/console.h"
#include "engine/train/environment.h"
#include "engine/train/finite_weights.h"
#include "engine/train/next_steps.h"
#include "engine/train/resume_rules.h"

namespace dl {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

std::string mib(std::size_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// RunFiles is owned by the session, the sinks own what they are given.
class Forward final : public Sink {
 public:
  explicit Forward(RunFiles& files) : files_(files) {}
  void on_epoch(const EpochReport& report) override { files_.on_epoch(report); }
  void on_diagnosis(const Diagnosis& found) override { files_.on_diagnosis(found); }

 private:
  RunFiles& files_;
};

}  // namespace

Session::Session(FileSystem& files, const Setup& setup, RunFolder folder, StopFlag& stop)
    : files_(files),
      setup_(setup),
      folder_(std::move(folder)),
      stop_(stop),
      data_(setup, stop),
      store_(setup.make_store()),
      slices_(setup.phases[0].slices),
      meter_(setup.graph, setup.train_pipeline->spec()),
      updater_(*setup.optimizer.optimizer, slices_, setup.config.train, store_,
               setup.batches_per_step()) {
  train_ = data_.training_batches();
  if (data_.has(Split::valid)) valid_ = data_.evaluation_batches(Split::valid);
  if (data_.has(Split::test)) test_ = data_.evaluation_batches(Split::test);
  bool any_features = false;
  for (const Phase& phase : setup.phases) {  // what a later one needs is known before the first
    store_.freeze(phase.frozen);
    any_features |= cut_at_features(setup.graph, store_).has_value();
    if (phase.frozen != setup.phases[0].frozen) record_programs();
  }
  expect_features(any_features);
  store_.freeze(setup.phases[0].frozen);
  prepare_programs();
  identity_ = {.config_digest = config_digest(setup.config.resolved_text),
               .data_fingerprint = data_.fingerprint(Split::train),
               .seed = setup.config.seed};
  store_.initialise(setup.graph, setup.config.seed);
  updater_.reset_average();
  run_files_ = std::make_unique<RunFiles>(files_, folder_.path(), metric_names(),
                                          setup.config.diagnostics.has_value());
}

void Session::init_from(const std::string& path, std::vector<std::string>& notes) {
  std::vector<std::string> unused;
  load_weights(store_, SafetensorsFile::read(path), path, unused);
  expect_finite(store_, path);
  updater_.reset_average();
  if (!unused.empty())
    notes.push_back(path +
                    " holds tensors that the network has no place for: " + join(unused, ", "));
}

void Session::init_from(const Transfer& transfer, const WeightSource& source) {
  apply_transfer(transfer, source, store_);
  updater_.reset_average();
}

void Session::resume_from(const LoadedCheckpoint& checkpoint, std::vector<std::string>& notes) {
  RunIdentity saved;
  state_ = state_from_json(checkpoint.state, checkpoint.folder + "/state.json", saved);
  if (saved.config_digest != identity_.config_digest || saved.seed != identity_.seed) {
    throw UserError(
        ExitCode::config,
        folder_.path() + "/config.resolved.yaml has changed since the checkpoint was saved",
        "only train.epochs, stop, checkpoint, threads, max_steps and log_every may change, by "
        "--set");
  }
  if (saved.data_fingerprint != identity_.data_fingerprint) {
    throw UserError(ExitCode::data, "the training data is not what this run was trained on",
                    "its fingerprint has changed");
  }
  std::vector<std::string> unused;
  load_weights(store_, checkpoint.model, checkpoint.folder + "/model.safetensors", unused);
  updater_.load_slots(checkpoint.optim, checkpoint.folder + "/optim.safetensors");
  if (updater_.averages()) {
    if (!checkpoint.ema)
      throw UserError(ExitCode::weights, checkpoint.folder + ": has no averaged weights");
    updater_.load_average(*checkpoint.ema, checkpoint.folder + "/ema.safetensors");
  }
  enter_phase(phase_at(setup_.phases, state_.epoch));
  if (programs_->carries_state(Purpose::train)) load_carried(carried(), checkpoint);
  if (std::string note = how_to_go_on(setup_, state_, folder_.path()); !note.empty())
    notes.push_back(std::move(note));
  if (!run_files_->resume_at(state_))
    notes.push_back(
        "a metrics file is shorter than when the checkpoint was saved; it is left as it is");
}

void Session::save_start() {
  Sinks none;
  save(state_, false, none);
}

ExitCode Session::run(std::vector<std::string> notes, const std::optional<double>& max_seconds,
                      const std::vector<Requirement>& requirements) {
  try {
    return run_phases(std::move(notes), max_seconds, requirements);
  } catch (...) {
    write_failure(failure_report(std::current_exception()));
    throw;
  }
}

ExitCode Session::run_phases(std::vector<std::string> notes,
                             const std::optional<double>& max_seconds,
                             const std::vector<Requirement>& requirements) {
  Sinks sinks;
  sinks.add(console_sink(verbosity_));
  sinks.add(log_sink(*run_files_));
  sinks.add(std::make_unique<Forward>(*run_files_));
  const auto began = std::chrono::steady_clock::now();
  Outcome outcome = Outcome::completed;
  bool started = false;
  for (std::size_t phase = phase_at(setup_.phases, state_.epoch);
       outcome == Outcome::completed && phase < setup_.phases.size(); ++phase) {
    enter_phase(phase);
    if (!started) tell_start(sinks, std::exchange(notes, {}));
    started = true;
    tell_phase(sinks);
    if (!open_features(sinks)) {
      save(state_, false, sinks);
      outcome = Outcome::interrupted;
      break;
    }
    const std::chrono::duration<double> used = std::chrono::steady_clock::now() - began;
    Job job = job_of(phase, sinks, max_seconds.value_or(kForever) - used.count());
    outcome = run_training(job, state_);
  }
  return finish(outcome, sinks, requirements);
}

Job Session::job_of(std::size_t phase, Sinks& sinks, double seconds_left) {
  return {.setup = setup_,
          .phase = setup_.phases[phase],
          .store = store_,
          .programs = features_ ? features_->programs() : *programs_,
          .updater = updater_,
          .meter = features_ ? features_->meter() : meter_,
          .train = features_ ? features_->train() : *train_,
          .valid = features_ ? features_->valid() : valid_.get(),
          .sinks = sinks,
          .stop = stop_,
          .save = [this, &sinks](const TrainState& state, bool best) { save(state, best, sinks); },
          .save_now = stop_.save_now,
          .diagnostics = diagnostics_ ? &*diagnostics_ : nullptr,
          .max_seconds = seconds_left};
}

/// Of the one training program: with more than one there is nothing to carry.
std::span<const CarriedState> Session::carried() {
  if (features_ || !programs_->carries_state(Purpose::train)) return {};
  return programs_->get(Purpose::train, setup_.config.data.batch).states();
}

std::vector<std::string> Session::metric_names() const {
  return dl::metric_names(meter_, std::array{valid_.get(), test_.get()});
}

/// Trains what the phase trains, from where the state is: at its beginning, or in its middle.
void Session::enter_phase(std::size_t number) {
  const Phase& phase = setup_.phases[number];
  const bool begins = state_.epoch == phase.first_epoch && state_.batch == 0;
  if (begins) {
    state_.phase_updates.resize(number);
    state_.phase_updates.push_back(state_.step - state_.skipped);
    if (phase.restarts_schedule) state_.schedule = {};
    // A run that was resumed after its end stays at it.
    if (!stopped_early(setup_.config.train, state_)) state_.epochs_since_best = 0;
  }
  slices_ = phase.slices;
  std::vector<std::string> started;
  for (ParamSlice& slice : slices_) {
    std::size_t first = number;  // since which it has been trained
    while (first > 0 && setup_.phases[first - 1].trains(slice.name)) --first;
    slice.updates_before = state_.phase_updates[first];
    if (begins && first == number) started.push_back(slice.name);
  }
  updater_.train_only(slices_, started);
  const bool same = setup_.phases[std::exchange(phase_, number)].frozen == phase.frozen;
  if (same && !features_) return;
  features_.reset();
  store_.freeze(phase.frozen);
  prepare_programs();
}

/// Those that the store as it is frozen needs, and the memory that they will take.
void Session::record_programs() {
  diagnostics_.reset();  // it looks at the programs
  programs_.reset();
  programs_.emplace(setup_.graph, store_, setup_.config.diagnostics.has_value());
  add_programs(*programs_, Purpose::train, setup_.config.data.batch, data_.samples(Split::train),
               setup_.config.data.drop_last);
  for (const Split split : {Split::valid, Split::test}) {
    if (data_.has(split))
      add_programs(*programs_, Purpose::evaluate, setup_.eval_batch(), data_.samples(split),
                   setup_.streams());
  }
  check_carried_states(setup_, *programs_);
  std::size_t data_bytes = train_->buffer_bytes();
  if (valid_) data_bytes += valid_->buffer_bytes();
  if (test_) data_bytes += test_->buffer_bytes();
  memory_ = training_memory(store_, updater_, *programs_, data_bytes);
  if (const auto& config = setup_.config.diagnostics) {
    diagnostics_.emplace(*config, setup_.graph, store_, programs_->probes(),
                         programs_->time_probes());
    memory_.emplace_back("diagnostics", diagnostics_->bytes());
  }
  check_memory(memory_, memory_limit_bytes());
}

void Session::prepare_programs() {
  record_programs();
  programs_->bind();
}

void Session::tell_phase(Sinks& sinks) const {
  if (setup_.phases.size() == 1) return;
  const Phase& phase = setup_.phases[phase_];
  std::int64_t trained = 0;
  for (const ParamSlice& slice : phase.slices) trained += static_cast<std::int64_t>(slice.size);
  sinks.tell(&Sink::on_note, fmt::format("phase {} of {}: epochs {} to {}; {} of {} parameters are "
                                         "trained",
                                         phase_ + 1, setup_.phases.size(), phase.first_epoch + 1,
                                         phase.end(), trained, store_.parameter_count()));
}

void Session::tell_start(Sinks& sinks, std::vector<std::string> notes) {
  RunStart start{.name = setup_.config.name,
                 .folder = folder_.path(),
                 .epochs = setup_.config.train.epochs,
                 .steps_per_epoch = setup_.steps_per_epoch(*train_),
                 .epoch = state_.epoch,
                 .log_every = setup_.config.train.log_every,
                 .metrics = metric_names(),
                 .notes = std::move(notes)};
  std::size_t total = 0;
  for (const auto& [kind, bytes] : memory_) total += bytes;
  std::string samples = fmt::format("{} samples to train on", data_.samples(Split::train));
  if (valid_) samples += fmt::format(", {} to validate", data_.samples(Split::valid));
  if (test_) samples += fmt::format(", {} to test", data_.samples(Split::test));
  start.notes.push_back(fmt::format("{}; {} parameters; {} threads; {} of memory", samples,
                                    store_.parameter_count(), thread_count(), mib(total)));
  for (std::string& note : data_.notes()) start.notes.push_back(std::move(note));
  sinks.tell(&Sink::on_start, start);
}

void Session::save(const TrainState& state, bool best, Sinks& sinks) {
  TrainState saved = state;
  run_files_->sync();
  run_files_->remember_sizes(saved);
  const CheckpointContent content{.model = weight_tensors(store_),
                                  .optim = updater_.slot_tensors(),
                                  .ema = updater_.average_tensors(),
                                  .carried = carried_tensors(carried()),
                                  .state = to_json(saved, identity_)};
  save_checkpoint(files_, folder_.path(), state.step, content, best,
                  setup_.config.train.checkpoint.keep, [&](const std::string& path) {
                    sinks.tell(&Sink::on_note, "saved " + path + (best ? " (best)" : ""));
                  });
}

/// Puts the weights that the run recommends into the store; says which they are.
std::string Session::load_recommended() {
  const bool has_best = state_.best_epoch > 0;
  std::vector<std::string> skipped;
  const LoadedCheckpoint checkpoint =
      find_checkpoint(folder_.path(), has_best ? Which::best : Which::last, skipped);
  std::vector<std::string> unused;
  const bool average = checkpoint.ema.has_value();
  load_weights(store_, average ? *checkpoint.ema : checkpoint.model, checkpoint.folder, unused);
  return (has_best ? fmt::format("best, epoch {}", state_.best_epoch)
                   : fmt::format("last, epoch {}", state_.epoch)) +
         (average ? ", averaged" : "");
}

std::optional<EpochReport> Session::evaluate_split(Batches* batches, const std::string& split) {
  if (!batches) return std::nullopt;
  const auto sums = evaluate(*programs_, meter_, *batches, stop_);
  if (!sums) return std::nullopt;
  EpochReport report = make_report(meter_, *sums, Purpose::evaluate, split, state_);
  add_baselines(*batches, report.metrics);
  return report;
}

/// Evaluates the weights that the run recommends, on all that was not trained on. False: a signal
/// came meanwhile, and resuming the run evaluates again.
bool Session::evaluate_result(RunEnd& end, Sinks& sinks,
                              const std::vector<Requirement>& requirements, std::string& unmet) {
  close_features();
  const std::string weights = load_recommended();
  const auto valid = evaluate_split(valid_.get(), "valid"),
             test = evaluate_split(test_.get(), "test");
  if ((valid_ && !valid) || (test_ && !test)) return false;
  if (test) sinks.tell(&Sink::on_epoch, *test);
  end.result = test ? test : valid;
  end.weights = weights;
  unmet = unmet_requirement(requirements, valid, test);
  return true;
}

ExitCode Session::finish(Outcome outcome, Sinks& sinks,
                         const std::vector<Requirement>& requirements) {
  RunEnd end{.outcome = std::string(outcome_text(outcome)),
             .folder = folder_.path(),
             .result = {},
             .weights = {},
             .seconds = state_.elapsed_seconds};
  ExitCode code = ExitCode::finished;
  std::string unmet;
  if (outcome == Outcome::diverged) {
    code = ExitCode::diverged;
    sinks.tell(&Sink::on_note, "a loss, a gradient or a running statistic is not finite in step " +
                                   std::to_string(state_.step) +
                                   "; the last checkpoint is as it was (train.on_nonfinite: stop)");
  } else if (outcome == Outcome::interrupted || !evaluate_result(end, sinks, requirements, unmet)) {
    end.outcome = outcome_text(Outcome::interrupted);
    code = static_cast<ExitCode>(128 + stop_.signal.load());
  } else if (!unmet.empty()) {
    code = ExitCode::requirement;
  }
  end.next = next_steps(setup_, outcome, code, folder_.path());
  sinks.tell(&Sink::on_end, end);
  write_exit(end, code);
  if (!unmet.empty()) throw UserError(ExitCode::requirement, unmet);
  return code;
}

void Session::write_exit(const RunEnd& end, ExitCode code) {
  nlohmann::ordered_json out = {{"outcome", end.outcome},
                                {"exit_code", static_cast<int>(code)},
                                {"epoch", state_.epoch},
                                {"step", state_.step},
                                {"seconds", end.seconds}};
  if (end.result) {
    for (const auto& [name, value] : end.result->metrics) out[end.result->split][name] = value;
    out["weights"] = end.weights;
  }
  folder_.write("exit.json", out.dump(2) + "\n");
}

/// Where the failure is that nothing can be written, the run is shown as crashed.
void Session::write_failure(const FailureReport& failure) {
  if (exists(folder_.file("exit.json"))) return;  // a requirement that is not met has written it
  const nlohmann::ordered_json out = {
      {"outcome", "failed"},      {"exit_code", static_cast<int>(failure.code)},
      {"error", failure.message}, {"epoch", state_.epoch},
      {"step", state_.step},      {"seconds", state_.elapsed_seconds}};
  try {
    folder_.write("exit.json",
                  out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } catch (const std::exception&) {
  }
}

}  // namespace dl
