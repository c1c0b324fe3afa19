#include "engine/train/session.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "core/parallel.h"
#include "engine/sinks/console.h"
#include "engine/train/environment.h"
#include "engine/train/finite_weights.h"
#include "engine/train/next_steps.h"
#include "engine/train/run_identity.h"

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
      parts_(setup, data_) {
  parts_.allocate();
  parts_.programs->bind();
  identity_ = {.config_digest = config_digest(setup.config.resolved_text),
               .data_fingerprint = data_.fingerprint(Split::train),
               .seed = setup.config.seed};
  parts_.store.initialise(setup.graph, setup.config.seed);
  parts_.updater->reset_average();
  run_files_ = std::make_unique<RunFiles>(files_, folder_.path(), metric_names(),
                                          setup.config.diagnostics.has_value());
  saver_.emplace(Saver::Parts{.files = files_,
                              .folder = folder_,
                              .config = setup.config.train.checkpoint,
                              .content = [this](const TrainState& state) { return content(state); },
                              .is_fixed = fixed_weights(parts_.store, *parts_.updater),
                              .sync_metrics = [this] { run_files_->sync(); },
                              .clock =
                                  [] {
                                    const auto now =
                                        std::chrono::steady_clock::now().time_since_epoch();
                                    return std::chrono::duration<double>(now).count();
                                  },
                              .stop = stop_});
}

void Session::init_from(const std::string& path, std::vector<std::string>& notes) {
  std::vector<std::string> unused;
  load_weights(parts_.store, SafetensorsFile::read(path), path, unused);
  expect_finite(parts_.store, path);
  parts_.updater->reset_average();
  if (!unused.empty())
    notes.push_back(path +
                    " holds tensors that the network has no place for: " + join(unused, ", "));
}

void Session::init_from(const Transfer& transfer, const WeightSource& source) {
  apply_transfer(transfer, source, parts_.store);
  parts_.updater->reset_average();
}

void Session::resume_from(const LoadedCheckpoint& checkpoint, std::vector<std::string>& notes) {
  RunIdentity saved;
  state_ = state_from_json(checkpoint.state, checkpoint.folder + "/state.json", saved);
  identity_.config_digest = saved.config_digest;  // it was compared; see expect_unchanged_run()
  if (saved.data_fingerprint != identity_.data_fingerprint) {
    throw UserError(ExitCode::data, "the training data is not what this run was trained on",
                    "its fingerprint has changed");
  }
  std::vector<std::string> unused;
  load_weights(parts_.store, checkpoint.model, checkpoint.folder + "/model.safetensors", unused);
  parts_.updater->load_slots(checkpoint.optim, checkpoint.folder + "/optim.safetensors");
  if (parts_.updater->averages()) {
    if (!checkpoint.ema)
      throw UserError(ExitCode::weights, checkpoint.folder + ": has no averaged weights");
    parts_.updater->load_average(*checkpoint.ema, checkpoint.folder + "/ema.safetensors");
  }
  enter_phase(phase_at(setup_.phases, state_.epoch));
  if (parts_.programs->carries_state(Purpose::train)) load_carried(carried(), checkpoint);
  if (std::string note = how_to_go_on(setup_, state_, folder_.path()); !note.empty())
    notes.push_back(std::move(note));
  run_files_->resume_at(state_, notes);
}

void Session::check(const std::vector<Requirement>& requirements) const {
  std::vector<ResultMetrics> results;
  if (parts_.test) results.push_back({"test", evaluated_metrics(parts_.meter, *parts_.test)});
  if (parts_.valid) results.push_back({"valid", evaluated_metrics(parts_.meter, *parts_.valid)});
  check_requirements(requirements, results);
}

void Session::save_start() { saver_->save(state_); }

ExitCode Session::run(std::vector<std::string> notes, const std::optional<double>& max_seconds,
                      const std::vector<Requirement>& requirements) {
  Sinks sinks;
  sinks.add(console_sink(verbosity_));
  sinks.add(log_sink(*run_files_));
  sinks.add(std::make_unique<Forward>(*run_files_));
  saver_->tell(sinks);
  saver_->begin(state_);
  try {
    return run_phases(sinks, std::move(notes), max_seconds, requirements);
  } catch (...) {
    save_what_is_held();
    write_failure(failure_report(std::current_exception()));
    throw;
  }
}

/// A run that fails has still had its best epoch.
void Session::save_what_is_held() noexcept {
  try {
    saver_->write_held();
  } catch (const std::exception&) {  // the first failure is the one to tell
  }
}

ExitCode Session::run_phases(Sinks& sinks, std::vector<std::string> notes,
                             const std::optional<double>& max_seconds,
                             const std::vector<Requirement>& requirements) {
  began_ = std::chrono::steady_clock::now();
  elapsed_before_ = state_.elapsed_seconds;
  Outcome outcome = Outcome::completed;
  bool started = false;
  for (std::size_t phase = phase_at(setup_.phases, state_.epoch);
       outcome == Outcome::completed && phase < setup_.phases.size(); ++phase) {
    enter_phase(phase);
    if (!started) tell_start(sinks, std::exchange(notes, {}));
    started = true;
    tell_phase(sinks);
    const bool ready = open_features(sinks);
    state_.elapsed_seconds = elapsed_before_ + seconds_here();  // features take their time too
    if (!ready) {
      saver_->save(state_);
      outcome = Outcome::interrupted;
      break;
    }
    Job job = job_of(phase, sinks, max_seconds.value_or(kForever) - seconds_here());
    outcome = run_training(job, state_);
  }
  saver_->close();  // something is held where training ended without a save: it diverged
  return finish(outcome, sinks, requirements);
}

Job Session::job_of(std::size_t phase, Sinks& sinks, double seconds_left) {
  return {.setup = setup_,
          .phase = setup_.phases[phase],
          .store = parts_.store,
          .programs = features_ ? features_->programs() : *parts_.programs,
          .updater = *parts_.updater,
          .meter = features_ ? features_->meter() : parts_.meter,
          .train = features_ ? features_->train() : *parts_.train,
          .valid = features_ ? features_->valid() : parts_.valid.get(),
          .sinks = sinks,
          .stop = stop_,
          .saver = *saver_,
          .save_now = stop_.save_now,
          .diagnostics = parts_.diagnostics ? &*parts_.diagnostics : nullptr,
          .max_seconds = seconds_left};
}

/// Of the one training program: with more than one there is nothing to carry.
std::span<const CarriedState> Session::carried() {
  if (features_ || !parts_.programs->carries_state(Purpose::train)) return {};
  return parts_.programs->get(Purpose::train, setup_.config.data.batch).states();
}

std::vector<std::string> Session::metric_names() const {
  return dl::metric_names(parts_.meter, std::array{parts_.valid.get(), parts_.test.get()});
}

/// Trains what the phase trains, from where the state is: at its beginning, or in its middle.
void Session::enter_phase(std::size_t number) {
  saver_->write_held();  // it counts on what the phase before has frozen
  const Phase& phase = setup_.phases[number];
  const bool begins = state_.epoch == phase.first_epoch && state_.batch == 0;
  if (begins) {
    state_.phase_updates.resize(number);
    state_.phase_updates.push_back(state_.step - state_.skipped);
    if (phase.restarts_schedule) state_.schedule = {};
    // A run that was resumed after its end stays at it.
    if (!stopped_early(setup_.config.train, state_)) state_.epochs_since_best = 0;
  }
  parts_.slices = phase.slices;
  std::vector<std::string> started;
  for (ParamSlice& slice : parts_.slices) {
    std::size_t first = number;  // since which it has been trained
    while (first > 0 && setup_.phases[first - 1].trains(slice.name)) --first;
    slice.updates_before = state_.phase_updates[first];
    if (begins && first == number) started.push_back(slice.name);
  }
  parts_.updater->train_only(parts_.slices, started);
  const bool same = setup_.phases[std::exchange(phase_, number)].frozen == phase.frozen;
  if (same && !features_) return;
  features_.reset();
  parts_.store.freeze(phase.frozen);
  prepare_programs();
}

/// Of the phase that the store is frozen for.
void Session::prepare_programs() {
  parts_.record_programs();
  parts_.programs->bind();
}

void Session::tell_phase(Sinks& sinks) const {
  if (setup_.phases.size() == 1) return;
  const Phase& phase = setup_.phases[phase_];
  std::int64_t trained = 0;
  for (const ParamSlice& slice : phase.slices) trained += static_cast<std::int64_t>(slice.size);
  sinks.tell(&Sink::on_note, fmt::format("phase {} of {}: epochs {} to {}; {} of {} parameters are "
                                         "trained",
                                         phase_ + 1, setup_.phases.size(), phase.first_epoch + 1,
                                         phase.end(), trained, parts_.store.parameter_count()));
}

void Session::tell_start(Sinks& sinks, std::vector<std::string> notes) {
  RunStart start{.name = setup_.config.name,
                 .folder = folder_.path(),
                 .epochs = setup_.config.train.epochs,
                 .steps_per_epoch = setup_.steps_per_epoch(*parts_.train),
                 .epoch = state_.epoch,
                 .log_every = setup_.config.train.log_every,
                 .metrics = metric_names(),
                 .notes = std::move(notes)};
  std::string samples = fmt::format("{} samples to train on", data_.samples(Split::train));
  if (parts_.valid) samples += fmt::format(", {} to validate", data_.samples(Split::valid));
  if (parts_.test) samples += fmt::format(", {} to test", data_.samples(Split::test));
  start.notes.push_back(fmt::format("{}; {} parameters; {} threads; {} of memory", samples,
                                    parts_.store.parameter_count(), thread_count(),
                                    mib(total_bytes(parts_.memory))));
  for (std::string& note : data_.notes()) start.notes.push_back(std::move(note));
  sinks.tell(&Sink::on_start, start);
}

CheckpointContent Session::content(const TrainState& state) {
  TrainState saved = state;
  run_files_->remember_sizes(saved);
  return {.model = weight_tensors(parts_.store),
          .optim = parts_.updater->slot_tensors(),
          .ema = parts_.updater->average_tensors(),
          .carried = carried_tensors(carried()),
          .state = to_json(saved, identity_)};
}

double Session::seconds_here() const {
  const std::chrono::duration<double> used = std::chrono::steady_clock::now() - began_;
  return used.count();
}

}  // namespace dl
